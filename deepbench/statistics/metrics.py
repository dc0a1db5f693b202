"""Metrics of binary scores, weighted and vectorised: `METRICS[name](labels, logits, weights)`.

`labels` is True for fake; a higher logit means more fake; `weights` is a matrix of replicates by
items, so that one call gives the metric of every bootstrap replicate (a row of ones gives the plain
metric). A metric that is undefined, as the AUC of one class alone, is NaN.

`METRICS` need no threshold. `DECISIONS` call an item fake where its logit is above 0: the caller
subtracts the threshold's log-odds.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit, log_expit

Labels = Bool[np.ndarray, "item"]
Logits = Float[np.ndarray, "item"]
Weights = Float[np.ndarray, "replicate item"]
Values = Float[np.ndarray, "replicate"]
Metric = Callable[[Labels, Logits, Weights], Values]


class Curve(NamedTuple):
    """Weighted counts above each distinct score, from the strictest threshold (0) to all."""

    true_fake: Float[np.ndarray, "replicate threshold"]
    false_fake: Float[np.ndarray, "replicate threshold"]


def curve(labels: Labels, logits: Logits, weights: Weights) -> Curve:
    """Cumulative counts of fakes and reals; tied scores share one threshold."""
    order = np.argsort(-logits, kind="stable")
    ranked = logits[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]
    start = np.zeros((len(weights), 1))

    def counts(of_class: Labels) -> Float[np.ndarray, "replicate threshold"]:
        total = np.cumsum(weights[:, order] * of_class[order], axis=1)
        return np.hstack([start, total[:, last_of_tie]])

    return Curve(counts(labels), counts(~labels))


def _rates(labels: Labels, logits: Logits, weights: Weights) -> Curve:
    """The curve as TPR and FPR; NaN where a class has no weight."""
    tp, fp = curve(labels, logits, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Curve(tp / tp[:, -1:], fp / fp[:, -1:])


def auc(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Area under the ROC curve; ties count half."""
    tpr, fpr = _rates(labels, logits, weights)
    area = np.sum(np.diff(fpr, axis=1) * (tpr[:, 1:] + tpr[:, :-1]) / 2, axis=1)
    # the sum over an empty curve is 0
    return np.where(np.isnan(tpr[:, -1] + fpr[:, -1]), np.nan, area)


def average_precision(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Precision at each threshold, weighted by the gain in recall; not interpolated."""
    tp, fp = curve(labels, logits, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = tp / tp[:, -1:]
        precision = np.where(tp + fp > 0, tp / (tp + fp), 0.0)
    one_class = fp[:, -1] == 0
    area = np.sum(np.diff(recall, axis=1) * precision[:, 1:], axis=1)
    return np.where(one_class, np.nan, area)


def eer(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Equal error rate: where FPR = 1 - TPR on the ROC curve, linear between its points."""
    tpr, fpr = _rates(labels, logits, weights)
    gap = fpr - (1 - tpr)  # rises from -1 to 1
    after = np.argmax(gap >= 0, axis=1)
    rows = np.arange(len(gap))
    before = np.maximum(after - 1, 0)
    rise = gap[rows, after] - gap[rows, before]
    with np.errstate(invalid="ignore", divide="ignore"):
        step = np.where(rise > 0, -gap[rows, before] / rise, 0.0)
    at = fpr[rows, before] + step * (fpr[rows, after] - fpr[rows, before])
    return np.where(np.isnan(gap[:, -1]), np.nan, at)


def _tpr_at(limit: float) -> Metric:
    def tpr_at_fpr(labels: Labels, logits: Logits, weights: Weights) -> Values:
        tpr, fpr = _rates(labels, logits, weights)
        best = np.max(np.where(fpr <= limit, tpr, 0.0), axis=1)
        return np.where(np.isnan(fpr[:, -1] + tpr[:, -1]), np.nan, best)

    return tpr_at_fpr


def log_loss(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Mean negative log-likelihood in nats; 0.693 for always 0.5; infinite if surely wrong."""
    return _mean(-log_expit(np.where(labels, logits, -logits)), weights)


def brier(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Mean squared difference of probability and label."""
    return _mean((expit(logits) - labels) ** 2, weights)


def _mean(loss: Logits, weights: Weights) -> Values:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Values = np.sum(weights * loss, axis=1) / weights.sum(axis=1)
        return mean


class Confusion(NamedTuple):
    """Weighted counts at the threshold."""

    true_fake: Values
    false_fake: Values
    true_real: Values
    false_real: Values


def confusion(labels: Labels, logits: Logits, weights: Weights) -> Confusion:
    """Counts of decisions; an item exactly at the threshold is called real."""
    called = logits > 0
    return Confusion(
        true_fake=weights @ (called & labels).astype(float),
        false_fake=weights @ (called & ~labels).astype(float),
        true_real=weights @ (~called & ~labels).astype(float),
        false_real=weights @ (~called & labels).astype(float),
    )


def _ratio(part: Values, whole: Values) -> Values:
    ratio: Values = np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
    return ratio


def accuracy(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Share of right decisions; depends on the share of fakes in the data."""
    c = confusion(labels, logits, weights)
    total: Values = weights.sum(axis=1)
    return _ratio(c.true_fake + c.true_real, total)


def balanced_accuracy(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Mean of the shares of fakes and of reals decided rightly."""
    both: Values = recall(labels, logits, weights) + specificity(labels, logits, weights)
    return both / 2


def precision(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Share of fakes among what is called fake; NaN if nothing is."""
    c = confusion(labels, logits, weights)
    return _ratio(c.true_fake, c.true_fake + c.false_fake)


def recall(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Share of the fakes that are called fake."""
    c = confusion(labels, logits, weights)
    return _ratio(c.true_fake, c.true_fake + c.false_real)


def specificity(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Share of the reals that are called real."""
    c = confusion(labels, logits, weights)
    return _ratio(c.true_real, c.true_real + c.false_fake)


def f1(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Harmonic mean of precision and recall, fakes being the positive class."""
    c = confusion(labels, logits, weights)
    return _ratio(2 * c.true_fake, 2 * c.true_fake + c.false_fake + c.false_real)


METRICS: dict[str, Metric] = {
    "auc": auc,
    "ap": average_precision,
    "eer": eer,
    "tpr_at_fpr_1": _tpr_at(0.01),
    "tpr_at_fpr_5": _tpr_at(0.05),
    "log_loss": log_loss,
    "brier": brier,
}
DECISIONS: dict[str, Metric] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "precision": precision,
    "recall": recall,
    "specificity": specificity,
    "f1": f1,
}


def evaluate(
    labels: Labels, logits: Logits, weights: Weights, threshold_logit: float
) -> dict[str, Values]:
    """Every metric of every replicate, by name."""
    free = {name: metric(labels, logits, weights) for name, metric in METRICS.items()}
    margin = logits - threshold_logit
    return free | {name: metric(labels, margin, weights) for name, metric in DECISIONS.items()}
