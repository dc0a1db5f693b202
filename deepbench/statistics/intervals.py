"""Bootstrap intervals that keep together what is not independent."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

Statistics = Callable[
    [Float[np.ndarray, "replicate item"]], dict[str, Float[np.ndarray, "replicate"]]
]
# of each class; three clusters can be drawn in 10 ways, five in 126: with fewer, a percentile is
# one of a few values, and many draws hold no real or no fake at all
FEWEST_CLUSTERS = 5
WEIGHTS_AT_A_TIME = 400_000  # 3 MB: what fits the processor's cache is several times faster


class Interval(NamedTuple):
    """Percentile interval; NaN where no replicate has a value."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A value with its interval; what is NaN has its reason in the note."""

    value: float
    low: float
    high: float
    note: str
    p: float = np.nan  # two-sided, against 0; for differences


class Sample(NamedTuple):
    """What a statistic is about: the label (True = fake) and the cluster of each item."""

    labels: Bool[np.ndarray, "item"]
    clusters: Shaped[np.ndarray, "item"]


class Draws(NamedTuple):
    """How many replicates, what they cover, and the seed: one seed draws the same clusters."""

    replicates: int
    level: float
    seed: int


def estimate(statistics: Statistics, sample: Sample, draws: Draws) -> dict[str, Estimate]:
    """Value, interval and p of each statistic, by name, from a bootstrap over clusters.

    The same clusters and seed give the same draws whatever the order of the items, so that
    differences of two calls are paired. With one class, what is defined still has its interval.
    """
    labels, clusters = sample
    found = statistics(np.ones((1, len(labels))))
    few, undefined = _too_few(sample), why_no_interval(sample) or "undefined on these videos"
    rng = np.random.default_rng([draws.seed, len(labels)])
    drawn = {} if few else bootstrap(statistics, clusters, draws.replicates, rng)
    estimates = {}
    for name, value in found.items():
        note = undefined if np.isnan(value[0]) else few
        if note:
            estimates[name] = Estimate(float(value[0]), np.nan, np.nan, note)
        else:
            ends, p = percentile(drawn[name], draws.level), p_value(drawn[name])
            estimates[name] = Estimate(float(value[0]), *ends, note, p)
    return estimates


def why_no_interval(sample: Sample) -> str:
    """Why a sample is too small for an interval of what needs both classes, or nothing."""
    fakes = int(sample.labels.sum())
    reals = len(sample.labels) - fakes
    if not fakes or not reals:
        return f"undefined with {reals} real and {fakes} fake"
    return _too_few(sample)


def _too_few(sample: Sample) -> str:
    """Why the classes that are there have too few clusters, or nothing."""
    labels, clusters = sample
    counts = [len(set(clusters[of_class])) for of_class in (labels, ~labels)]
    fewest = min((count for count in counts if count), default=0)
    if fewest >= FEWEST_CLUSTERS:
        return ""
    return f"no interval from {fewest} independent clips of a class, fewer than {FEWEST_CLUSTERS}"


def p_value(values: Float[np.ndarray, "replicate"]) -> float:
    """Two-sided p of replicates of a difference against 0; at least 2 / (replicates + 1)."""
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan")
    below, above = 1 + np.sum(known <= 0), 1 + np.sum(known >= 0)
    return float(min(1.0, 2 * min(below, above) / (len(known) + 1)))


def cluster_weights(
    clusters: Shaped[np.ndarray, "item"], replicates: int, rng: np.random.Generator
) -> Float[np.ndarray, "replicate item"]:
    """How often each item is drawn in each replicate, whole clusters being drawn with replacement.

    Fakes made from one clip share its camera, person and scene; drawing them one by one would
    count the same evidence several times and make intervals too narrow.
    """
    _, member = np.unique(clusters, return_inverse=True)
    return _draw(member, replicates, rng)


def _draw(
    member: Int[np.ndarray, "item"], replicates: int, rng: np.random.Generator
) -> Float[np.ndarray, "replicate item"]:
    n = int(member.max()) + 1 if len(member) else 0
    # counting n whole numbers is many times faster than a multinomial, and the same on any machine
    drawn = rng.integers(0, n, (replicates, n)) if n else np.zeros((replicates, 0), int)
    times = [np.bincount(replicate, minlength=n).astype(np.float64) for replicate in drawn]
    return np.take(np.array(times).reshape(replicates, n), member, axis=1)


def bootstrap(
    statistics: Statistics,
    clusters: Shaped[np.ndarray, "item"],
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, Float[np.ndarray, "replicate"]]:
    """Statistics of every replicate, computed on a few replicates at a time to bound memory."""
    _, member = np.unique(clusters, return_inverse=True)
    at_a_time = max(1, WEIGHTS_AT_A_TIME // max(1, len(clusters)))
    sizes = [min(at_a_time, replicates - start) for start in range(0, replicates, at_a_time)]
    parts = [statistics(_draw(member, size, rng)) for size in sizes]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def percentile(values: Float[np.ndarray, "replicate"], level: float) -> Interval:
    """Central interval of the replicates that have a value."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Interval(np.nan, np.nan)
    tail = (1 - level) / 2
    # infinite log-losses have no midpoint to interpolate to
    low, high = np.quantile(known, [tail, 1 - tail], method="nearest")
    return Interval(float(low), float(high))
