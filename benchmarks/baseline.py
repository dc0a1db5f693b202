"""What one would write today: every frame decoded, one network after the other, eager float32.

The same networks with the same weights as deepbench's, loaded from the same files, but as their
authors' code runs them: batches of one, attention written out, nothing folded or reordered.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from facenet_pytorch import MTCNN
from torch import Tensor, nn
from transformers.models.clip.configuration_clip import CLIPVisionConfig
from transformers.models.clip.modeling_clip import CLIPVisionModel

from deepbench.core import plugins
from deepbench.detectors import checkpoint, clip_vit, effort, legacy_xception
from deepbench.media.detection import Detection


def frames(path: Path, wanted: list[int]) -> list[np.ndarray]:
    """RGB frames of a video; all are decoded, the wanted ones converted."""
    chosen, found, number = set(wanted), [], 0
    video = cv2.VideoCapture(str(path))
    while video.grab():
        if number in chosen:
            found.append(np.ascontiguousarray(video.retrieve()[1][..., ::-1]))
        number += 1
    video.release()
    return found


def face_finder(min_face: int) -> MTCNN:
    """facenet-pytorch's MTCNN on the CPU."""
    return MTCNN(keep_all=True, min_face_size=min_face, device="cpu")


def largest_face(finder: MTCNN, rgb: np.ndarray) -> Detection | None:
    """The largest face of a frame, if there is any."""
    boxes, confidences, points = finder.detect(rgb, landmarks=True)
    if boxes is None:
        return None
    boxes, points = boxes.astype(np.float32), points.astype(np.float32)
    best = int(np.argmax(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)))
    return Detection(boxes[best], points[best], float(confidences[best]))


class PlainEffort(nn.Module):
    """CLIP's image encoder with attention written out, and a linear layer."""

    def __init__(self, size: clip_vit.VitSize) -> None:
        super().__init__()
        config = CLIPVisionConfig(
            hidden_size=size.hidden,
            intermediate_size=size.mlp,
            num_hidden_layers=size.layers,
            num_attention_heads=size.hidden // 64,
            image_size=size.image,
            patch_size=size.patch,
            hidden_act="quick_gelu",
        )
        self.backbone = CLIPVisionModel(config)
        self.backbone.set_attn_implementation("eager")
        self.head = nn.Linear(size.hidden, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of real and fake."""
        logits: Tensor = self.head(self.backbone(pixel_values=x).pooler_output)
        return logits


def load(detector: str, weights: Path) -> nn.Module:
    """One of the four detectors in eval mode, float32, in PyTorch's default layout."""
    component = plugins.load("detectors", detector)
    origin = checkpoint.Origin(weights, component.CARD)
    state = checkpoint.read(origin)
    if detector == "effort":
        module: nn.Module = PlainEffort(effort.infer_size(state, origin))
        # the published code adds the residuals up again in every forward pass; this is quicker
        module.load_state_dict(effort.folded(state))
    else:
        module = legacy_xception.build() if detector == "xception" else component.build()
        names = _names(detector, state)
        checkpoint.fit(module, state, names, legacy_xception.UNUSED, origin)
    return module.eval()


def _names(detector: str, state: dict[str, Tensor]) -> Callable[[str], str]:
    component = plugins.load("detectors", detector)
    if detector == "efficientnet_b4":
        named: Callable[[str], str] = component.published
        return named
    head = legacy_xception.head_name(state, "backbone.last_linear")
    if detector == "f3net":
        return lambda name: component.published(name, head)
    return lambda name: legacy_xception.published(name, head)


def prepare(crop: np.ndarray, preprocessing: plugins.Preprocessing) -> Tensor:
    """A crop as a batch of one."""
    size = preprocessing.size
    if len(crop) != size:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_CUBIC)
    x = torch.from_numpy(crop).permute(2, 0, 1).float() / 255
    mean, std = (torch.tensor(v)[:, None, None] for v in (preprocessing.mean, preprocessing.std))
    return ((x - mean) / std)[None]


@torch.no_grad()
def fake_logit(module: nn.Module, x: Tensor) -> float:
    """Log-odds of fake of a batch of one."""
    real, fake = module(x)[0].tolist()
    return float(fake - real)
