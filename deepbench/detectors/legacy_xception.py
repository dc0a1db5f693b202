"""The Xception network as DeepfakeBench builds it, which two detectors share."""

import re

import torch
from timm.models.xception import legacy_xception
from torch import Tensor, nn

# A side branch that the published class builds and never calls.
UNUSED = r"backbone\.adjust_channel\..+"


def build(channels: int = 3) -> nn.Module:
    """Xception with two classes, on the meta device, for inputs of so many channels."""
    with torch.device("meta"):
        module: nn.Module = legacy_xception(num_classes=2, in_chans=channels)
    return module


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
