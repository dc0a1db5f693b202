"""Thresholds, temperature, reliability and abstention of binary scores.

`labels` is True for fake, `logits` are log-odds of fake. What is chosen or fitted here sees the
development split only: its labels are the only ones in the signature.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, ndtri

Labels = Bool[np.ndarray, "item"]
Logits = Float[np.ndarray, "item"]
Weights = Float[np.ndarray, "replicate item"]
Values = Float[np.ndarray, "replicate"]
Cuts = Float[np.ndarray, "cut"]

TEMPERATURES = (0.05, 20.0)  # within which one is sought
FEWEST_IN_BIN = 5  # a share of fewer says next to nothing
RATES = ("fpr", "tpr", "accuracy", "balanced_accuracy")


class Threshold(NamedTuple):
    """Log-odds above which a video is called fake, and how it was chosen; NaN if it was not."""

    logit: float
    note: str


class Temperature(NamedTuple):
    """What log-odds are divided by; NaN if it could not be fitted, with the reason."""

    value: float
    note: str


class Bins(NamedTuple):
    """A reliability diagram, from the lowest probability to the highest."""

    n: Int[np.ndarray, "bin"]
    fake_prob: Float[np.ndarray, "bin"]
    share_fake: Float[np.ndarray, "bin"]
    low: Float[np.ndarray, "bin"]
    high: Float[np.ndarray, "bin"]


class Ends(NamedTuple):
    """Lower and upper ends of the intervals of some shares."""

    low: Float[np.ndarray, "share"]
    high: Float[np.ndarray, "share"]


class Abstention(NamedTuple):
    """What is left undecided buys a lower error rate among the rest; NaN without videos."""

    n: Int[np.ndarray, "coverage"]
    error_rate: Float[np.ndarray, "coverage"]
    fake_share: Float[np.ndarray, "coverage"]


def thresholds(labels: Labels, logits: Logits, rates: list[float]) -> dict[str, Threshold]:
    """Thresholds by criterion: `eer`, `balanced_accuracy`, and `fpr <rate>` for each rate.

    `fpr` is the lowest that keeps to the rate. Of equally good ones the highest is taken, which
    raises the fewest false alarms. All lie halfway between two scores, or between the highest
    score and certainty: rounding on another machine then changes no decision.
    """
    names = ["eer", "balanced_accuracy", *(f"fpr {rate:g}" for rate in rates)]
    n_fake, n_real = int(labels.sum()), int((~labels).sum())
    if not n_fake or not n_real:
        return dict.fromkeys(names, Threshold(np.nan, _unusable(n_real, n_fake)))
    cuts = _cuts(logits)
    false_fake = n_real - np.searchsorted(np.sort(logits[~labels]), cuts, side="right")
    false_real = np.searchsorted(np.sort(logits[labels]), cuts, side="right")
    # whole numbers, so that ties are ties
    unequal = np.abs(false_fake * n_fake - false_real * n_real)
    errors = false_fake * n_fake + false_real * n_real
    chosen = [len(cuts) - 1 - int(np.argmin(badness[::-1])) for badness in (unequal, errors)]
    chosen += [int(np.argmax(false_fake / n_real <= rate)) for rate in rates]
    notes = ["", "", *(_resolution(rate, n_real) for rate in rates)]
    return {
        name: Threshold(float(cuts[place]), note)
        for name, place, note in zip(names, chosen, notes, strict=True)
    }


def _unusable(n_real: int, n_fake: int) -> str:
    return f"not chosen: the development split has scores of {n_real} real and {n_fake} fake"


def _resolution(rate: float, n_real: int) -> str:
    note = f"chosen on {n_real} development reals"
    if 1 / n_real > rate:
        note += f", too few for a rate of {rate:g}: it lies above all of them"
    return note


def _cuts(logits: Logits) -> Cuts:
    """Ascending thresholds above each distinct score, halfway to the next."""
    low = np.unique(logits)
    high = np.append(low[1:], np.inf)
    with np.errstate(invalid="ignore"):
        middle: Cuts = (low + high) / 2
    # certainty is infinitely far in log-odds; halfway to it in probability is not
    to_fake = np.log1p(expit(low)) - log_expit(-low)
    to_real = log_expit(high) - np.log1p(expit(-high))
    middle = np.where(np.isneginf(low), to_real, middle)
    return np.where(np.isposinf(high), to_fake, middle)


def operating_point(labels: Labels, called: Labels, weights: Weights) -> dict[str, Values]:
    """FPR, TPR, accuracy and balanced accuracy of decisions; NaN where a class has no weight."""
    parts = np.stack([labels, ~labels, labels & called, ~labels & called], axis=1)
    # weights of a bootstrap are counts: their sums are exact in whatever order BLAS takes them
    fakes, reals, true_fake, false_fake = (weights @ parts.astype(np.float64)).T
    with np.errstate(invalid="ignore", divide="ignore"):
        fpr, tpr = false_fake / reals, true_fake / fakes
        accuracy = (true_fake + reals - false_fake) / (fakes + reals)
    return dict(zip(RATES, (fpr, tpr, accuracy, (tpr + 1 - fpr) / 2), strict=True))


def temperature(labels: Labels, logits: Logits) -> Temperature:
    """The temperature with the lowest log-loss on the development split, within `TEMPERATURES`.

    It is one number above 0: order, AUC and decisions at 0.5 stay as they are. Infinite log-odds
    are left out: no temperature changes them. Guo et al., ICML 2017.
    """
    finite = np.isfinite(logits)
    signed = np.where(labels, logits, -logits)[finite]
    n_fake, n_real = int(labels[finite].sum()), int((~labels[finite]).sum())
    if not n_fake or not n_real:
        return Temperature(np.nan, _unusable(n_real, n_fake).replace("scores", "finite scores"))

    def loss(log_temperature: float) -> float:
        return float(-np.mean(log_expit(signed / np.exp(log_temperature))))

    ends = [float(np.log(end)) for end in TEMPERATURES]
    found = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-8})
    value, notes = float(np.exp(found.x)), []
    if lost := int((~finite).sum()):
        notes.append(f"fitted without {lost} videos of infinite log-odds")
    # the search comes near its bounds, never upon them
    for end, bound in zip(ends, TEMPERATURES, strict=True):
        if loss(end) <= found.fun:
            value = bound
            notes.append(f"ran to its bound of {bound:g}")
            break
    if (signed > 0).all():
        notes.append("no development video is on the wrong side of 0.5: nothing limits it")
    return Temperature(value, "; ".join(notes))


def reliability(labels: Labels, logits: Logits, bins: int, level: float) -> Bins:
    """Mean fake probability beside the share of fakes, in bins of equally many videos.

    Fewer bins where they would hold fewer than `FEWEST_IN_BIN`; equal scores share a bin, whatever
    the order of the videos. The share's interval is Wilson's, which takes videos as independent.
    """
    ranked = np.sort(logits)
    first = np.searchsorted(ranked, logits)  # place of the first equal score
    wanted = max(1, min(bins, len(logits) // FEWEST_IN_BIN))
    _, member = np.unique(first * wanted // max(1, len(logits)), return_inverse=True)
    n = np.bincount(member)
    # of nothing, bincount counts in integers
    hits, probs = (np.bincount(member, x).astype(np.float64) for x in (labels, expit(logits)))
    return Bins(n, probs / n, hits / n, *wilson(hits, n, level))


def wilson(hits: Float[np.ndarray, "share"], n: Int[np.ndarray, "share"], level: float) -> Ends:
    """Intervals of shares of n independent items. Wilson, JASA 22 (1927)."""
    z2 = float(ndtri((1 + level) / 2)) ** 2
    middle = (hits + z2 / 2) / (n + z2)
    half = np.sqrt(z2) * np.sqrt(hits * (n - hits) / n + z2 / 4) / (n + z2)
    # not a rounding below 0 or above 1
    return Ends(np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0))


def abstention(
    labels: Labels, logits: Logits, coverages: Float[np.ndarray, "coverage"]
) -> Abstention:
    """Error rate at a threshold of 0.5 when only the surest videos are decided.

    A coverage is rounded up to whole videos. Of videos that are equally sure at the boundary each
    counts in part, so that their order does not matter.
    """
    sure, wrong = np.abs(logits), (logits > 0) != labels
    ranked = np.sort(sure)[::-1]
    # 0.7 * 10 is a little more than 7
    decided = np.ceil(coverages * len(sure) - 1e-9).astype(np.int64)
    error, share = np.full(len(coverages), np.nan), np.full(len(coverages), np.nan)
    for place, n in enumerate(decided):
        if n:
            surer, tied = sure > ranked[n - 1], sure == ranked[n - 1]
            part = surer + tied * ((n - surer.sum()) / tied.sum())
            error[place], share[place] = part @ wrong / n, part @ labels / n
    return Abstention(decided, error, share)
