"""Non-maximum suppression: of boxes that overlap, the best."""

import numpy as np
from jaxtyping import Bool, Float32, Int64

ROWS = 128  # boxes compared at a time with all after them: bounds memory


def suppress(
    boxes: Float32[np.ndarray, "n 4"], scores: Float32[np.ndarray, "n"], overlap: float
) -> Int64[np.ndarray, "k"]:
    """Boxes (x1, y1, x2, y2) to keep, best first, of equal scores the first.

    None of them shares more than `overlap` with a better one, as intersection over union.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, standing = boxes[order], np.ones(len(order), bool)
    for start in range(0, len(order), ROWS):
        shares = _shares(ranked[start : start + ROWS], ranked[start:], overlap)
        for i, row in enumerate(shares):
            if standing[start + i]:
                standing[start + i + 1 :] &= ~row[i + 1 :]
    return order[standing]


def _shares(
    some: Float32[np.ndarray, "some 4"], others: Float32[np.ndarray, "others 4"], overlap: float
) -> Bool[np.ndarray, "some others"]:
    """Which pairs share more than `overlap`."""
    x1, y1, x2, y2 = (some[:, None, i] for i in range(4))
    left, top, right, bottom = others.T
    width = np.maximum(np.minimum(x2, right) - np.maximum(x1, left), 0)
    shared = width * np.maximum(np.minimum(y2, bottom) - np.maximum(y1, top), 0)
    union = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - shared
    with np.errstate(invalid="ignore"):  # two boxes without area share nothing
        more: np.ndarray = shared / union > overlap
    return more
