"""What the items that could not be scored could have made of an AUC."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool


class Bounds(NamedTuple):
    """The best and the worst AUC; NaN with one class."""

    best: float
    worst: float


def bounds(
    labels: Bool[np.ndarray, "item"], scored: Bool[np.ndarray, "item"], auc: float
) -> Bounds:
    """Bounds of the AUC of all items, given that of those that were scored.

    At best every lost fake lies above all else and every lost real below, at worst the reverse.
    """
    # the AUC is the share of pairs of a fake and a real that are ordered rightly
    pairs, known = _pairs(labels), _pairs(labels[scored])
    if not pairs:
        return Bounds(np.nan, np.nan)
    if pairs == known:
        return Bounds(auc, auc)
    right = auc * known if known else 0.0
    return Bounds((right + pairs - known) / pairs, right / pairs)


def _pairs(labels: Bool[np.ndarray, "item"]) -> int:
    return int(labels.sum()) * int((~labels).sum())
