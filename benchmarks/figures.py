"""What the clocks of all rounds say: times, ratios, shares, and whether the roads agree."""

import statistics
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from benchmarks import clock, roads

STEPS = ("decode", "detect", "crop", "preprocess", *roads.DETECTORS)
ROWS = (*STEPS, "all")

Round = dict[str, clock.Clock]  # by road


class Middle(NamedTuple):
    """The median of all rounds, and the lowest and highest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


def milliseconds(rounds: list[Round], road: str, frames: int) -> dict[str, dict[str, float]]:
    """Medians over the rounds, per frame and step, of the clock and of the processor."""
    steps = {s: [_spent(one[road], s) for one in rounds] for s in ROWS}
    return {
        step: {
            kind: 1000 / frames * statistics.median(getattr(s, kind) for s in spent)
            for kind in clock.Spent._fields
        }
        for step, spent in steps.items()
    }


def ratios(rounds: list[Round], road: str) -> dict[str, dict[str, Middle]]:
    """How many times faster than the baseline of the same round, per step."""
    found: dict[str, dict[str, Middle]] = {}
    for step in ROWS:
        found[step] = {}
        for kind in clock.Spent._fields:
            pairs = [(_spent(one["baseline"], step), _spent(one[road], step)) for one in rounds]
            each = [getattr(theirs, kind) / getattr(ours, kind) for theirs, ours in pairs]
            found[step][kind] = Middle(statistics.median(each), min(each), max(each))
    return found


def _spent(one: clock.Clock, step: str) -> clock.Spent:
    return one.total() if step == "all" else one.steps[step]


def forward_share(rounds: list[Round], road: str) -> dict[str, float]:
    """Share of the processor's time within forward passes: of detectors, and with MTCNN's nets."""
    detectors, every = [], []
    for one in (clocks[road] for clocks in rounds):
        every.append(sum(one.forward.values()) / one.total().cpu)
        detectors.append(every[-1] - one.forward["detect"] / one.total().cpu)
    return {
        "detectors": statistics.median(detectors),
        "with_face_detection": statistics.median(every),
    }


def differences(theirs: roads.Found, ours: roads.Found) -> dict[str, float]:
    """The largest differences of boxes and landmarks (pixels), crops (grey levels), probabilities.

    Raises:
        ValueError: one found a face where the other found none.
    """
    if theirs.boxes.shape != ours.boxes.shape:
        msg = f"faces in {len(ours.boxes)} frames, where the baseline has {len(theirs.boxes)}"
        raise ValueError(msg)
    crops = np.abs(theirs.crops.astype(int) - ours.crops)
    return {
        "box_px": float(np.abs(theirs.boxes - ours.boxes).max()),
        "landmark_px": float(np.abs(theirs.landmarks - ours.landmarks).max()),
        "crop_levels": float(crops.max()),
        "crop_pixels_that_differ": float((crops > 0).mean()),
    } | {
        name: float(np.abs(expit(theirs.logits[name]) - expit(ours.logits[name])).max())
        for name in theirs.logits
    }
