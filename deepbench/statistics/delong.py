"""DeLong's covariance of AUCs measured on the same items, which takes items as independent.

DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988); by ranks after Sun and Xu, IEEE Signal
Processing Letters 21 (2014).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit, ndtr, ndtri

from deepbench.statistics import ranks
from deepbench.statistics.intervals import Estimate

ROUNDING = 1e-12  # share of a variance


class Aucs(NamedTuple):
    """AUCs of several scorers and how they vary together."""

    values: Float[np.ndarray, "scorer"]
    covariance: Float[np.ndarray, "scorer scorer"]


def aucs(labels: Bool[np.ndarray, "item"], logits: Float[np.ndarray, "scorer item"]) -> Aucs:
    """AUCs with their covariance; NaN with fewer than two items of a class."""
    fakes, reals = logits[:, labels], logits[:, ~labels]
    m, n = fakes.shape[1], reals.shape[1]
    if min(m, n) < 2:
        nothing = np.full(len(logits), np.nan)
        return Aucs(nothing, np.full((len(logits), len(logits)), np.nan))
    together = ranks.average(np.hstack([fakes, reals]))
    # share of reals below each fake, and of fakes above each real; ties count half
    beaten = (together[:, :m] - ranks.average(fakes)) / n
    beating = 1 - (together[:, m:] - ranks.average(reals)) / m
    covariance = np.atleast_2d(np.cov(beaten)) / m + np.atleast_2d(np.cov(beating)) / n
    return Aucs(beaten.mean(axis=1), covariance)


def interval(found: Aucs, scorer: int, level: float) -> Estimate:
    """Normal interval of one AUC on the log-odds scale, so that it stays within 0 and 1."""
    value, variance = float(found.values[scorer]), float(found.covariance[scorer, scorer])
    if np.isnan(value):
        return Estimate(value, np.nan, np.nan, "DeLong needs two items of each class")
    if variance <= 0:
        why = "all scores are equal" if value == 0.5 else "the classes do not overlap"
        return Estimate(value, np.nan, np.nan, f"DeLong sees no variance: {why}")
    middle = np.log(value / (1 - value))
    half = ndtri((1 + level) / 2) * np.sqrt(variance) / (value * (1 - value))
    low, high = (float(expit(end)) for end in (middle - half, middle + half))
    return Estimate(value, low, high, "")


def p_value(found: Aucs, scorer: int, other: int) -> float:
    """Two-sided p of two AUCs being equal; 1 where the scores rank all items alike.

    NaN where an AUC is, and where two AUCs differ but neither varies, as of perfect and of
    constant scores.
    """
    difference = float(found.values[scorer] - found.values[other])
    c = found.covariance
    own = float(c[scorer, scorer] + c[other, other])
    variance = own - 2 * float(c[scorer, other])
    # of two equal rankings only rounding is left
    if np.isnan(difference) or variance <= ROUNDING * own:
        return 1.0 if difference == 0 else float("nan")
    return float(2 * ndtr(-abs(difference) / np.sqrt(variance)))
