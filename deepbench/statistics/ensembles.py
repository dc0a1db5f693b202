"""From the scores of a video's members to one: `ENSEMBLES[rule](logits, weights, development)`.

A NaN is a member that could not score the video. It is left out, and the weights of the others
are used in their proportions; how many are needed at least is the caller's rule. `WHY_NAN` says
where a rule gives no score although there are members, `unlearnable` where it gives none at all.

Labels enter through `Development` alone: a rule has no other way to see one.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import log_expit, logit, logsumexp

from deepbench.statistics import ranks

Logits = Float[np.ndarray, "video member"]
Weights = Float[np.ndarray, "member"]
Fused = Float[np.ndarray, "video"]
# a quantile of fewer is one of a handful of steps, and a fit to fewer is chance
FEWEST_VIDEOS = 10


class Development(NamedTuple):
    """The development split's videos: what a rule may learn from."""

    logits: Float[np.ndarray, "development member"]
    labels: Bool[np.ndarray, "development"]  # True = fake


def weighted_mean(logits: Logits, weights: Weights, development: Development) -> Fused:
    """Log-odds of the weighted mean fake probability."""
    weight = _weight_present(logits, weights)
    nobody = ~weight.any(axis=1)
    weight[nobody] = 1.0
    # NaN would poison the sum even with weight 0
    known = np.where(weight > 0, logits, 0.0)
    fake = logsumexp(log_expit(known), b=weight, axis=1)
    real = logsumexp(log_expit(-known), b=weight, axis=1)
    return np.where(nobody, np.nan, fake - real)


def weighted_log_odds(logits: Logits, weights: Weights, development: Development) -> Fused:
    """Weighted mean of log-odds; an infinite one outvotes all, two opposite ones give NaN."""
    weight = _weight_present(logits, weights)
    known = np.where(weight > 0, logits, 0.0)
    with np.errstate(invalid="ignore"):
        mean: Fused = (known * weight).sum(axis=1) / weight.sum(axis=1)
    return mean


def median(logits: Logits, weights: Weights, development: Development) -> Fused:
    """Log-odds of the median fake probability: of an even number, of the middle two's mean."""
    voices = np.sort(_voices(logits, weights), axis=1)  # NaN last
    count = (~np.isnan(voices)).sum(axis=1)
    places = np.stack([np.maximum(count - 1, 0) // 2, count // 2], axis=1)
    middle = np.take_along_axis(voices, places, axis=1)
    return weighted_mean(middle, np.ones(2), development)


def maximum(logits: Logits, weights: Weights, development: Development) -> Fused:
    """The most fake member's log-odds."""
    voices = _voices(logits, weights)
    highest = np.where(np.isnan(voices), -np.inf, voices).max(axis=1)
    return np.where(np.isnan(voices).all(axis=1), np.nan, highest)


def rank_mean(logits: Logits, weights: Weights, development: Development) -> Fused:
    """Log-odds of the mean of each member's quantile among its development scores.

    A quantile is a mid-rank, linear between; labels play no part. Scores beyond all development
    scores tie at half a step from 0 or 1.
    """
    if unlearnable("rank_mean", weights, development):
        return np.full(len(logits), np.nan)
    quantiles = np.full_like(logits, np.nan)
    for member in np.flatnonzero(weights > 0):
        known = development.logits[:, member]
        known = known[~np.isnan(known)]
        scores, places = np.unique(known, return_index=True)
        shares = (ranks.average(known)[places] - 0.5) / len(known)
        quantiles[:, member] = np.interp(logits[:, member], scores, shares)
    weight = _weight_present(logits, weights)
    total = np.where(weight > 0, weight * quantiles, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean: Fused = logit(total / weight.sum(axis=1))
    return mean


def stack(logits: Logits, weights: Weights, development: Development) -> Fused:
    """Log-odds of a logistic regression on the members' log-odds, fitted on development.

    Inputs are standardised by the development split, coefficients have an L2 penalty (C = 1).
    NaN for a video that a member did not score or scored infinite.
    """
    fused = np.full(len(logits), np.nan)
    if unlearnable("stack", weights, development):
        return fused
    # it takes half a second to import, which no other rule should wait for
    from sklearn.linear_model import LogisticRegression

    voices, usable = _finite(development.logits, weights)
    voices, labels = voices[usable], development.labels[usable]
    mean, deviation = voices.mean(axis=0), voices.std(axis=0)
    deviation[deviation == 0] = 1.0  # a constant member has nothing to say
    # balanced: the share of fakes among development videos, four of five in FaceForensics++, is no
    # evidence about a video from elsewhere, and would move every score against the threshold.
    # Newton's method converges to the last digits, so that machines agree
    fit = LogisticRegression(
        C=1.0, class_weight="balanced", solver="newton-cholesky", tol=1e-8, max_iter=1000
    ).fit((voices - mean) / deviation, labels)
    voices, usable = _finite(logits, weights)
    if usable.any():
        fused[usable] = fit.decision_function((voices[usable] - mean) / deviation)
    return fused


def unlearnable(rule: str, weights: Weights, development: Development) -> str:
    """Why a rule cannot learn from these development videos: a plain sentence, or nothing."""
    members = weights > 0
    if rule == "rank_mean":
        fewest = int((~np.isnan(development.logits[:, members])).sum(axis=0).min())
        if fewest < FEWEST_VIDEOS:
            return (
                f"rank_mean needs {FEWEST_VIDEOS} development videos scored by each of its "
                f"detectors, found {fewest}"
            )
    if rule == "stack":
        _, usable = _finite(development.logits, weights)
        needed = max(FEWEST_VIDEOS, int(members.sum()) + 2)
        fake = int(development.labels[usable].sum())
        real = int(usable.sum()) - fake
        if real + fake < needed or not real or not fake:
            return (
                f"stack needs {needed} development videos of both classes with finite scores of "
                f"all its detectors, found {real} real and {fake} fake"
            )
    return ""


class Voices(NamedTuple):
    """The members' scores, and which videos have a finite one of each."""

    logits: Float[np.ndarray, "video voice"]
    usable: Bool[np.ndarray, "video"]


def _finite(logits: Logits, weights: Weights) -> Voices:
    voices = logits[:, weights > 0]
    return Voices(voices, np.isfinite(voices).all(axis=1))


def _voices(logits: Logits, weights: Weights) -> Logits:
    """Scores of the members with weight; NaN for the others."""
    return np.where(weights > 0, logits, np.nan)


def _weight_present(logits: Logits, weights: Weights) -> Logits:
    """Each member's weight in each video: 0 where it has no score."""
    return np.where(np.isnan(logits), 0.0, weights)


ENSEMBLES: dict[str, Callable[[Logits, Weights, Development], Fused]] = {
    "weighted_mean": weighted_mean,
    "weighted_log_odds": weighted_log_odds,
    "median": median,
    "max": maximum,
    "rank_mean": rank_mean,
    "stack": stack,
}
# why a rule that could learn gives NaN for a video that enough members scored
WHY_NAN = {
    "weighted_log_odds": "its detectors are certain (infinite log-odds) of opposite things",
    "stack": "the stack needs finite scores of all its detectors",
}
