"""EfficientNet-B4 as published by DeepfakeBench.

The published class pads as TensorFlow does for an input of 380 px, whatever the input's size is.
timm's `efficientnet_b4` and `tf_efficientnet_b4` both load the file and both give other logits.
"""

import re
from functools import partial
from itertools import accumulate
from pathlib import Path

import torch
import torch.nn.functional as F
from timm.models.efficientnet import efficientnet_b4
from torch import Tensor, nn

from deepbench.core.plugins import DetectorCard, Preprocessing
from deepbench.detectors import checkpoint, network

CARD = DetectorCard(
    title="EfficientNet-B4",
    paper="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, "
    "ICML 2019, arXiv:1905.11946",
    weights="effnb4_best.pth",
    published="DeepfakeBench release v1.0.1, https://github.com/SCLBD/DeepfakeBench/releases",
    licence="CC BY-NC 4.0",
    sha256="",
    parameters=17_552_202,
    trained_on=("faceforensics",),
    crop="aligned",
    preprocessing=Preprocessing(256, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
)

UNUSED = r"(?!)"  # nothing

BLOCKS = (2, 4, 4, 6, 6, 8, 2)  # in each stage; the file counts them through
FIRST = tuple(accumulate(BLOCKS, initial=0))

# Left, right, top, bottom, by stage. At 380 px these strided convolutions would see 190, 48 and 24
# px, where TensorFlow pads the end more than the start. All others are padded evenly, and the stem,
# which DeepfakeBench replaced, not at all.
PADS = {1: (0, 1, 0, 1), 3: (0, 1, 0, 1), 5: (1, 2, 1, 2)}

TOP = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
EXPANDING = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "se.conv_reduce": "_se_reduce",
    "se.conv_expand": "_se_expand",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
# The first stage does not expand its channels.
PLAIN = {
    "conv_dw": "_depthwise_conv",
    "bn1": "_bn1",
    "se.conv_reduce": "_se_reduce",
    "se.conv_expand": "_se_expand",
    "conv_pw": "_project_conv",
    "bn2": "_bn2",
}


def load(
    weights: Path,
    device: str,
    precision: str,
    preprocessing: Preprocessing = CARD.preprocessing,
) -> network.Network:
    """The detector with the published weights."""
    origin = checkpoint.Origin(weights, CARD)
    state = checkpoint.read(origin)
    module = build()
    checkpoint.fit(module, state, published, UNUSED, origin)
    return network.ready(module, preprocessing, device, precision, ["classifier"], "bn2")


def build() -> nn.Module:
    """EfficientNet-B4 with two classes and the published padding, on the meta device."""
    with torch.device("meta"):
        module: nn.Module = efficientnet_b4(num_classes=2, bn_eps=1e-3)
    _convolution(module, "conv_stem").padding = (0, 0)
    for stage, pads in PADS.items():
        convolution = _convolution(module, f"blocks.{stage}.0.conv_dw")
        convolution.padding = (0, 0)
        convolution.register_forward_pre_hook(partial(_pad, pads))
    return module


def _convolution(module: nn.Module, name: str) -> nn.Conv2d:
    convolution = module.get_submodule(name)
    assert isinstance(convolution, nn.Conv2d)
    return convolution


def _pad(
    pads: tuple[int, int, int, int], module: nn.Module, inputs: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    return tuple(F.pad(x, pads) for x in inputs)


def published(name: str) -> str:
    """Name in the published file of a tensor of `build()`."""
    layer, _, tensor = name.rpartition(".")
    if layer == "classifier":
        return f"backbone.last_layer.{tensor}"
    block = re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", layer)
    if block is None:
        return f"backbone.efficientnet.{TOP[layer]}.{tensor}"
    stage, index = int(block[1]), int(block[2])
    part = (EXPANDING if stage else PLAIN)[block[3]]
    return f"backbone.efficientnet._blocks.{FIRST[stage] + index}.{part}.{tensor}"


def layout() -> dict[str, Tensor]:
    """Keys, shapes and dtypes of the published file, on the meta device."""
    return checkpoint.layout(build(), published)
