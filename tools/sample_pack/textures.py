"""A tiny texture codec: 8 x 8 blocks on a few principal components, and an up-sampling pattern."""

from typing import NamedTuple

import cv2
import numpy as np

from tools.sample_pack.kit import Array
from tools.sample_pack.noise import Float

BLOCK, COMPONENTS = 8, 8
BRIGHT, DARK = 1.03, 0.985


class BlockBasis(NamedTuple):
    """Mean and principal components of grey blocks."""

    mean: Float
    """[64]."""
    components: Float
    """[COMPONENTS, 64]."""


def fit_blocks(regions: list[Float]) -> BlockBasis:
    """Learn the basis from RGB regions [h, w, 3], blocks taken every 5 pixels."""
    blocks = []
    for region in regions:
        grey = region.mean(axis=2)
        windows = np.lib.stride_tricks.sliding_window_view(grey, (BLOCK, BLOCK))[::5, ::5]
        blocks.append(windows.reshape(-1, BLOCK * BLOCK))
    table = np.concatenate(blocks)
    mean = table.mean(axis=0)
    _, _, directions = np.linalg.svd(table - mean, full_matrices=False)
    return BlockBasis(mean, directions[:COMPONENTS])


class _Box(NamedTuple):
    rows: slice
    columns: slice


def _box(outline: Array, shape: tuple[int, ...]) -> _Box:
    """The outline's bounding box, cut to whole blocks inside the frame."""
    left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(outline.max(axis=0)).astype(int), [shape[1], shape[0]])
    height, width = (bottom - top) // BLOCK * BLOCK, (right - left) // BLOCK * BLOCK
    return _Box(slice(top, top + height), slice(left, left + width))


def rebuild_blocks(image: Float, outline: Array, basis: BlockBasis) -> Float:
    """Halve the resolution of the outline's box, bring 60 % of the basis' detail back."""
    box = _box(outline, image.shape)
    region = image[box.rows, box.columns]
    grey = region.mean(axis=2)
    height, width = grey.shape
    tiles = grey.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(0, 2, 1, 3)
    flat = tiles.reshape(-1, BLOCK * BLOCK)
    coded = (flat - basis.mean) @ basis.components.T @ basis.components + basis.mean
    rebuilt = coded.reshape(tiles.shape).transpose(0, 2, 1, 3).reshape(height, width)
    small = cv2.resize(region, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    result = image.copy()
    result[box.rows, box.columns] = coarse + 0.6 * (rebuilt - grey)[..., None]
    return result


def add_checkerboard(image: Float, outline: Array) -> Float:
    """The pattern a stride-2 transposed convolution leaves in the box around the outline."""
    box = _box(outline, image.shape)
    result = image.copy()
    region = result[box.rows, box.columns]
    region[::2, ::2] *= BRIGHT
    region[1::2, 1::2] *= DARK
    return result
