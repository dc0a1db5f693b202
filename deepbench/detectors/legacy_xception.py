"""The Xception network as DeepfakeBench builds it, which three detectors share.

Chollet, CVPR 2017, arXiv:1610.02357. Written out here because timm, which has it as
`legacy_xception`, takes seconds to import; a test holds that both give the same bits.
"""

import re
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

# A side branch that the published class builds and never calls.
UNUSED = r"backbone\.adjust_channel\..+"

WIDTH = 2048  # channels of the last layer that still has places


class Separable(nn.Module):
    """A convolution within each channel, then one across channels."""

    def __init__(self, taken: int, given: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(taken, taken, 3, padding=1, groups=taken, bias=False)
        self.pointwise = nn.Conv2d(taken, given, 1, bias=False)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k h w"]:
        """The same places, in other channels."""
        across: Tensor = self.pointwise(self.conv1(x))
        return across


class Block(nn.Module):
    """Separable convolutions between some widths, beside a way round them."""

    def __init__(self, widths: tuple[int, ...], stride: int, activated: bool = True) -> None:
        super().__init__()
        self.skip = self.skipbn = None
        if stride > 1 or widths[0] != widths[-1]:
            self.skip = nn.Conv2d(widths[0], widths[-1], 1, stride, bias=False)
            self.skipbn = nn.BatchNorm2d(widths[-1])
        layers: list[nn.Module] = []
        for taken, given in pairwise(widths):
            # the first may not spoil what the way round it takes
            layers += [nn.ReLU(inplace=bool(layers)), Separable(taken, given)]
            layers.append(nn.BatchNorm2d(given))
        pool = [nn.MaxPool2d(3, stride, 1)] if stride > 1 else []
        self.rep = nn.Sequential(*layers[not activated :], *pool)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k ph pw"]:
        """Both ways added."""
        through: Tensor = self.rep(x)
        through += x if self.skip is None or self.skipbn is None else self.skipbn(self.skip(x))
        return through


class Xception(nn.Module):
    """The network; names of its parts are those of the published file."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 32, 3, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.block1 = Block((64, 128, 128), 2, activated=False)
        self.block2 = Block((128, 256, 256), 2)
        self.block3 = Block((256, 728, 728), 2)
        for number in range(4, 12):
            self.add_module(f"block{number}", Block((728,) * 4, 1))
        self.block12 = Block((728, 728, 1024), 2)
        self.conv3 = Separable(1024, 1536)
        self.bn3 = nn.BatchNorm2d(1536)
        self.conv4 = Separable(1536, WIDTH)
        self.bn4 = nn.BatchNorm2d(WIDTH)
        self.act4 = nn.ReLU(inplace=True)
        self.fc = nn.Linear(WIDTH, classes) if classes else nn.Identity()

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n class"]:
        """Logits of the classes."""
        logits: Tensor = self.fc(F.adaptive_avg_pool2d(self.forward_features(x), 1).flatten(1))
        return logits

    def forward_features(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 2048 p q"]:
        """The last layer that still has places."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        for number in range(1, 13):
            x = self.get_submodule(f"block{number}")(x)
        x = F.relu(self.bn3(self.conv3(x)), inplace=True)
        last: Tensor = self.act4(self.bn4(self.conv4(x)))
        return last


def build(channels: int = 3) -> Xception:
    """Xception with two classes, on the meta device, for inputs of so many channels."""
    with torch.device("meta"):
        return Xception(channels, classes=2)


def randomise(module: nn.Module) -> None:
    """Draw weights for a training from nothing: He et al., arXiv:1502.01852, over the outputs."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")


def published(name: str, head: str) -> str:
    """Name in the published file of a tensor of `build()`; the file calls the last layer `head`."""
    return re.sub(r"^backbone\.fc\b", head, f"backbone.{name}")


def head_name(state: dict[str, Tensor], name: str) -> str:
    """The last layer's name in a file: networks trained with dropout have it one level down."""
    return f"{name}.1" if f"{name}.1.weight" in state else name


def adjust_channel() -> dict[str, Tensor]:
    """The tensors of the unused side branch."""
    with torch.device("meta"):
        branch = nn.Sequential(nn.Conv2d(2048, 512, 1), nn.BatchNorm2d(512))
    return {f"backbone.adjust_channel.{k}": v for k, v in branch.state_dict().items()}
