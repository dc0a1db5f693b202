"""AUC over all weightings of some detectors: a grid of weights that sum to 1, and where it is flat.

Scores are weighted means of fake probabilities, as the ensemble rule `weighted_mean` makes them.
"""

from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit

from deepbench.statistics.intervals import (
    Draws,
    Sample,
    cluster_weights,
    percentile,
    why_no_interval,
)

MOST_POINTS = 1_001  # five detectors in steps of 1/10


class Map(NamedTuple):
    """AUC of each weighting, and whether it cannot be told apart from the best."""

    weights: Float[np.ndarray, "point member"]
    auc: Float[np.ndarray, "point"]
    flat: Bool[np.ndarray, "point"]


def steps_that_fit(members: int, asked: int) -> int:
    """As many steps as asked for, or fewer where the grid would pass `MOST_POINTS`."""
    fitting = (s for s in range(asked, 1, -1) if comb(s + members - 1, s) <= MOST_POINTS)
    return next(fitting, 1)


def grid(members: int, steps: int) -> Float[np.ndarray, "point member"]:
    """All weights that are multiples of 1 / steps and sum to 1."""
    # the bars that part `steps` stars into one group per member
    bars = np.array(list(combinations(range(steps + members - 1), members - 1)), dtype=np.int64)
    ends = np.full((len(bars), 1), steps + members - 1)
    places = np.hstack([np.full_like(ends, -1), bars, ends])
    stars: Float[np.ndarray, "point member"] = (np.diff(places, axis=1) - 1) / steps
    return stars


def weighted_means(
    logits: Float[np.ndarray, "video member"], weights: Float[np.ndarray, "point member"]
) -> Float[np.ndarray, "point video"]:
    """Log-odds of the weighted mean fake probability of every weighting."""
    # 1 - p by itself, because a difference would tie all very sure scores at 1
    with np.errstate(divide="ignore"):
        fake, real = np.log(weights @ expit(logits).T), np.log(weights @ expit(-logits).T)
    means: Float[np.ndarray, "point video"] = fake - real
    return means


def aucs(
    labels: Bool[np.ndarray, "video"],
    scores: Float[np.ndarray, "point video"],
    weights: Float[np.ndarray, "replicate video"],
) -> Float[np.ndarray, "point replicate"]:
    """AUC of every weighting in every replicate; NaN where a class has no weight.

    Same values as `METRICS["auc"]`, but several times as fast: only reals are sorted and summed up,
    with the replicates side by side in memory.
    """
    reals, fakes = (np.ascontiguousarray(weights[:, of].T) for of in (~labels, labels))
    below = np.zeros((len(reals) + 1, len(weights)))
    found = np.empty((len(scores), len(weights)))
    for point, (real, fake) in enumerate(zip(scores[:, ~labels], scores[:, labels], strict=True)):
        order = np.argsort(real, kind="stable")
        np.cumsum(reals[order], axis=0, out=below[1:])
        lower, upper = (np.searchsorted(real[order], fake, side) for side in ("left", "right"))
        found[point] = np.einsum("fr,fr->r", below[lower], fakes)
        if (tied := lower != upper).any():  # a tie counts half
            more = below[upper[tied]] - below[lower[tied]]
            found[point] += np.einsum("fr,fr->r", more, fakes[tied]) / 2
    with np.errstate(invalid="ignore"):
        found /= reals.sum(axis=0) * fakes.sum(axis=0)
    return found


def auc_map(
    sample: Sample, logits: Float[np.ndarray, "video member"], steps: int, draws: Draws
) -> Map:
    """AUC at every point of the grid.

    A point is flat where the bootstrap interval of its difference to the best point holds 0; that
    the best was picked on the same videos makes fewer points flat than should be. With too few
    clusters for an interval every point is flat: nothing can be told apart.
    """
    labels, clusters = sample
    weights = grid(logits.shape[1], steps)
    scores = weighted_means(logits, weights)
    auc = aucs(labels, scores, np.ones((1, len(labels))))[:, 0]
    if why_no_interval(sample):
        return Map(weights, auc, np.ones(len(auc), dtype=bool))
    rng = np.random.default_rng([draws.seed, len(labels)])
    drawn = aucs(labels, scores, cluster_weights(clusters, draws.replicates, rng))
    lead = drawn[np.argmax(auc)] - drawn
    low = np.array([percentile(point, draws.level).low for point in lead])
    return Map(weights, auc, ~(low > 0))
