"""Grad-CAM: which parts of a crop a detector's logit rests on.

Selvaraju et al., ICCV 2017, arXiv:1610.02391.
"""

import copy
import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from deepbench.detectors.batches import side_by_side
from deepbench.detectors.network import Network

Towards = Literal["fake", "predicted"]


class Explained(NamedTuple):
    """Scores and maps of some crops."""

    fake_logit: Float32[np.ndarray, "n"]
    # 0 to 1, over the network's input from top left; NaN where no place counts more than another
    maps: Float32[np.ndarray, "n grid grid"]


Explain = Callable[[UInt8[np.ndarray, "n h w 3"]], Explained]


def grad_cam(
    network: Network, crops: UInt8[np.ndarray, "n h w 3"], towards: Towards = "fake"
) -> Explained:
    """Scores of RGB crops and, from the same pass, what speaks for a class."""
    with explainer(network, towards) as explain:
        return explain(crops)


@contextmanager
def explainer(network: Network, towards: Towards = "fake") -> Iterator[Explain]:
    """`grad_cam` for many batches, which several threads may explain at a time.

    The parameters are frozen, so that gradients flow only above the explained layer: a map costs
    little more than a score.
    """
    own = threading.local()  # the module is shared, what a thread has seen of it is not

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        kept: Tensor = output.detach().requires_grad_()
        own.activations = kept
        return kept

    def explain(crops: UInt8[np.ndarray, "n h w 3"]) -> Explained:
        with torch.enable_grad():
            logits = network.module(network.prepare(crops)).float()
            chosen = logits[:, 1] if towards == "fake" else logits.amax(dim=1)
            (gradients,) = torch.autograd.grad(chosen.sum(), own.activations)
        return _explained(logits.detach(), own.activations.detach(), gradients)

    hook = network.module.get_submodule(network.explained).register_forward_hook(keep)
    try:
        yield explain
    finally:
        hook.remove()


def grad_cams(
    network: Network, crops: UInt8[np.ndarray, "n h w 3"], towards: Towards, batch_size: int
) -> Explained:
    """`grad_cam` of any number of crops, at least one."""
    batches = (crops[i : i + batch_size] for i in range(0, len(crops), batch_size))
    with explainer(network, towards) as explain:
        parts = list(side_by_side(explain, batches, network.device))
    return Explained(*map(np.concatenate, zip(*parts, strict=True)))


def randomised(network: Network, seed: int) -> Network:
    """The same network with all weights drawn anew, normal with each tensor's mean and spread.

    A map that stays as it is shows the picture, not what the network has learnt (Adebayo et al.,
    NeurIPS 2018, arXiv:1810.03292).
    """
    module = copy.deepcopy(network.module)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in module.parameters():
            fresh = torch.empty(weights.shape).normal_(generator=generator)
            # by numpy: the last bits of torch's sums depend on the number of threads
            values = weights.float().cpu().numpy()
            mean, spread = float(values.mean(dtype="d")), float(values.std(dtype="d"))
            weights.copy_(fresh * spread + mean)
    return dataclasses.replace(network, module=module)


def _explained(logits: Float[Tensor, "n 2"], activations: Tensor, gradients: Tensor) -> Explained:
    a, g = _grid(activations).float(), _grid(gradients).float()
    maps = (g.mean(dim=(2, 3), keepdim=True) * a).sum(dim=1).relu()
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
