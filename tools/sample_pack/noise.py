"""Smooth steps and seamless noise, the raw material of skin, hair and walls."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]


def smooth_step(low: float, high: float, x: Float) -> Float:
    """0 at `low`, 1 at `high`, smooth between; falls if `low` > `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def cloud(rng: np.random.Generator, cells: tuple[int, ...], size: int = 512) -> Float:
    """[size, size] noise of unit variance that repeats without a seam.

    The sum of smooth grids with the given numbers of cells, which must divide `size`.
    """
    total = np.zeros((size, size), np.float32)
    for count in cells:
        grid = np.pad(rng.random((count, count), dtype=np.float32) - 0.5, 2, mode="wrap")
        border = 2 * size // count
        whole = (size + 2 * border, size + 2 * border)
        big = cv2.resize(grid, whole, interpolation=cv2.INTER_CUBIC)
        total += big[border : border + size, border : border + size] * (8 / count) ** 0.6
    return np.asarray(total / total.std())
