"""What a map of importance is worth: numbers that a map which knows nothing would not reach."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from deepbench.statistics import intervals, ranks

Grid = Float[np.ndarray, "rows columns"]
Mask = Bool[np.ndarray, "h w"]


class Against(NamedTuple):
    """A mean over crops, the same by chance, and their difference with its interval."""

    value: float
    chance: float
    difference: intervals.Estimate


def area(curve: Float[np.ndarray, "state"]) -> float:
    """Mean height of a curve over equal steps, by trapezoids."""
    return float(np.trapezoid(curve) / (len(curve) - 1))


def rank_correlation(one: Grid, other: Grid) -> float:
    """Spearman's correlation over the places of two maps; NaN where one is constant."""
    both = np.stack([ranks.average(one.ravel()), ranks.average(other.ravel())])
    if np.isnan(both).any() or (np.ptp(both, axis=1) == 0).any():
        return float("nan")
    return float(np.corrcoef(both)[0, 1])


def pointing(saliency: Grid, mask: Mask) -> float:
    """1 if the mask covers the centre of the map's highest cell, else 0 (Zhang et al. 2018)."""
    row, column = np.unravel_index(saliency.argmax(), saliency.shape)
    y = int((row + 0.5) * mask.shape[0] / saliency.shape[0])
    x = int((column + 0.5) * mask.shape[1] / saliency.shape[1])
    return float(mask[y, x])


def iou(saliency: Float[np.ndarray, "h w"], mask: Mask) -> float:
    """Intersection over union of a mask and as many of the map's highest places.

    Of places that tie for the last, each counts as far as chance would take it.
    """
    wanted = int(mask.sum())
    lowest = np.sort(saliency, axis=None)[-wanted]
    above, tied = saliency > lowest, saliency == lowest
    share = (wanted - above.sum()) / tied.sum()
    common = (above & mask).sum() + share * (tied & mask).sum()
    return float(common / (2 * wanted - common))


def chance_iou(share: Float[np.ndarray, "crop"]) -> Float[np.ndarray, "crop"]:
    """IoU of a mask of that share of the crop and as many places drawn at random."""
    return np.asarray(share / (2 - share))


def against(
    values: Float[np.ndarray, "crop"],
    chance: Float[np.ndarray, "crop"],
    sample: intervals.Sample,
    draws: intervals.Draws,
) -> Against:
    """Means over at least one crop; the interval is of the bootstrap over clusters."""

    def mean(weights: Float[np.ndarray, "replicate item"]) -> dict[str, Shaped[np.ndarray, "r"]]:
        return {"difference": weights @ (values - chance) / weights.sum(axis=1)}

    found = intervals.estimate(mean, sample, draws)["difference"]
    return Against(float(values.mean()), float(chance.mean()), found)
