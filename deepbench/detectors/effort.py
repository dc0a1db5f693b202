"""Effort: CLIP's ViT-L/14 with a learnt low-rank residual on each attention weight.

The ViT's size is read from the file, so that a smaller network of the same form loads too.
"""

import math
import re
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepbench.core.plugins import DetectorCard, Preprocessing
from deepbench.detectors import checkpoint, network
from deepbench.detectors.clip_vit import HEAD_WIDTH, ClassToken, VitSize

CARD = DetectorCard(
    title="Effort",
    paper="Yan et al., Orthogonal Subspace Decomposition for Generalizable AI-Generated Image "
    "Detection, ICML 2025, arXiv:2411.15633",
    weights="effort_clip_L14_trainOn_FaceForensic.pth",
    published="Effort's repository, https://github.com/YZY-stack/Effort-AIGI-Detection",
    licence="CC BY-NC 4.0",
    sha256="",
    parameters=303_181_826,  # residuals folded into the weights
    trained_on=("faceforensics",),
    crop="aligned",
    preprocessing=Preprocessing(
        224, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    ),
)

# The discarded part of the decomposition, and indices that older transformers kept in the file.
UNUSED = r"backbone\..+\.[USV]_r|backbone\.embeddings\.position_ids"

VIT_L14 = VitSize(hidden=1024, layers=24, mlp=4096, patch=14, image=224)


class Effort(nn.Module):
    """CLIP's image encoder and a linear layer on its pooled output."""

    def __init__(self, size: VitSize) -> None:
        super().__init__()
        self.backbone = ClassToken(size)
        self.head = nn.Linear(size.hidden, 2)

    def forward(self, x: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n 2"]:
        """Logits of real and fake."""
        logits: Tensor = self.head(self.backbone(x))
        return logits


def load(
    weights: Path,
    device: str,
    precision: str,
    preprocessing: Preprocessing = CARD.preprocessing,
) -> network.Network:
    """The detector with the published weights, residuals folded in."""
    origin = checkpoint.Origin(weights, CARD)
    state = checkpoint.read(origin)
    size = infer_size(state, origin)
    if preprocessing.size != size.image:
        msg = (
            f"effort: input size {preprocessing.size}, but the network in {weights} takes "
            f"{size.image}; use scores.profile: published or another profile of that size"
        )
        raise ValueError(msg)
    checkpoint.check(state, unprefixed_layout(size), UNUSED, origin)
    module = build(size)
    own, whole = module.state_dict(), folded(state)
    made = {name: tensor for name, tensor in whole.items() if name not in state}
    checkpoint.check(made, {name: own[name] for name in made}, UNUSED, origin)
    values = {name: whole[name].to(tensor.dtype) for name, tensor in own.items()}
    module.load_state_dict(values, strict=True, assign=True)
    module.backbone.fold()
    # not before: most of the network is new by now, and a gigabyte that takes time to copy
    checkpoint.copy_out(module, state)
    # only the class token is pooled: the others count no more after the last attention
    last = f"backbone.encoder.layers.{size.layers - 1}.layer_norm1"
    return network.ready(module, preprocessing, device, precision, ["head"], last)


def build(size: VitSize) -> Effort:
    """The network on the meta device."""
    with torch.device("meta"):
        return Effort(size)


def published(name: str) -> str:
    """Name in the published file, but for folded weights, of a tensor of `build()`: its own."""
    return name


def infer_size(state: dict[str, Tensor], origin: checkpoint.Origin) -> VitSize:
    """The size of the ViT whose tensors these are.

    Raises:
        ValueError: the tensors that tell are not there, or disagree.
    """
    telling = {
        "backbone.embeddings.patch_embedding.weight": 4,
        "backbone.embeddings.position_embedding.weight": 2,
        "backbone.encoder.layers.0.mlp.fc1.weight": 2,
        "backbone.encoder.layers.0.self_attn.k_proj.S_residual": 1,
    }
    lost = [name for name, axes in telling.items() if name not in state or state[name].ndim != axes]
    if lost:
        held = ", ".join(list(state)[:3])
        raise origin.error(f"is no Effort checkpoint: {'; '.join(lost)} missing; it holds {held}")
    patches, positions, fc1, s_residual = (state[name] for name in telling)
    hidden, patch = patches.shape[0], patches.shape[-1]
    side = math.isqrt(max(len(positions) - 1, 0))
    if hidden % HEAD_WIDTH or side * side + 1 != len(positions):
        raise origin.error(
            f"is no CLIP ViT: {hidden} channels should be a multiple of {HEAD_WIDTH}, "
            f"{len(positions)} positions a square and one"
        )
    numbers = [re.match(r"backbone\.encoder\.layers\.(\d+)\.", name) for name in state]
    layers = 1 + max(int(number[1]) for number in numbers if number)
    return VitSize(hidden, layers, len(fc1), patch, patch * side, len(s_residual))


def folded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state with W = weight_main + U diag(S) V in place of the four parts of each weight."""
    result = {}
    for name, tensor in state.items():
        layer, _, part = name.rpartition(".")
        if part == "weight_main":
            u, s, v = (state[f"{layer}.{letter}_residual"].float() for letter in "USV")
            result[f"{layer}.weight"] = (u @ torch.diag(s) @ v).add_(tensor)
        elif not part.endswith("_residual"):
            result[name] = tensor
    return result


def layout(size: VitSize = VIT_L14) -> dict[str, Tensor]:
    """Keys, shapes and dtypes of the published file, on the meta device."""
    return {f"module.{name}": tensor for name, tensor in unprefixed_layout(size).items()}


def demo_layout() -> dict[str, Tensor]:
    """The same form for a ViT of a million parameters instead of 300: demo weights are shipped."""
    return layout(VitSize(hidden=128, layers=4, mlp=512, patch=14, image=224))


def unprefixed_layout(size: VitSize) -> dict[str, Tensor]:
    """The layout without the `module.` that `checkpoint.read` strips."""
    result = {}
    for name, tensor in checkpoint.layout(build(size), published).items():
        layer, _, part = name.rpartition(".")
        if not re.search(r"\.self_attn\.\w+_proj$", layer) or part != "weight":
            result[name] = tensor
            continue
        shapes = {
            "weight_main": (size.hidden, size.hidden),
            "S_residual": (size.rank,),
            "U_residual": (size.hidden, size.rank),
            "V_residual": (size.rank, size.hidden),
        }
        for kind, shape in shapes.items():
            result[f"{layer}.{kind}"] = torch.empty(shape, device="meta")
    return result
