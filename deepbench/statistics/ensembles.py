"""From several detectors' scores of a video to one: `ENSEMBLES[name](logits, weights) -> logit`.

A NaN is a detector that could not score the video. It is left out, and the weights of the others
are used in their proportions; how many are needed at least is the caller's rule.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import log_expit, logsumexp

Logits = Float[np.ndarray, "video detector"]
Weights = Float[np.ndarray, "detector"]


def weighted_mean(logits: Logits, weights: Weights) -> Float[np.ndarray, "video"]:
    """Log-odds of the weighted mean fake probability; NaN where no detector with weight has one."""
    present = ~np.isnan(logits) & (weights > 0)
    # NaN would poison the sum even with weight 0
    known = np.where(present, logits, 0.0)
    weight = np.where(present, weights, 0.0)
    nobody = ~present.any(axis=1)
    weight[nobody] = 1.0
    fake = logsumexp(log_expit(known), b=weight, axis=1)
    real = logsumexp(log_expit(-known), b=weight, axis=1)
    return np.where(nobody, np.nan, fake - real)


ENSEMBLES: dict[str, Callable[[Logits, Weights], Float[np.ndarray, "video"]]] = {
    "weighted_mean": weighted_mean,
}
