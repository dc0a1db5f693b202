"""Bootstrap intervals that keep together what is not independent."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

Statistics = Callable[
    [Float[np.ndarray, "replicate item"]], dict[str, Float[np.ndarray, "replicate"]]
]
WEIGHTS_AT_A_TIME = 2_000_000  # 16 MB; a metric needs a few times that


class Interval(NamedTuple):
    """Percentile interval; NaN where no replicate has a value."""

    low: float
    high: float


def cluster_weights(
    clusters: Shaped[np.ndarray, "item"], replicates: int, rng: np.random.Generator
) -> Float[np.ndarray, "replicate item"]:
    """How often each item is drawn in each replicate, whole clusters being drawn with replacement.

    Fakes made from one clip share its camera, person and scene; drawing them one by one would
    count the same evidence several times and make intervals too narrow.
    """
    _, member = np.unique(clusters, return_inverse=True)
    n = int(member.max()) + 1 if len(member) else 0
    drawn = (
        rng.multinomial(n, np.full(n, 1 / n), size=replicates) if n else np.zeros((replicates, 0))
    )
    return drawn[:, member].astype(np.float64)


def bootstrap(
    statistics: Statistics,
    clusters: Shaped[np.ndarray, "item"],
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, Float[np.ndarray, "replicate"]]:
    """Statistics of every replicate, computed on a few replicates at a time to bound memory."""
    at_a_time = max(1, WEIGHTS_AT_A_TIME // max(1, len(clusters)))
    sizes = [min(at_a_time, replicates - start) for start in range(0, replicates, at_a_time)]
    parts = [statistics(cluster_weights(clusters, size, rng)) for size in sizes]
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
