"""Repeated timings of one thing, summed up."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

# so many calls have on average one slower than the percentile: below, it would be a guess
CALLS_FOR_P95, CALLS_FOR_P99 = 20, 100


class Durations(NamedTuple):
    """Percentiles in the unit of the timings; NaN where `note` says why."""

    p50: float
    p95: float
    p99: float
    iqr: float  # from the 25th to the 75th percentile
    calls: int
    note: str


def summarise(timings: Float64[np.ndarray, "call"]) -> Durations:
    """Median, tail and spread of at least one timing."""
    calls = len(timings)
    if not calls:
        msg = "no timings to sum up; time at least one call"
        raise ValueError(msg)
    p25, p50, p75, p95, p99 = (float(p) for p in np.percentile(timings, (25, 50, 75, 95, 99)))
    lacking = [f"p95 needs {CALLS_FOR_P95} calls"] * (calls < CALLS_FOR_P95)
    lacking += [f"p99 needs {CALLS_FOR_P99}"] * (calls < CALLS_FOR_P99)
    return Durations(
        p50,
        p95 if calls >= CALLS_FOR_P95 else float("nan"),
        p99 if calls >= CALLS_FOR_P99 else float("nan"),
        p75 - p25,
        calls,
        f"{', '.join(lacking)}; there were {calls}" if lacking else "",
    )
