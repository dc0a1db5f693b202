"""Places on the face, named once on the mesh and found in any frame through its projection."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.sample_pack.kit import BODY, Array, head_kit
from tools.sample_pack.noise import Float

PLACES = {
    "left_eye": (0.31, 7.28),
    "right_eye": (-0.31, 7.28),
    "nose": (0.0, 7.0),
    "mouth_left": (0.27, 6.66),
    "mouth_right": (-0.27, 6.66),
    "chin": (0.0, 6.17),
}
ANCHORS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right", "chin")
OVAL_CENTRE, OVAL_RADII = (0.0, 6.95), (0.70, 0.80)
MOUTH_CENTRE, MOUTH_RADII = (0.0, 6.60), (0.46, 0.34)


@cache
def landmark(name: str) -> int:
    """Index of the front-most body vertex near the named place."""
    kit = head_kit()
    body = np.unique(kit.triangles[kit.part == BODY])
    away = np.hypot(*(kit.vertices[body, :2] - np.array(PLACES[name])).T)
    near = body[away < max(0.06, float(np.sort(away)[3]))]
    return int(near[np.argmax(kit.vertices[near, 2])])


def anchors(points: Array) -> Array:
    """[6, 2] eyes, nose, mouth corners and chin."""
    return points[[landmark(name) for name in ANCHORS]]


@cache
def oval(size: float = 1.0, *, mouth: bool = False) -> NDArray[np.int64]:
    """Front vertices of the face oval (or the mouth region), one per 0.1 dm cell."""
    kit = head_kit()
    centre, radii = (MOUTH_CENTRE, MOUTH_RADII) if mouth else (OVAL_CENTRE, OVAL_RADII)
    body = np.unique(kit.triangles[kit.part == BODY])
    flat = (kit.vertices[body, :2] - np.array(centre)) / (np.array(radii) * size)
    inside = body[(np.hypot(*flat.T) < 1) & (kit.vertices[body, 2] > 0.5)]
    cells: dict[tuple[int, int], int] = {}
    for index in inside.tolist():
        x, y, z = kit.vertices[index]
        cell = (int(np.floor(x / 0.1)), int(np.floor(y / 0.1)))
        # The mouth's cavity lies behind the lips: only the front-most vertex is on the face.
        if cell not in cells or z > kit.vertices[cells[cell], 2]:
            cells[cell] = index
    return np.array([cells[cell] for cell in sorted(cells)])


def hull(points: Array, size: float = 1.0) -> Array:
    """[k, 2] convex outline of points [n, 2], scaled about its centre."""
    outline = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    centre = outline.mean(axis=0)
    return np.asarray(centre + size * (outline - centre))


def soft_mask(outline: Array, shape: tuple[int, ...], feather: float) -> Float:
    """[h, w, 1] 1 inside the outline, falling to 0 over about two `feather` pixels inwards."""
    mask = np.zeros(shape[:2], np.float32)
    cv2.fillConvexPoly(mask, np.round(outline * 16).astype(np.int32), 1.0, shift=4)
    if feather > 0:
        # Falling inwards keeps the changed region inside the outline.
        inner = np.clip(cv2.GaussianBlur(mask, (0, 0), feather) * 2 - 1, 0, 1)
        mask = inner * mask
    return mask[..., None]
