"""What members of an ensemble share, and what each adds.

Whether they err on the same videos (two by two counts, phi and Q as in Kuncheva and Whitaker,
Machine Learning 51, 2003), and what picking among them could reach.
"""

from collections.abc import Mapping
from math import ceil
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import logit

from deepbench.statistics import ranks
from deepbench.statistics.comparisons import holm
from deepbench.statistics.intervals import Draws, Statistics
from deepbench.statistics.metrics import METRICS, Labels, Logits, Values, Weights


class Agreement(NamedTuple):
    """Counts of videos by who is right, and correlations; what is NaN has its reason in the note.

    The fields are the columns of table agreement.
    """

    both_right: int
    only_detector: int
    only_other: int
    both_wrong: int
    agreement: float
    error_correlation: float
    q: float
    rank_correlation: float
    note: str


def agree(
    labels: Bool[np.ndarray, "video"],
    detector: Float[np.ndarray, "video"],
    other: Float[np.ndarray, "video"],
    threshold: float,
) -> Agreement:
    """How two scorers agree on videos that both scored; above a probability is fake."""
    mine, its = ((logits > logit(threshold)) == labels for logits in (detector, other))
    both, only, other_only, neither = (
        int(np.sum(cell)) for cell in (mine & its, mine & ~its, ~mine & its, ~mine & ~its)
    )
    ad, bc = both * neither, only * other_only
    rank = _rank_correlation(detector, other)
    reasons = []
    if not len(labels):
        reasons.append("no video was scored by both")
    elif not ad + bc:  # exactly where one of the two is always right or always wrong
        reasons.append("errors have no correlation: one of the two is always or never wrong")
    if len(labels) and np.isnan(rank):
        reasons.append("scores have no rank correlation: one of the two gives all videos the same")
    return Agreement(
        *(both, only, other_only, neither),
        agreement=(both + neither) / len(labels) if len(labels) else np.nan,
        error_correlation=_phi(ad - bc, both + only, both + other_only, len(labels)),
        q=(ad - bc) / (ad + bc) if ad + bc else np.nan,
        rank_correlation=rank,
        note="; ".join(reasons),
    )


def _phi(determinant: int, right: int, other_right: int, n: int) -> float:
    """Pearson's correlation of two yes-or-no variables."""
    margins = right * (n - right) * other_right * (n - other_right)
    return float(determinant / np.sqrt(float(margins))) if margins else np.nan


def _rank_correlation(
    detector: Float[np.ndarray, "video"], other: Float[np.ndarray, "video"]
) -> float:
    """Spearman's, with tied scores sharing their mean rank."""
    both = np.stack([ranks.average(detector), ranks.average(other)])
    if not both.size or (np.ptp(both, axis=1) == 0).any():
        return float("nan")
    return float(np.corrcoef(both)[0, 1])


def best_picks(
    labels: Bool[np.ndarray, "video"], logits: Float[np.ndarray, "video member"]
) -> Float[np.ndarray, "video"]:
    """Each fake's highest and each real's lowest score: the best choice of a member per video.

    It needs the labels, so it is a bound and no detector. A rule whose score lies between its
    members' lowest and highest ranks no pair and decides no video better. Other rules may, such
    as a stack or a mean of ranks.
    """
    picks: Logits = np.where(labels, logits.max(axis=1), logits.min(axis=1))
    return picks


def auc_and_accuracy(labels: Labels, logits: Logits, threshold: float) -> Statistics:
    """Both of one scorer, to bootstrap; above a probability, 0 to 1, is fake."""
    right = ((logits > logit(threshold)) == labels).astype(np.float64)

    def statistics(weights: Weights) -> dict[str, Values]:
        with np.errstate(invalid="ignore"):
            accuracy = weights @ right / weights.sum(axis=1)
        return {"auc": METRICS["auc"](labels, logits, weights), "accuracy": accuracy}

    return statistics


class Best(NamedTuple):
    """The scorer of the highest value; without a name, none could be chosen and the note says why.

    Equal values are named in the note: the first of them is chosen.
    """

    name: str
    value: float
    note: str


def best_singles(labels: Labels, scores: Mapping[str, Logits], threshold: float) -> dict[str, Best]:
    """The scorer with the highest AUC and the one with the highest accuracy, by metric."""
    once = np.ones((1, len(labels)))
    values = {n: auc_and_accuracy(labels, own, threshold)(once) for n, own in scores.items()}
    return {
        metric: _best({name: float(value[metric][0]) for name, value in values.items()}, labels)
        for metric in ("auc", "accuracy")
    }


def _best(values: dict[str, float], labels: Labels) -> Best:
    known = {name: value for name, value in values.items() if not np.isnan(value)}
    if not known:
        fake = int(labels.sum())
        return Best("", np.nan, f"{len(labels) - fake} real and {fake} fake videos that all scored")
    first = max(known, key=lambda name: known[name])
    equal = [name for name in known if known[name] == known[first] and name != first]
    return Best(first, known[first], f"tied with {', '.join(equal)}" if equal else "")


class Family(NamedTuple):
    """P values corrected for being tested together, and why none can be small, or nothing."""

    p_holm: Float[np.ndarray, "test"]
    note: str


def family(p: Float[np.ndarray, "test"], draws: Draws) -> Family:
    """Holm's correction of bootstrap p values; NaN are no tests."""
    tests = int(np.sum(~np.isnan(p)))
    needed = 2 * tests / (1 - draws.level)  # the smallest p is 2 / (replicates + 1)
    few = f"{tests} tests need {ceil(needed)} bootstrap replicates, not {draws.replicates}"
    return Family(holm(p), few if draws.replicates + 1 <= needed else "")
