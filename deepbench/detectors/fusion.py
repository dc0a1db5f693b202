"""Fusion: spatial features of a backbone beside the frequency features of the same crop.

The model of the second seed system, trained here (`make train-fusion`). A file without one of the
two kinds of features, or with another backbone, is an ablation and loads as what it is.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from deepbench.core.plugins import DetectorCard, Preprocessing
from deepbench.detectors import checkpoint, legacy_xception, network
from deepbench.media import spectrum, treatments

CARD = DetectorCard(
    title="Fusion",
    paper="this project's: Xception (Chollet, CVPR 2017, arXiv:1610.02357) beside 512 frequency "
    "features (deepbench/media/spectrum.py)",
    weights="fusion_best.pth",
    published="this project's own training: make train-fusion",
    licence="of the data and of the Xception weights that it was trained from",
    sha256="",
    parameters=22_250_026,
    trained_on=("faceforensics",),
    crop="aligned",
    preprocessing=Preprocessing(256, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
)

FEATURES = len(spectrum.FEATURE_NAMES)
UNUSED = r"(?!)"  # nothing
CHANNELS = legacy_xception.WIDTH  # of either backbone's last layer
BOUND = 6.0  # standard deviations: kurtosis has tails that would drown all other features


class Form(NamedTuple):
    """Which features there are."""

    backbone: str  # xception, resnet50; empty: no spatial features
    frequency: bool


FULL = Form("xception", frequency=True)
# the last layer that still has places, and what the second stage of training changes
EXPLAINED = {"xception": "backbone.act4", "resnet50": "backbone.layer4", "": ""}
TOP = {
    "xception": ("block12", "conv3", "bn3", "conv4", "bn4"),
    "resnet50": ("layer4",),
}


class Standardised(nn.Module):
    """Frequency features in standard deviations from their mean over the training crops."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("std", torch.ones(FEATURES))

    def forward(self, features: Float[Tensor, "n 512"]) -> Float[Tensor, "n 512"]:
        """Within -6 and 6; what a flat crop has not (NaN) counts as the mean."""
        return ((features - self.mean) / self.std).clamp(-BOUND, BOUND).nan_to_num(0)


class Fusion(nn.Module):
    """A backbone, the frequency features, and three dense layers on both."""

    def __init__(self, form: Form, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.form, self.preprocessing = form, preprocessing
        width = CHANNELS * bool(form.backbone) + FEATURES * form.frequency
        # comes first, so that the module's first parameter tells its input's dtype: the grey
        # levels of a crop need more than the 8 bits of bfloat16
        self.head = nn.Sequential(
            nn.Linear(width, 512),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(512, 256),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(256, 2),
        )
        if form.frequency:
            self.frequency = Standardised()
        if form.backbone:
            self.backbone = _backbone(form.backbone)

    def forward(self, x: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n 2"]:
        """Logits of real and fake."""
        frequency = self.levels_to_features(x) if self.form.frequency else None
        return self.fused(x, frequency)

    def fused(
        self, x: Float[Tensor, "n 3 s s"], frequency: Float[Tensor, "n 512"] | None
    ) -> Float[Tensor, "n 2"]:
        """Logits of an input whose frequency features are known."""
        logits: Tensor = self.head(self.features(x, frequency))
        return logits

    def features(
        self, x: Float[Tensor, "n 3 s s"], frequency: Float[Tensor, "n 512"] | None
    ) -> Float[Tensor, "n width"]:
        """What the head sees: spatial features, then frequency features."""
        parts: list[Tensor] = []
        if self.form.backbone:
            dtype = next(self.backbone.parameters()).dtype
            places = self.backbone.forward_features(x.to(dtype))  # type: ignore[operator]
            parts.append(places.float().mean(dim=(2, 3)))
        if frequency is not None:
            parts.append(self.frequency(frequency))
        return torch.cat(parts, dim=1)

    def levels_to_features(self, x: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n 512"]:
        """Frequency features of the pixels behind an input; no gradient flows through them."""
        mean, std = (
            torch.tensor(values, device=x.device)[:, None, None]
            for values in (self.preprocessing.mean, self.preprocessing.std)
        )
        levels = ((x.detach().float() * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
        crops = levels.permute(0, 2, 3, 1).cpu().numpy()
        return torch.from_numpy(frequency_features(crops)).to(x.device)


def frequency_features(crops: np.ndarray) -> Float32[np.ndarray, "n 512"]:
    """Frequency features of RGB crops [n, side, side, 3] of grey levels 0 to 255."""
    grey = [treatments.grey(np.ascontiguousarray(crop)) for crop in crops]
    return spectrum.features(np.array(grey).reshape(-1, spectrum.SIZE, spectrum.SIZE))


def _backbone(name: str) -> nn.Module:
    if name == "xception":
        return legacy_xception.Xception(3, classes=0)
    # it takes seconds to import, and no published detector needs it
    from timm.models.resnet import resnet50

    module: nn.Module = resnet50(num_classes=0)
    return module


def load(
    weights: Path,
    device: str,
    precision: str,
    preprocessing: Preprocessing = CARD.preprocessing,
) -> network.Network:
    """The detector with trained weights; its frequency features and head run in float32 always."""
    origin = checkpoint.Origin(weights, CARD)
    state = checkpoint.read(origin)
    form = form_of(state)
    module = build(form, preprocessing)
    checkpoint.fit(module, state, str, UNUSED, origin)
    exact = ["head"]
    if form.frequency:
        exact.append("frequency")
        if not (state["frequency.std"] > 0).all():
            raise origin.error("frequency.std, a standard deviation, is not positive throughout")
    return network.ready(module, preprocessing, device, precision, exact, EXPLAINED[form.backbone])


def form_of(state: dict[str, Tensor]) -> Form:
    """Which features a checkpoint has; one that has none is held against the full form."""
    marks = {"xception": "backbone.block12.skip.weight", "resnet50": "backbone.layer4.0.bn1.weight"}
    backbone = next((name for name, mark in marks.items() if mark in state), "")
    form = Form(backbone, "frequency.std" in state)
    return form if any(form) else FULL


def build(form: Form, preprocessing: Preprocessing = CARD.preprocessing) -> Fusion:
    """The network on the meta device."""
    with torch.device("meta"):
        return Fusion(form, preprocessing)


def layout() -> dict[str, Tensor]:
    """Keys, shapes and dtypes of a trained file, on the meta device."""
    return checkpoint.layout(build(FULL), str)
