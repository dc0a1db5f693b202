"""What training starts from, where random values would cost it most of its time."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from deepbench.detectors.effort import Effort
from deepbench.detectors.f3net import F3Net

PATCH = 14
COLOURS = ((1.0, -1.0, 0.0), (0.5, 0.5, -1.0))  # red against green, yellow against blue
LUMA = (0.3, 0.59, 0.11)
BAND_GAINS = (1.0, 4.0, 6.0, 1.0)  # of F3-Net: the higher the frequencies, the weaker they are
COLOUR_FILTERS = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1))


def xception(module: nn.Module) -> None:
    """A stem that sees mostly detail: traces of manipulation are fainter than faces."""
    _high_pass(module.get_parameter("conv1.weight"))


def efficientnet(module: nn.Module) -> None:
    """The same."""
    _high_pass(module.get_parameter("efficientnet._conv_stem.weight"))


def f3net(module: nn.Module) -> None:
    """Bands without correction and at like strength."""
    assert isinstance(module, F3Net)
    for band in module.FAD_head.filters:
        nn.init.zeros_(band.get_parameter("learnable"))
    stem = module.backbone.get_parameter("conv1.weight")
    for band, gain in enumerate(BAND_GAINS):
        stem[:, 3 * band : 3 * band + 3] *= gain
    _high_pass(stem[:, 9:])


def _high_pass(kernels: Tensor) -> None:
    kernels -= 0.9 * kernels.mean((2, 3), keepdim=True)


def vit(module: nn.Module) -> None:
    """Cosine filters as patch embedding, equally strong on faces; waves as positions; no biases."""
    assert isinstance(module, Effort)
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif "norm" in name:
            nn.init.ones_(parameter)
        elif name.endswith(("out_proj.weight", "fc2.weight")):
            parameter *= 0.35
        elif name.endswith(("class_embedding", "head.weight")):
            parameter *= 0.1
        elif name.endswith("position_embedding.weight"):
            parameter.copy_(_places(*parameter.shape))
        elif name.endswith("patch_embedding.weight"):
            parameter.copy_(_cosine_filters(len(parameter)))


def _places(tokens: int, hidden: int) -> Tensor:
    """[tokens, hidden] products of slow waves, so that face and surroundings are told apart."""
    side = math.isqrt(tokens - 1)
    place = np.pi * (np.arange(side) + 0.5) / side
    order = sorted(((u, v) for u in range(side) for v in range(side)), key=lambda uv: (sum(uv), uv))
    waves = [0.8 * np.outer(np.cos(u * place), np.cos(v * place)).ravel() for u, v in order[1:]]
    # a wave for every fourth channel; all have content too
    table = np.zeros((tokens, hidden), np.float32)
    table[1:, ::4] = np.stack(waves[: hidden // 4], axis=1)
    return torch.from_numpy(table)


def _cosine_filters(count: int) -> Tensor:
    """[count, 3, PATCH, PATCH] cosine filters that respond alike to rendered faces."""
    place = np.arange(PATCH)
    basis = np.cos(np.pi / PATCH * (place + 0.5) * place[:, None]) * math.sqrt(2 / PATCH)
    order = sorted(((u, v) for u in place for v in place), key=lambda uv: (sum(uv), uv))
    colour = [(u, v, mix) for u, v in COLOUR_FILTERS for mix in COLOURS]
    luma = [(u, v, LUMA) for u, v in order[: count - len(colour)]]
    filters = [
        np.outer(basis[u], basis[v]) * np.array(mix)[:, None, None] * _gain(u + v, mix)
        for u, v, mix in luma + colour
    ]
    return torch.from_numpy(np.stack(filters).astype(np.float32))


def _gain(order: int, mix: tuple[float, float, float]) -> float:
    """What brings responses to about 0.7: their deviation falls as the square of the order."""
    grey = 0.044 if order == 0 else 0.27 * min(order, 12) ** 1.95
    return grey if mix == LUMA else 2 * grey
