"""Moving pixels: similarity alignment, piecewise warps by Delaunay triangles, colour matching."""

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from tools.sample_pack.kit import Array
from tools.sample_pack.noise import Float

GRID_STEP = 4


def similarity(source: Array, target: Array) -> Array:
    """[2, 3] rotation, scale and shift that takes points [n, 2] to `target` in least squares."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    size = (a**2).sum()
    cos = (a * b).sum() / size
    sin = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / size
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, target.mean(axis=0) - turn @ source.mean(axis=0)])


def move(image: Float, matrix: Array) -> Float:
    """The image under an affine map, same frame."""
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, np.float32)


def piecewise_warp(image: Float, source: Array, target: Array, shape: tuple[int, ...]) -> Float:
    """Frame of `shape` in which `source` points of the image lie at `target`; 0 outside them.

    Triangles are those of the target points; the map is evaluated every GRID_STEP pixels.
    """
    height, width = shape[:2]
    left, top = np.maximum(np.floor(target.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(target.max(axis=0)).astype(int), [width, height])
    columns, rows = max(2, (right - left) // GRID_STEP), max(2, (bottom - top) // GRID_STEP)
    x = left - 0.5 + (np.arange(columns) + 0.5) * (right - left) / columns
    y = top - 0.5 + (np.arange(rows) + 0.5) * (bottom - top) / rows
    grid_x, grid_y = np.meshgrid(x, y)
    found = LinearNDInterpolator(target, source)(grid_x, grid_y)
    flat = np.linalg.lstsq(np.column_stack([target, np.ones(len(target))]), source, rcond=None)[0]
    outside = np.stack([grid_x, grid_y, np.ones_like(grid_x)], axis=-1) @ flat
    coarse = np.where(np.isnan(found), outside, found).astype(np.float32)
    size = (int(right - left), int(bottom - top))
    fine = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    warped = np.zeros((height, width, 3), np.float32)
    warped[top:bottom, left:right] = cv2.remap(
        image, fine[..., 0], fine[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return warped


def squeeze(image: Float, outline: Array, side: int) -> Float:
    """Send the square around the outline through `side` x `side` pixels and back."""
    height, width = image.shape[:2]
    left, top = np.maximum(np.floor(outline.min(axis=0) - 6).astype(int), 0)
    right, bottom = np.minimum(np.ceil(outline.max(axis=0) + 6).astype(int), [width, height])
    size = (int(right - left), int(bottom - top))
    region = image[top:bottom, left:right]
    small = cv2.resize(region, (side, side), interpolation=cv2.INTER_AREA)
    squeezed = image.copy()
    squeezed[top:bottom, left:right] = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    return squeezed


def match_colour(image: Float, like: Float, mask: Float, strength: float) -> Float:
    """Give the image the mean and spread per channel that `like` has under the mask [h, w, 1]."""
    under = mask[..., 0] > 0.5
    mine, theirs = image[under], like[under]
    gain = np.clip(theirs.std(axis=0) / (mine.std(axis=0) + 1e-3), 0.6, 1.6)
    matched = (image - mine.mean(axis=0)) * gain + theirs.mean(axis=0)
    return np.asarray(image + strength * (matched - image), np.float32)
