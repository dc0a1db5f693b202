"""Weighted counts along falling scores, and the metrics that are read off them.

Counts are kept rather than rates: with whole-number weights they are exact. Every array has one
row per bootstrap replicate.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

Labels = Bool[np.ndarray, "item"]
Logits = Float[np.ndarray, "item"]
Weights = Float[np.ndarray, "replicate item"]
Values = Float[np.ndarray, "replicate"]
Places = Int[np.ndarray, "replicate"]


class Ranking(NamedTuple):
    """Items by falling score: what does not depend on weights."""

    labels: Labels
    logits: Logits
    order: Int[np.ndarray, "item"] | None  # None if the items came in this order
    steps: Int[np.ndarray, "threshold"]  # how many items lie at or above each distinct score, 0 up


class Curve(NamedTuple):
    """Weighted counts above each distinct score, from the strictest threshold (0) to all."""

    true_fake: Float[np.ndarray, "replicate threshold"]
    false_fake: Float[np.ndarray, "replicate threshold"]


class Confusion(NamedTuple):
    """Weighted counts at one threshold."""

    true_fake: Values
    false_fake: Values
    true_real: Values
    false_real: Values


def rank(labels: Labels, logits: Logits) -> Ranking:
    """Sort items; tied scores make one step."""
    falls = bool((logits[1:] <= logits[:-1]).all())
    order = None if falls else np.argsort(-logits, kind="stable")
    if order is not None:
        labels, logits = labels[order], logits[order]
    steps = np.flatnonzero(np.append(logits[1:] != logits[:-1], True)[: len(logits)]) + 1
    return Ranking(labels, logits, order, np.append(0, steps))


def arrange(ranking: Ranking, weights: Weights) -> Weights:
    """Weights in the order of the ranking."""
    return weights if ranking.order is None else np.take(weights, ranking.order, axis=1)


def climb(ranking: Ranking, weights: Weights) -> Curve:
    """The curve of weights that are in the ranking's order."""
    replicates, items = weights.shape

    def counts(of_class: Weights) -> Float[np.ndarray, "replicate threshold"]:
        total = np.zeros((replicates, items + 1))
        np.cumsum(of_class, axis=1, out=total[:, 1:])
        tied = len(ranking.steps) <= items
        return np.take(total, ranking.steps, axis=1) if tied else total

    fake = weights * ranking.labels
    return Curve(counts(fake), counts(weights - fake))


def ratio(part: Values, whole: Values) -> Values:
    """Part by whole; NaN where the whole is 0."""
    quotient: Values = np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
    return quotient


def at(curve: Curve, place: Places) -> Confusion:
    """Counts at one threshold of each replicate."""
    rows = np.arange(len(place))
    tp, fp = curve.true_fake[rows, place], curve.false_fake[rows, place]
    return Confusion(tp, fp, curve.false_fake[:, -1] - fp, curve.true_fake[:, -1] - tp)


def _first(
    curve: Curve, reached: Callable[[Values, Values], Bool[np.ndarray, "replicate"]]
) -> Places:
    """The strictest threshold whose counts have reached something, by halving: curves only rise."""
    replicates, points = curve.true_fake.shape
    rows = np.arange(replicates)
    low, high = np.zeros(replicates, int), np.full(replicates, points - 1)
    while (low < high).any():
        middle = (low + high) // 2
        now = reached(curve.true_fake[rows, middle], curve.false_fake[rows, middle])
        low, high = np.where(now, low, middle + 1), np.where(now, middle, high)
    return high


def auc(curve: Curve) -> Values:
    """Area under the ROC curve; ties count half."""
    tp, fp = curve
    twice = np.einsum("rt,rt->r", np.diff(fp), tp[:, 1:] + tp[:, :-1])
    return ratio(twice, 2 * tp[:, -1] * fp[:, -1])


def average_precision(curve: Curve) -> Values:
    """Precision at each threshold, weighted by the gain in recall; not interpolated."""
    tp, fp = curve
    called = tp[:, 1:] + fp[:, 1:]
    # where nothing has weight yet, nothing is gained either
    precision = np.divide(tp[:, 1:], np.maximum(called, np.finfo(float).tiny, out=called))
    gained = np.einsum("rt,rt->r", np.diff(tp), precision)
    return np.where(fp[:, -1] == 0, np.nan, ratio(gained, tp[:, -1]))


def eer(curve: Curve) -> Values:
    """Equal error rate: where FPR = 1 - TPR on the ROC curve, linear between its points."""
    fakes, reals = curve.true_fake[:, -1], curve.false_fake[:, -1]
    # in counts, which are exact where rates are not
    after = _first(curve, lambda tp, fp: fp * fakes + tp * reals >= fakes * reals)
    ends = [at(curve, np.maximum(after - 1, 0)), at(curve, after)]
    fpr = [ratio(end.false_fake, reals) for end in ends]
    gap = [f - ratio(end.false_real, fakes) for f, end in zip(fpr, ends, strict=True)]
    crossing: Values = fpr[0] - ratio(gap[0], gap[1] - gap[0]) * (fpr[1] - fpr[0])
    return crossing


def tpr_at_fpr(curve: Curve, limit: float) -> Values:
    """Highest TPR among the thresholds whose FPR is at most the limit."""
    fakes, reals = curve.true_fake[:, -1], curve.false_fake[:, -1]
    known = np.where(reals > 0, reals, np.nan)
    above = _first(curve, lambda tp, fp: fp / known > limit)
    tpr = ratio(at(curve, np.maximum(above - 1, 0)).true_fake, fakes)
    return np.where(reals > 0, tpr, np.nan)


def accuracy(c: Confusion) -> Values:
    """Share of right decisions; depends on the share of fakes in the data."""
    return ratio(c.true_fake + c.true_real, c.true_fake + c.false_fake + c.true_real + c.false_real)


def precision(c: Confusion) -> Values:
    """Share of fakes among what is called fake; NaN if nothing is."""
    return ratio(c.true_fake, c.true_fake + c.false_fake)


def recall(c: Confusion) -> Values:
    """Share of the fakes that are called fake."""
    return ratio(c.true_fake, c.true_fake + c.false_real)


def specificity(c: Confusion) -> Values:
    """Share of the reals that are called real."""
    return ratio(c.true_real, c.true_real + c.false_fake)


def balanced_accuracy(c: Confusion) -> Values:
    """Mean of the shares of fakes and of reals decided rightly."""
    both: Values = recall(c) + specificity(c)
    return both / 2


def f1(c: Confusion) -> Values:
    """Harmonic mean of precision and recall, fakes being the positive class."""
    return ratio(2 * c.true_fake, 2 * c.true_fake + c.false_fake + c.false_real)
