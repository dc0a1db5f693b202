"""A logistic regression on frequency features: what a detector without a network can see."""

import hashlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32

PENALTY = 0.01  # C: small, for there may be fewer crops than features
DECIMALS = 4  # of coefficients
SAME = 1e-6  # of a feature's size: a spread below is rounding


class Probe(NamedTuple):
    """A fitted regression; features that were constant or undefined in the fit have no part."""

    kept: Bool[np.ndarray, "feature"]
    mean: Float[np.ndarray, "kept"]
    deviation: Float[np.ndarray, "kept"]
    coefficients: Float[np.ndarray, "kept"]
    intercept: float

    @property
    def sha256(self) -> str:
        """Digest of the coefficients and which features they belong to."""
        numbers = np.append(self.coefficients, self.intercept).astype("<f8")
        return hashlib.sha256(self.kept.tobytes() + numbers.tobytes()).hexdigest()


def unlearnable(
    features: Float[np.ndarray, "crop feature"], labels: Bool[np.ndarray, "crop"]
) -> str:
    """Why there is nothing to learn from these crops: a plain sentence, or nothing."""
    usable = _usable(features)
    fake = int(labels[usable].sum())
    real = int(usable.sum()) - fake
    if real and fake:
        return ""
    return f"the frequency scorer needs real and fake crops to fit, found {real} real, {fake} fake"


def _usable(features: Float[np.ndarray, "crop feature"]) -> Bool[np.ndarray, "crop"]:
    """Crops that have every feature which any crop has."""
    known = np.isfinite(features)
    return np.asarray(known[:, known.any(axis=0)].all(axis=1) & known.any(axis=1))


def fit(features: Float[np.ndarray, "crop feature"], labels: Bool[np.ndarray, "crop"]) -> Probe:
    """Fit to crops, True = fake; crops that lack a feature are left out.

    Features are standardised by these crops; the penalty is L2 and the classes have equal weight,
    since their shares in one data set say nothing of another.

    Raises:
        ValueError: there are no usable crops of both classes.
    """
    if why := unlearnable(features, labels):
        raise ValueError(why)
    # it takes half a second to import, which those who only score should not wait for
    from sklearn.linear_model import LogisticRegression

    usable = _usable(features)
    features, labels = features[usable].astype(np.float64), labels[usable]
    spread, size = features.std(axis=0), np.abs(features).max(axis=0)
    kept = spread > SAME * size  # False where undefined
    mean, deviation = features[:, kept].mean(axis=0), spread[kept]
    # Newton's method converges to the last digits; rounded, those that the processor decides go,
    # and two machines have the same coefficients
    found = LogisticRegression(
        C=PENALTY, class_weight="balanced", solver="newton-cholesky", tol=1e-8, max_iter=1000
    ).fit((features[:, kept] - mean) / deviation, labels)
    coefficients = np.round(found.coef_[0], DECIMALS)
    return Probe(kept, mean, deviation, coefficients, float(round(found.intercept_[0], DECIMALS)))


def score(probe: Probe, features: Float[np.ndarray, "crop feature"]) -> Float32[np.ndarray, "crop"]:
    """Log-odds of fake of each crop; NaN for a crop that lacks a feature."""
    standard = (features[:, probe.kept] - probe.mean) / probe.deviation
    # not BLAS, whose last digits depend on the number of threads
    logits = np.einsum("cf,f->c", standard, probe.coefficients) + probe.intercept
    return np.asarray(logits, np.float32)
