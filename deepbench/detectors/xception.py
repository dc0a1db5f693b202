"""Xception, the baseline of FaceForensics++, as published by DeepfakeBench."""

from pathlib import Path

from torch import Tensor

from deepbench.core.plugins import DetectorCard, Preprocessing
from deepbench.detectors import checkpoint, legacy_xception, network

CARD = DetectorCard(
    title="Xception",
    paper="Rössler et al., FaceForensics++: Learning to Detect Manipulated Facial Images, "
    "ICCV 2019, arXiv:1901.08971",
    weights="xception_best.pth",
    published="DeepfakeBench release v1.0.1, https://github.com/SCLBD/DeepfakeBench/releases",
    licence="CC BY-NC 4.0",
    sha256="",
    parameters=20_811_050,
    trained_on=("faceforensics",),
    crop="aligned",
    preprocessing=Preprocessing(256, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
)


def load(
    weights: Path,
    device: str,
    precision: str,
    preprocessing: Preprocessing = CARD.preprocessing,
) -> network.Network:
    """The detector with the published weights."""
    origin = checkpoint.Origin(weights, CARD)
    state = checkpoint.read(origin)
    module = legacy_xception.build()
    head = legacy_xception.head_name(state, "backbone.last_linear")
    checkpoint.fit(
        module,
        state,
        lambda name: legacy_xception.published(name, head),
        legacy_xception.UNUSED,
        origin,
    )
    return network.ready(module, preprocessing, device, precision, ["fc"], "act4")


def layout() -> dict[str, Tensor]:
    """Keys, shapes and dtypes of the published file, on the meta device."""
    own = checkpoint.layout(
        legacy_xception.build(),
        lambda name: legacy_xception.published(name, "backbone.last_linear"),
    )
    return own | legacy_xception.adjust_channel()
