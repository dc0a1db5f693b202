"""The three networks of MTCNN, with the weights that facenet-pytorch's wheel carries.

Written out here because facenet-pytorch brings torchvision, seconds of imports that every process
that looks for faces would wait for; a test holds that both give the same bits.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Convolution(NamedTuple):
    """A convolution with its activation, and what pools its output."""

    width: int  # channels
    kernel: int
    pool: int  # side; 0: nothing


class _Net(nn.Module):
    """Convolutions, a dense layer if any, and beside one another the answers."""

    convolutions: ClassVar[tuple[Convolution, ...]]
    dense: ClassVar[tuple[int, int] | None] = None  # numbers taken, numbers given
    answers: ClassVar[tuple[int, ...]] = (2, 4)  # numbers of each; the first are probabilities

    def __init__(self) -> None:
        super().__init__()
        width = 3
        for number, part in enumerate(self.convolutions, 1):
            self.add_module(f"conv{number}", nn.Conv2d(width, part.width, part.kernel))
            self.add_module(f"prelu{number}", nn.PReLU(part.width))
            width = part.width
        number = len(self.convolutions) + 1
        if self.dense:
            taken, width = self.dense
            self.add_module(f"dense{number}", nn.Linear(taken, width))
            self.add_module(f"prelu{number}", nn.PReLU(width))
        self._answers = []
        for i, count in enumerate(self.answers, 1):
            name = f"dense{number + 1}_{i}" if self.dense else f"conv{number}_{i}"
            self.add_module(
                name, nn.Linear(width, count) if self.dense else nn.Conv2d(width, count, 1)
            )
            self._answers.append(name)
        self.load_state_dict(_stored(type(self).__name__.lower()))

    def forward(self, x: Float[Tensor, "n 3 h w"]) -> tuple[Tensor, ...]:
        """Regression of the corners, landmarks if any, and last the probabilities of no and yes."""
        for number, part in enumerate(self.convolutions, 1):
            x = self._activated(f"conv{number}", number, x)
            x = F.max_pool2d(x, part.pool, 2, ceil_mode=True) if part.pool else x
        if self.dense:
            # the weights are of a framework that counts columns first
            x = x.permute(0, 3, 2, 1).flatten(1)
            number = len(self.convolutions) + 1
            x = self._activated(f"dense{number}", number, x)
        first, *others = (self.get_submodule(name)(x) for name in self._answers)
        return *others, F.softmax(first, dim=1)

    def _activated(self, name: str, number: int, x: Tensor) -> Tensor:
        activated: Tensor = self.get_submodule(f"prelu{number}")(self.get_submodule(name)(x))
        return activated


class PNet(_Net):
    """Proposes faces anywhere in a picture."""

    convolutions = (Convolution(10, 3, 2), Convolution(16, 3, 0), Convolution(32, 3, 0))


class RNet(_Net):
    """Refines proposals, 24 x 24 pixels each."""

    convolutions = (Convolution(28, 3, 3), Convolution(48, 3, 3), Convolution(64, 2, 0))
    dense = (576, 128)


class ONet(_Net):
    """Decides, and finds five landmarks, in 48 x 48 pixels each."""

    convolutions = (
        Convolution(32, 3, 3),
        Convolution(64, 3, 3),
        Convolution(64, 3, 2),
        Convolution(128, 2, 0),
    )
    dense = (1152, 256)
    answers = (2, 4, 10)


def _stored(name: str) -> dict[str, Tensor]:
    # found, not imported
    spec = find_spec("facenet_pytorch")
    if spec is None or not spec.submodule_search_locations:
        msg = "facenet-pytorch, which holds the weights of MTCNN, is not installed"
        raise ImportError(msg)
    path = Path(spec.submodule_search_locations[0]) / "data" / f"{name}.pt"
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state
