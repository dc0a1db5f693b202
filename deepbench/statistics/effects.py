"""How far apart two groups of videos lie, for many features at once.

Means, their difference and Cohen's d (Statistical Power Analysis for the Behavioral Sciences,
1988), with intervals from a bootstrap that keeps clusters together.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from deepbench.statistics.intervals import (
    Draws,
    Interval,
    Sample,
    cluster_weights,
    percentile,
    why_no_interval,
)

Values = Float[np.ndarray, "video feature"]
AT_A_TIME = 64  # features: what all replicates of one group have in memory
SAME = 1e-9  # of a feature's size: a spread below is rounding
CONSTANT = "no effect size: it is the same in all videos"


class Measure(NamedTuple):
    """A value with its interval; NaN where the contrast's note says why."""

    value: float
    low: float
    high: float


class Contrast(NamedTuple):
    """Fakes against reals in one feature; the effect is positive where fakes have more."""

    real: Measure
    fake: Measure
    difference: Measure
    effect: Measure
    n_real: int
    n_fake: int
    note: str


def contrasts(values: Values, sample: Sample, draws: Draws) -> list[Contrast]:
    """Every feature of fakes against reals; a NaN is a video that lacks the feature.

    The same videos before and after a treatment are reals and fakes that share their clusters: as
    whole clusters are drawn, each replicate has both, and the intervals are those of pairs.
    """
    found: dict[int, Contrast] = {}
    known = ~np.isnan(values)
    for videos in np.unique(known, axis=1).T:
        alike = np.flatnonzero((known == videos[:, None]).all(axis=0))
        part = Sample(sample.labels[videos], sample.clusters[videos])
        for start in range(0, len(alike), AT_A_TIME):
            chosen = alike[start : start + AT_A_TIME]
            rows = _contrasts(values[np.ix_(videos, chosen)], part, draws)
            found |= dict(zip(chosen.tolist(), rows, strict=True))
    return [found[feature] for feature in range(values.shape[1])]


class Moments(NamedTuple):
    """Mean and sum of squares around it, of one group in each replicate."""

    number: Float[np.ndarray, "replicate 1"]
    mean: Float[np.ndarray, "replicate feature"]
    squares: Float[np.ndarray, "replicate feature"]


def _contrasts(values: Values, sample: Sample, draws: Draws) -> list[Contrast]:
    n_fake = int(sample.labels.sum())
    n_real = len(sample.labels) - n_fake
    why = why_no_interval(sample)
    clusters, member = np.unique(sample.clusters, return_inverse=True)
    once = np.ones((1, len(clusters)))
    plain = _measures(values, sample.labels, member, once)
    drawn = np.full((4, 1, values.shape[1]), np.nan)
    if not why:
        rng = np.random.default_rng([draws.seed, len(sample.labels)])
        weights = cluster_weights(clusters, draws.replicates, rng)
        drawn = _measures(values, sample.labels, member, weights)
    found = []
    for feature in range(values.shape[1]):
        ends = [percentile(drawn[m, :, feature], draws.level) for m in range(4)]
        measures = [Measure(float(plain[m, 0, feature]), *ends[m]) for m in range(4)]
        alike = n_real and n_fake and np.isnan(measures[3].value)
        if alike:
            measures[3] = Measure(np.nan, *Interval(np.nan, np.nan))
        note = "; ".join(filter(None, [why, CONSTANT if alike else ""]))
        real, fake, difference, effect = measures
        found.append(Contrast(real, fake, difference, effect, n_real, n_fake, note))
    return found


def _measures(
    values: Values,
    labels: Bool[np.ndarray, "video"],
    member: np.ndarray,
    weights: Float[np.ndarray, "replicate cluster"],
) -> Float[np.ndarray, "4 replicate feature"]:
    """Means of reals and fakes, their difference and effect in each replicate."""
    # around their mean, so that squares keep their digits
    centre = values.mean(axis=0) if len(values) else np.zeros(values.shape[1])
    real, fake = (_moments(values[of] - centre, member[of], weights) for of in (~labels, labels))
    free = real.number + fake.number - 2
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = fake.mean - real.mean
        spread = np.sqrt(np.where(free > 0, (real.squares + fake.squares) / free, np.nan))
        alike = spread <= SAME * np.abs(centre)
        effect = difference / np.where(alike, np.nan, spread)
    return np.stack([real.mean + centre, fake.mean + centre, difference, effect])


def _moments(
    values: Values, member: np.ndarray, weights: Float[np.ndarray, "replicate cluster"]
) -> Moments:
    clusters = weights.shape[1]
    sums = np.zeros((3, clusters, values.shape[1]))
    for power, total in enumerate(sums):
        np.add.at(total, member, values**power)
    # not BLAS, whose last digits depend on the number of threads; the count is the same for all
    count = np.einsum("rc,c->r", weights, sums[0, :, 0])[:, None]
    first, second = (np.einsum("rc,cf->rf", weights, total) for total in sums[1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = first / count
        squares = np.maximum(second - first * mean, 0)
    return Moments(count, mean, squares)
