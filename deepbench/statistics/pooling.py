"""From the scores of one video's frames to one score: `POOLS[name](logits) -> logit`.

All rules work on log-odds and average probabilities in log space, so that very sure detectors do
not saturate at 0 or 1 and tie.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import log_expit, logsumexp

Logits = Float[np.ndarray, "frame"]


def mean(logits: Logits) -> float:
    """Log-odds of the mean fake probability."""
    return float(logsumexp(log_expit(logits)) - logsumexp(log_expit(-logits)))


def majority(logits: Logits) -> float:
    """Log-odds of the share of frames called fake; infinite where all frames agree."""
    share = np.mean(logits > 0)
    with np.errstate(divide="ignore"):
        return float(np.log(share) - np.log1p(-share))


def confidence(logits: Logits) -> float:
    """Log-odds of the mean fake probability, each frame weighted by max(p, 1 - p)."""
    weight = log_expit(np.abs(logits))
    return float(logsumexp(weight + log_expit(logits)) - logsumexp(weight + log_expit(-logits)))


POOLS: dict[str, Callable[[Logits], float]] = {
    "mean": mean,
    "majority": majority,
    "confidence": confidence,
}
