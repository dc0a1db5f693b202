"""Bootstrap intervals that keep together what is not independent."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped


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


def percentile(values: Float[np.ndarray, "replicate"], level: float) -> Interval:
    """Central interval of the replicates that have a value."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Interval(np.nan, np.nan)
    tail = (1 - level) / 2
    # infinite log-losses have no midpoint to interpolate to
    low, high = np.quantile(known, [tail, 1 - tail], method="nearest")
    return Interval(float(low), float(high))
