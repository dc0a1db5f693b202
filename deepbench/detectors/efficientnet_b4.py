"""EfficientNet-B4 as published by DeepfakeBench.

The published class pads as TensorFlow does for an input of 380 px, whatever the input's size is.
timm's `efficientnet_b4` and `tf_efficientnet_b4` both fit the file and both give other logits.
Written out here, under the published names, because timm takes seconds to import; a test holds that
timm's network with this padding gives the same bits.
"""

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
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

EPSILON = 1e-3  # of batch norms
STEM, LAST = 48, 1792  # channels of the first and the last convolution


class Stage(NamedTuple):
    """Blocks of one width."""

    blocks: int
    width: int  # channels
    kernel: int
    stride: int  # of the first block
    expands: int  # times the channels that a block takes
    # left, right, top, bottom, where the first block is not padded evenly: at 380 px it would see
    # 190, 48 and 24 px, where TensorFlow pads the end more than the start
    uneven: tuple[int, int, int, int] | None = None


STAGES = (
    Stage(2, 24, 3, 1, 1),
    Stage(4, 32, 3, 2, 6, (0, 1, 0, 1)),
    Stage(4, 56, 5, 2, 6),
    Stage(6, 112, 3, 2, 6, (0, 1, 0, 1)),
    Stage(6, 160, 5, 1, 6),
    Stage(8, 272, 5, 2, 6, (1, 2, 1, 2)),
    Stage(2, 448, 3, 1, 6),
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
    module = build()
    checkpoint.fit(module, state, published, UNUSED, origin)
    return network.ready(module, preprocessing, device, precision, ["last_layer"], "efficientnet")


class Block(nn.Module):
    """Expansion, depthwise convolution, squeeze and excitation, projection."""

    def __init__(self, taken: int, stage: Stage, first: bool) -> None:
        super().__init__()
        inside, stride = taken * stage.expands, stage.stride if first else 1
        self.uneven = stage.uneven if first else None
        self.way_round = stride == 1 and taken == stage.width
        even = 0 if self.uneven else stage.kernel // 2
        if stage.expands > 1:
            self._expand_conv = nn.Conv2d(taken, inside, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inside, EPSILON)
        self._depthwise_conv = nn.Conv2d(
            inside, inside, stage.kernel, stride, even, groups=inside, bias=False
        )
        self._bn1 = nn.BatchNorm2d(inside, EPSILON)
        self._se_reduce = nn.Conv2d(inside, taken // 4, 1)
        self._se_expand = nn.Conv2d(taken // 4, inside, 1)
        self._project_conv = nn.Conv2d(inside, stage.width, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(stage.width, EPSILON)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k p q"]:
        """The block, beside a way round it if nothing changes its shape."""
        inside = x
        if hasattr(self, "_expand_conv"):
            inside = F.silu(self._bn0(self._expand_conv(x)), inplace=True)
        inside = F.pad(inside, self.uneven) if self.uneven else inside
        inside = F.silu(self._bn1(self._depthwise_conv(inside)), inplace=True)
        squeezed = F.silu(self._se_reduce(inside.mean((2, 3), keepdim=True)), inplace=True)
        inside = inside * self._se_expand(squeezed).sigmoid()
        projected: Tensor = self._bn2(self._project_conv(inside))
        return projected + x if self.way_round else projected


class Features(nn.Module):
    """Everything before the pooling."""

    def __init__(self) -> None:
        super().__init__()
        # DeepfakeBench replaced the stem's convolution, and the new one does not pad
        self._conv_stem = nn.Conv2d(3, STEM, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(STEM, EPSILON)
        widths = [STEM, *(stage.width for stage in STAGES for _ in range(stage.blocks))]
        places = [(stage, i == 0) for stage in STAGES for i in range(stage.blocks)]
        self._blocks = nn.ModuleList(
            Block(taken, *place) for taken, place in zip(widths, places, strict=False)
        )
        self._conv_head = nn.Conv2d(widths[-1], LAST, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(LAST, EPSILON)

    def forward(self, x: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1792 p q"]:
        """The last layer that still has places."""
        x = F.silu(self._bn0(self._conv_stem(x)), inplace=True)
        for block in self._blocks:
            x = block(x)
        return F.silu(self._bn1(self._conv_head(x)), inplace=True)


class EfficientNet(nn.Module):
    """Features and a linear layer on their mean over places."""

    def __init__(self) -> None:
        super().__init__()
        self.efficientnet = Features()
        self.last_layer = nn.Linear(LAST, 2)

    def forward(self, x: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 2"]:
        """Logits of real and fake."""
        logits: Tensor = self.last_layer(F.adaptive_avg_pool2d(self.efficientnet(x), 1).flatten(1))
        return logits


def build() -> EfficientNet:
    """The network on the meta device."""
    with torch.device("meta"):
        return EfficientNet()


def published(name: str) -> str:
    """Name in the published file of a tensor of `build()`."""
    return f"backbone.{name}"


def layout() -> dict[str, Tensor]:
    """Keys, shapes and dtypes of the published file, on the meta device."""
    return checkpoint.layout(build(), published)
