"""Metrics of binary scores, weighted and vectorised: `METRICS[name](labels, logits, weights)`.

`labels` is True for fake; a higher logit means more fake; `weights` is a matrix of replicates by
items, so that one call gives the metric of every bootstrap replicate (a row of ones gives the plain
metric). A metric that is undefined, as the AUC of one class alone, is NaN.

`METRICS` need no threshold. `DECISIONS` call an item fake where its logit is above 0: the caller
subtracts the threshold's log-odds. A new metric is a function and its name in one of the two;
`evaluator` gives all of them, those of this file from one curve.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
from jaxtyping import Int
from scipy.special import expit, log_expit

from deepbench.statistics import curves
from deepbench.statistics.curves import Confusion, Curve, Ranking, ratio
from deepbench.statistics.curves import Labels as Labels
from deepbench.statistics.curves import Logits as Logits
from deepbench.statistics.curves import Values as Values
from deepbench.statistics.curves import Weights as Weights

Metric = Callable[[Labels, Logits, Weights], Values]

# of the expected calibration error
MOST_BINS = 15
ITEMS_PER_BIN = 10  # at least: the mean of a few items differs from any probability


def curve(labels: Labels, logits: Logits, weights: Weights) -> Curve:
    """Cumulative counts of fakes and reals; tied scores share one threshold."""
    ranking = curves.rank(labels, logits)
    return curves.climb(ranking, curves.arrange(ranking, weights))


def confusion(labels: Labels, logits: Logits, weights: Weights) -> Confusion:
    """Counts of decisions; an item exactly at the threshold is called real."""
    ranking = curves.rank(labels, logits)
    return _decide(ranking, curves.climb(ranking, curves.arrange(ranking, weights)), 0.0)


def _decide(ranking: Ranking, climbed: Curve, threshold_logit: float) -> Confusion:
    called = np.count_nonzero(ranking.logits > threshold_logit)
    step = int(np.searchsorted(ranking.steps, called))
    return curves.at(climbed, np.full(len(climbed.true_fake), step))


def _log_loss(labels: Labels, logits: Logits) -> Logits:
    """Negative log-likelihood in nats; 0.693 for always 0.5; infinite if surely wrong."""
    loss: Logits = -log_expit(np.where(labels, logits, -logits))
    return loss


def _brier(labels: Labels, logits: Logits) -> Logits:
    """Squared difference of probability and label."""
    loss: Logits = (expit(logits) - labels) ** 2
    return loss


def _mean(loss: Logits, weights: Weights, total: Values) -> Values:
    infinite = np.isinf(loss)
    if not infinite.any():
        return ratio(_dot(weights, loss), total)
    mean = ratio(_dot(weights, np.where(infinite, 0.0, loss)), total)
    # weight 0 times infinity is no loss
    return np.where((weights[:, infinite] > 0).any(axis=1), np.inf, mean)


def _dot(weights: Weights, values: Logits) -> Values:
    # not BLAS, whose last digits depend on the number of threads
    product: Values = np.einsum("ri,i->r", weights, values)
    return product


def _edges(ranking: Ranking) -> Int[np.ndarray, "edge"]:
    """Edges of bins with equally many items, but for tied scores, which stay together."""
    items = len(ranking.labels)
    bins = min(max(items // ITEMS_PER_BIN, 1), MOST_BINS)
    equal = np.round(np.linspace(0, items, bins + 1))
    return np.unique(ranking.steps[np.searchsorted(ranking.steps, equal)])


def _ece(excess: Logits, weights: Weights, edges: Int[np.ndarray, "edge"]) -> Values:
    """Items in the order of their ranking; `excess` is probability minus label."""
    total = np.zeros(len(weights))
    for start, end in pairwise(edges):
        total += np.abs(_dot(weights[:, start:end], excess[start:end]))
    return ratio(total, weights.sum(axis=1))


def _excess(ranking: Ranking) -> Logits:
    excess: Logits = expit(ranking.logits) - ranking.labels
    return excess


def ece(labels: Labels, logits: Logits, weights: Weights) -> Values:
    """Expected calibration error: weighted mean over bins of |mean probability - share of fakes|.

    At most 15 bins of equally many items, at least 10 each, the same for all replicates. Above 0
    by chance even for perfect probabilities, the more so the fewer items.
    """
    ranking = curves.rank(labels, logits)
    return _ece(_excess(ranking), curves.arrange(ranking, weights), _edges(ranking))


_OF_CURVE: dict[str, Callable[[Curve], Values]] = {
    "auc": curves.auc,
    "ap": curves.average_precision,
    "eer": curves.eer,
    "tpr_at_fpr_1": partial(curves.tpr_at_fpr, limit=0.01),
    "tpr_at_fpr_5": partial(curves.tpr_at_fpr, limit=0.05),
}
_LOSSES: dict[str, Callable[[Labels, Logits], Logits]] = {"log_loss": _log_loss, "brier": _brier}
_OF_COUNTS: dict[str, Callable[[Confusion], Values]] = {
    "accuracy": curves.accuracy,
    "balanced_accuracy": curves.balanced_accuracy,
    "precision": curves.precision,
    "recall": curves.recall,
    "specificity": curves.specificity,
    "f1": curves.f1,
}


def _from_curve(name: str, labels: Labels, logits: Logits, weights: Weights) -> Values:
    return _OF_CURVE[name](curve(labels, logits, weights))


def _from_loss(name: str, labels: Labels, logits: Logits, weights: Weights) -> Values:
    return _mean(_LOSSES[name](labels, logits), weights, weights.sum(axis=1))


def _from_counts(name: str, labels: Labels, logits: Logits, weights: Weights) -> Values:
    return _OF_COUNTS[name](confusion(labels, logits, weights))


METRICS: dict[str, Metric] = {
    **{name: partial(_from_curve, name) for name in _OF_CURVE},
    **{name: partial(_from_loss, name) for name in _LOSSES},
    "ece": ece,
}
DECISIONS: dict[str, Metric] = {name: partial(_from_counts, name) for name in _OF_COUNTS}
COUNTS = Confusion._fields

auc, average_precision, eer = METRICS["auc"], METRICS["ap"], METRICS["eer"]
accuracy = DECISIONS["accuracy"]


def evaluator(
    labels: Labels, logits: Logits, threshold_logit: float
) -> Callable[[Weights], dict[str, Values]]:
    """Function from weights to every metric and the counts of the confusion matrix, by name.

    What does not depend on weights is done once. Fastest with items sorted by falling logit.
    """
    ranking = curves.rank(labels, logits)
    losses = {name: loss(ranking.labels, ranking.logits) for name, loss in _LOSSES.items()}
    excess, edges = _excess(ranking), _edges(ranking)

    def evaluated(weights: Weights) -> dict[str, Values]:
        weights = curves.arrange(ranking, weights)
        total: Values = weights.sum(axis=1)
        climbed = curves.climb(ranking, weights)
        decided = _decide(ranking, climbed, threshold_logit)
        shared = {
            **{name: of(climbed) for name, of in _OF_CURVE.items()},
            **{name: _mean(loss, weights, total) for name, loss in losses.items()},
            "ece": _ece(excess, weights, edges),
            **{name: of(decided) for name, of in _OF_COUNTS.items()},
        }
        own = {
            name: metric(ranking.labels, ranking.logits - shift, weights)
            for metrics, shift in ((METRICS, 0.0), (DECISIONS, threshold_logit))
            for name, metric in metrics.items()
            if name not in shared
        }
        return shared | own | decided._asdict()

    return evaluated


def evaluate(
    labels: Labels, logits: Logits, weights: Weights, threshold_logit: float
) -> dict[str, Values]:
    """Every metric and count of every replicate, by name."""
    return evaluator(labels, logits, threshold_logit)(weights)
