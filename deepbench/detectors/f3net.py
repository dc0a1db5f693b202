"""F3-Net's frequency-aware branch (FAD) with Xception, as published by DeepfakeBench."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepbench.core.plugins import DetectorCard, Preprocessing
from deepbench.detectors import checkpoint, legacy_xception, network

CARD = DetectorCard(
    title="F3-Net",
    paper="Qian et al., Thinking in Frequency: Face Forgery Detection by Mining Frequency-aware "
    "Clues, ECCV 2020, arXiv:2007.09355",
    weights="f3net_best.pth",
    published="DeepfakeBench release v1.0.1, https://github.com/SCLBD/DeepfakeBench/releases",
    licence="CC BY-NC 4.0",
    sha256="",
    parameters=21_075_786,
    trained_on=("faceforensics",),
    crop="aligned",
    preprocessing=Preprocessing(256, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
)

SIZE = 256  # of the cosine transform and its filters, so of the input

# Low, middle, high and all frequencies: lowest and highest row + column, both included.
BANDS = ((0, 90), (90, 128), (128, 512), (0, 512))


def load(
    weights: Path,
    device: str,
    precision: str,
    preprocessing: Preprocessing = CARD.preprocessing,
) -> network.Network:
    """The detector with the published weights; its cosine transform runs in float32 always."""
    if preprocessing.size != SIZE:
        msg = (
            f"f3net: input size {preprocessing.size}, but its filters are {SIZE} x {SIZE}; "
            "use scores.profile: published, or leave f3net out of detectors"
        )
        raise ValueError(msg)
    origin = checkpoint.Origin(weights, CARD)
    state = checkpoint.read(origin)
    module = build()
    head = legacy_xception.head_name(state, "backbone.last_linear")
    checkpoint.fit(
        module, state, lambda name: published(name, head), legacy_xception.UNUSED, origin
    )
    _check_constants(state, origin)
    exact = ["FAD_head", "backbone.fc"]
    return network.ready(module, preprocessing, device, precision, exact, "backbone.act4")


class Filter(nn.Module):
    """One band of frequencies: a fixed mask and a learnt correction within -1 and 1."""

    base: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("base", torch.empty(SIZE, SIZE))
        self.learnable = nn.Parameter(torch.empty(SIZE, SIZE))

    def forward(self, spectrum: Float[Tensor, "n c s s"]) -> Float[Tensor, "n c s s"]:
        """The spectrum within the band."""
        return spectrum * (self.base + 2 * torch.sigmoid(self.learnable) - 1)


class FrequencyDecomposition(nn.Module):
    """An image as four images, one per band of its cosine transform."""

    _DCT_all: Tensor  # names as published
    _DCT_all_T: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("_DCT_all", torch.empty(SIZE, SIZE))
        self.register_buffer("_DCT_all_T", torch.empty(SIZE, SIZE))
        self.filters = nn.ModuleList(Filter() for _ in BANDS)

    def forward(self, x: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n 12 s s"]:
        """The bands' images, band after band."""
        forth, back = self._DCT_all, self._DCT_all_T
        spectrum = forth @ x @ back
        return torch.cat([back @ band(spectrum) @ forth for band in self.filters], dim=1)


class F3Net(nn.Module):
    """Frequency decomposition, then Xception on its twelve channels."""

    def __init__(self) -> None:
        super().__init__()
        # comes first, so that the module's first parameter tells its input's dtype
        self.FAD_head = FrequencyDecomposition()
        self.backbone = legacy_xception.build(channels=3 * len(BANDS))

    def forward(self, x: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n 2"]:
        """Logits of real and fake."""
        bands = self.FAD_head(x)
        logits: Tensor = self.backbone(bands.to(next(self.backbone.parameters()).dtype))
        return logits


def build() -> F3Net:
    """The network on the meta device."""
    with torch.device("meta"):
        return F3Net()


def published(name: str, head: str) -> str:
    """Name in the published file of a tensor of `build()`; the file calls the last layer `head`."""
    part, _, rest = name.partition(".")
    return legacy_xception.published(rest, head) if part == "backbone" else name


def layout() -> dict[str, Tensor]:
    """Keys, shapes and dtypes of the published file: constants with their values, the rest meta."""
    own = checkpoint.layout(build(), lambda name: published(name, "backbone.last_linear.1"))
    return own | legacy_xception.adjust_channel() | constants()


def constants() -> dict[str, Tensor]:
    """What the published file holds of fixed tensors: the orthonormal DCT-II and the bands."""
    i, j = np.mgrid[:SIZE, :SIZE]
    scale = np.where(i == 0, np.sqrt(1 / SIZE), np.sqrt(2 / SIZE))
    transform = torch.from_numpy((scale * np.cos((j + 0.5) * np.pi * i / SIZE)).astype(np.float32))
    masks = {
        f"FAD_head.filters.{band}.base": torch.from_numpy((i + j >= low) & (i + j <= high)).float()
        for band, (low, high) in enumerate(BANDS)
    }
    return {
        "FAD_head._DCT_all": transform,
        "FAD_head._DCT_all_T": transform.T.contiguous(),
    } | masks


def _check_constants(state: dict[str, Tensor], origin: checkpoint.Origin) -> None:
    # another machine's cosine may differ in the last bit
    wrong = [
        f"{name} by up to {(state[name].float() - value).abs().max().item():.2g}"
        for name, value in constants().items()
        if not torch.allclose(state[name].float(), value, rtol=0, atol=1e-6)
    ]
    if wrong:
        raise origin.error(f"constants differ from their formula: {'; '.join(wrong)}")
