"""Random changes that leave a crop's label as it is, for training.

The second seed system names the ranges but not how often each is used: here every change happens
to half of the crops, each on its own.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float64

from deepbench.media import treatments
from deepbench.media.treatments import Rgb

CHANCE = 0.5  # of each change
ROTATION = 20.0  # degrees, either way
SHIFT = 0.2  # of the side, along each axis, either way
ZOOM = (0.8, 1.2)
BRIGHTNESS = 0.15  # either way
NOISE = 0.01  # standard deviation, of the range from black to white
JPEG = (70, 100)  # quality


class Placing(NamedTuple):
    """Where a crop is moved to, about its centre."""

    degrees: float = 0.0
    zoom: float = 1.0
    right: float = 0.0  # of the side
    down: float = 0.0
    flipped: bool = False


def augmented(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """The crop turned, moved, zoomed, flipped, lit, noisy and compressed, each with a chance."""
    return recorded(placed(rgb, placing(rng)), rng)


def placing(rng: np.random.Generator) -> Placing:
    """A random place."""
    return Placing(
        degrees=rng.uniform(-ROTATION, ROTATION) if _happens(rng) else 0.0,
        zoom=rng.uniform(*ZOOM) if _happens(rng) else 1.0,
        right=rng.uniform(-SHIFT, SHIFT) if _happens(rng) else 0.0,
        down=rng.uniform(-SHIFT, SHIFT) if _happens(rng) else 0.0,
        flipped=_happens(rng),
    )


def placed(rgb: Rgb, place: Placing) -> Rgb:
    """The crop at another place; what comes in from outside is its mirror image."""
    if place == Placing():
        return rgb
    # black borders would be edges that no crop has
    moved: np.ndarray = cv2.warpAffine(
        rgb,
        _matrix(place, len(rgb)),
        (len(rgb), len(rgb)),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return moved


def recorded(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """The crop as another camera might have stored it: brightness, then noise, then JPEG."""
    factor = 1 + rng.uniform(-BRIGHTNESS, BRIGHTNESS) if _happens(rng) else 1.0
    deviation = 255 * NOISE if _happens(rng) else 0.0
    if factor != 1 or deviation:
        levels = rgb * factor + rng.normal(0, 1, rgb.shape) * deviation
        rgb = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    if _happens(rng):
        rgb = treatments.jpeg(rgb, int(rng.integers(JPEG[0], JPEG[1] + 1)))
    return rgb


def _happens(rng: np.random.Generator) -> bool:
    return bool(rng.random() < CHANCE)


def _matrix(place: Placing, side: int) -> Float64[np.ndarray, "2 3"]:
    """From places in the crop to places in the result."""
    angle, centre = math.radians(place.degrees), (side - 1) / 2
    cos, sin = place.zoom * math.cos(angle), place.zoom * math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    if place.flipped:
        turn = turn @ np.diag([-1.0, 1.0])
    target = centre + side * np.array([place.right, place.down])
    return np.column_stack([turn, target - turn @ [centre, centre]])
