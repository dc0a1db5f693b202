"""Grad-CAM: which parts of a crop a detector's logit rests on.

Selvaraju et al., ICCV 2017, arXiv:1610.02391.
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from deepbench.detectors.network import Network

Towards = Literal["fake", "predicted"]


class Explained(NamedTuple):
    """Scores and maps of some crops."""

    fake_logit: Float32[np.ndarray, "n"]
    # 0 to 1, over the network's input from top left; NaN where no place counts more than another
    maps: Float32[np.ndarray, "n grid grid"]


def grad_cam(
    network: Network, crops: UInt8[np.ndarray, "n h w 3"], towards: Towards = "fake"
) -> Explained:
    """Scores of RGB crops and, from the same pass, what speaks for a class.

    The parameters are frozen, so that gradients flow only above the explained layer: a map costs
    little more than a score.
    """
    seen: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[-1]

    hook = network.module.get_submodule(network.explained).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = network.module(network.prepare(crops)).float()
            chosen = logits[:, 1] if towards == "fake" else logits.amax(dim=1)
            (activations,) = seen
            (gradients,) = torch.autograd.grad(chosen.sum(), activations)
    finally:
        hook.remove()
    a, g = _grid(activations.detach()).float(), _grid(gradients).float()
    maps = (g.mean(dim=(2, 3), keepdim=True) * a).sum(dim=1).relu()
    logits = logits.detach()
    fake: np.ndarray = (logits[:, 1] - logits[:, 0]).cpu().numpy()
    return Explained(fake, _scaled(maps).cpu().numpy())


def _grid(layer: Tensor) -> Float[Tensor, "n channel row column"]:
    """A layer as pictures; the tokens of a ViT lie row by row after the class token."""
    if layer.ndim == 4:
        return layer
    patches = layer[:, 1:]
    side = round(patches.shape[1] ** 0.5)
    return patches.transpose(1, 2).reshape(len(layer), -1, side, side)


def _scaled(maps: Float[Tensor, "n grid grid"]) -> Float[Tensor, "n grid grid"]:
    """Each map from 0 to 1; a constant one has no scale."""
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    # 0 / 0 is NaN, which is what a constant map is
    return (maps - low) / (high - low)
