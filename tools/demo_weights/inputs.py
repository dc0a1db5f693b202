"""From crops to a network's input, whole or a window of it, and the logits of either."""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepbench.core import plugins
from deepbench.core.plugins import Preprocessing
from deepbench.detectors import f3net
from deepbench.media.align import ALIGNED_SIZE
from tools.demo_weights.networks import Trainee

LOWER = 12  # pixels that faces lie below the middle of a crop
LOW, MIDDLE = f3net.BANDS[0][1], f3net.BANDS[1][1]


class Window(NamedTuple):
    """A square of the crop."""

    top: int
    left: int
    size: int

    def of(self, x: Tensor) -> Tensor:
        """That part of the last two axes."""
        return x[..., self.top : self.top + self.size, self.left : self.left + self.size]


WHOLE = Window(0, 0, ALIGNED_SIZE)


def window(size: int, rng: np.random.Generator | None) -> Window:
    """A window over the face, shifted at random if there is an `rng`."""
    room = ALIGNED_SIZE - size
    shift = np.zeros(2) if rng is None else rng.uniform(-18, 18, 2)
    top, left = np.clip(np.round(room / 2 + shift + [LOWER, 0]), 0, room).astype(int).tolist()
    return Window(top, left, size)


def logits(trainee: Trainee, crops: NDArray[np.uint8], where: Window) -> Tensor:
    """[n, 2] logits of real and fake of the part of the crops [n, 256, 256, 3]."""
    x = prepared(crops, plugins.load("detectors", trainee.detector).CARD.preprocessing)
    if where == WHOLE or trainee.detector == "effort":
        result: Tensor = trainee.module(x)
    elif trainee.detector == "f3net":
        assert isinstance(trainee.module, f3net.F3Net)
        result = trainee.module.backbone(_bands(trainee.module.FAD_head._DCT_all, x, where))
    else:
        result = trainee.module(where.of(x).contiguous(memory_format=torch.channels_last))
    return result


def prepared(crops: NDArray[np.uint8], how: Preprocessing) -> Tensor:
    """[n, 3, size, size] as `deepbench.detectors.network` prepares crops."""
    size = (how.size, how.size)
    if crops.shape[1:3] != size:
        crops = np.stack([cv2.resize(c, size, None, 0, 0, cv2.INTER_CUBIC) for c in crops])
    mean, std = (torch.tensor(values)[:, None, None] for values in (how.mean, how.std))
    x = (torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255 - mean) / std
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _bands(transform: Tensor, x: Tensor, where: Window) -> Tensor:
    """F3-Net's bands in the window; the same as the network's own, a tenth of the work.

    All frequencies are the picture itself, and the high ones what the others leave of it.
    """
    few = transform[: MIDDLE + 1]
    spectrum = few @ x @ few.T
    total = torch.arange(len(few))[:, None] + torch.arange(len(few))
    rows = few[:, where.top : where.top + where.size]
    columns = few[:, where.left : where.left + where.size]
    low = rows.T @ (spectrum * (total <= LOW)) @ columns
    middle = rows.T @ (spectrum * ((total >= LOW) & (total <= MIDDLE))) @ columns
    below = rows.T @ (spectrum * (total < MIDDLE)) @ columns
    seen = where.of(x)
    bands = torch.cat([low, middle, seen - below, seen], dim=1)
    return bands.contiguous(memory_format=torch.channels_last)


def scores(trainee: Trainee, crops: NDArray[np.uint8], where: Window) -> NDArray[np.float32]:
    """[n] log-odds of fake, in evaluation mode."""
    was = trainee.module.training
    trainee.module.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(crops), 16):
            both = logits(trainee, crops[start : start + 16], where)
            found.append((both[:, 1] - both[:, 0]).float().numpy())
    trainee.module.train(was)
    return np.concatenate(found)
