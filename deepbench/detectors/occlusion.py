"""Deletion and insertion: what a score does while a crop's places go, or come, in some order.

Petsiuk et al., RISE, BMVC 2018, arXiv:1806.07421.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from deepbench.detectors.batches import side_by_side
from deepbench.detectors.network import Network

Rgb = UInt8[np.ndarray, "h w 3"]
Order = Int[np.ndarray, "h w"]  # when the turn of a place comes, 0 first

BLUR = 0.05  # standard deviation, of the crop's side


class Subject(NamedTuple):
    """A crop, and the two orders in which its places go."""

    crop: Rgb
    order: Order
    random: Order


class Curves(NamedTuple):
    """Log-odds of fake at equal steps, from the first state of a crop to its last."""

    deletion: Float32[np.ndarray, "state"]  # from the crop to its blurred self
    insertion: Float32[np.ndarray, "state"]  # back again, in the same order of places
    random: Float32[np.ndarray, "state"]  # as deletion


def subject(
    crop: Rgb, saliency: Float32[np.ndarray, "grid grid"], rng: np.random.Generator
) -> Subject:
    """A crop with the order of its map and a random one of patches of the same grain."""
    h, w = crop.shape[:2]
    noise = rng.permutation(saliency.size).reshape(saliency.shape).astype(np.float32)
    random = enlarged(noise, h, w)
    return Subject(crop, order(enlarged(saliency, h, w), random), order(random, random))


def order(importance: Float[np.ndarray, "h w"], ties: Float[np.ndarray, "h w"]) -> Order:
    """The most important place first; places of equal importance by another map.

    Half of a Grad-CAM map may be exactly 0: going from top left to bottom right there would not
    be an order that says nothing.
    """
    places = np.empty(importance.size, np.int64)
    places[np.lexsort((-ties.ravel(), -importance.ravel()))] = np.arange(importance.size)
    return places.reshape(importance.shape)


def enlarged(
    saliency: Float32[np.ndarray, "grid grid"], height: int, width: int
) -> Float32[np.ndarray, "height width"]:
    """A map at the size of its crop, bilinear."""
    result: np.ndarray = cv2.resize(saliency, (width, height), interpolation=cv2.INTER_LINEAR)
    return result


def blurred(crop: Rgb) -> Rgb:
    """What stands where a place has gone.

    Not black: an edge between face and black is itself a trace that detectors see, and no crop
    they have learnt from has any. A blur takes the detail away and leaves the colours.
    """
    side = BLUR * max(crop.shape[:2])
    result: np.ndarray = cv2.GaussianBlur(crop, (0, 0), side)
    return result


def curves(network: Network, subjects: list[Subject], steps: int, batch_size: int) -> list[Curves]:
    """The curves of crops of one size, each at `steps` + 1 states."""
    if not subjects:
        return []
    states = [s for subject in subjects for s in _wanted(subject, steps)]
    batches = (states[i : i + batch_size] for i in range(0, len(states), batch_size))

    def score(batch: list["_State"]) -> Float32[np.ndarray, "n"]:
        # made here, so that only the batches at work are in memory
        return network(np.stack([state.picture() for state in batch]))

    found = list(side_by_side(score, batches, network.device))
    logits = np.concatenate(found).reshape(len(subjects), -1)
    return [_curves(own, steps) for own in logits]


class _State(NamedTuple):
    """A crop of which the places before `last` are taken from elsewhere."""

    start: Rgb
    end: Rgb
    order: Order
    last: int

    def picture(self) -> Rgb:
        return np.where((self.order < self.last)[..., None], self.end, self.start)


def _wanted(subject: Subject, steps: int) -> Iterator[_State]:
    """Crop, blurred crop, and what lies between them on the three ways."""
    crop, order, random = subject
    blur = blurred(crop)
    ends = [round(i * order.size / steps) for i in range(1, steps)]
    yield _State(crop, blur, order, 0)
    yield _State(crop, blur, order, order.size)
    for start, end, way in ((crop, blur, order), (blur, crop, order), (crop, blur, random)):
        for last in ends:
            yield _State(start, end, way, last)


def _curves(logits: Float32[np.ndarray, "state"], steps: int) -> Curves:
    crop, blur = logits[:1], logits[1:2]
    deletion, insertion, random = logits[2:].reshape(3, steps - 1)
    return Curves(
        np.concatenate([crop, deletion, blur]),
        np.concatenate([blur, insertion, crop]),
        np.concatenate([crop, random, blur]),
    )
