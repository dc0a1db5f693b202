"""Batch norms folded into the convolutions before them: fewer passes, fewer roundings."""

from collections import Counter
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_weights


class Pair(NamedTuple):
    """A convolution and the batch norm that takes its output, by name."""

    convolution: str
    norm: str


def fold(module: nn.Module, x: Float[Tensor, "n channel h w"]) -> list[Pair]:
    """Fold every batch norm of a network in eval mode that takes a convolution's output.

    Names stay: where a norm was there is then nothing. `x` is any input; which layers follow each
    other is seen in a forward pass.
    """
    pairs = _pairs(module, x)
    for pair in pairs:
        convolution, norm = module.get_submodule(pair.convolution), module.get_submodule(pair.norm)
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight,
            convolution.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
        convolution.requires_grad_(False)
        module.set_submodule(pair.norm, nn.Identity())
    return pairs


def _pairs(module: nn.Module, x: Float[Tensor, "n channel h w"]) -> list[Pair]:
    names = {part: name for name, part in module.named_modules()}
    convolved: list[tuple[nn.Module, Tensor]] = []  # keeps outputs alive, so that `is` tells them
    pairs: list[Pair] = []

    def after(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        convolved.append((part, output))

    def before(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        maker = next((c for c, made in convolved if made is inputs[0]), None)
        if maker:
            pairs.append(Pair(names[maker], names[part]))

    hooks = [
        *(c.register_forward_hook(after) for c in names if isinstance(c, nn.Conv2d)),
        *(b.register_forward_pre_hook(before) for b in names if isinstance(b, nn.BatchNorm2d)),
    ]
    try:
        with torch.no_grad():
            module(x)
    finally:
        for hook in hooks:
            hook.remove()
    # a layer that is used twice may follow something else the second time
    uses = Counter(name for pair in pairs for name in pair)
    return [pair for pair in pairs if uses[pair.convolution] == uses[pair.norm] == 1]
