"""From the scores of one video's frames to one score: `POOLS[name](logits, quality) -> logit`.

All rules work on log-odds and average probabilities in log space, so that very sure detectors do
not saturate at 0 or 1 and tie. `quality` is the weight of each frame's face; only the rule of that
name looks at it. `by_frame` and `by_video` apply a rule to whole tables.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import log_expit

from deepbench.core import plugins

Logits = Float[np.ndarray, "frame"]
Quality = Float[np.ndarray, "frame"]


def quality(side: Quality, sharpness: Quality) -> Quality:
    """Weight of a face, positive, from its side in pixels and the variance of its Laplacian."""
    # the root of the variance is a contrast in grey levels: the weight grows in proportion to both
    # size and contrast. One grey level, all that 8 bits resolve, keeps a flat crop in the video
    return side * np.sqrt(1.0 + sharpness)


def mean(logits: Logits, quality: Quality) -> float:
    """Log-odds of the mean fake probability."""
    return _weighted_mean(logits, np.zeros_like(logits))


def majority(logits: Logits, quality: Quality) -> float:
    """Log-odds of the share of frames called fake; infinite where all frames agree."""
    share = np.mean(logits > 0)
    with np.errstate(divide="ignore"):
        return float(np.log(share) - np.log1p(-share))


def confidence(logits: Logits, quality: Quality) -> float:
    """Log-odds of the mean fake probability, each frame weighted by max(p, 1 - p)."""
    return _weighted_mean(logits, log_expit(np.abs(logits)))


def median(logits: Logits, quality: Quality) -> float:
    """Log-odds of the median fake probability: of an even number, of the middle two's mean."""
    middle = np.sort(logits)[(len(logits) - 1) // 2 : len(logits) // 2 + 1]
    return _weighted_mean(middle, np.zeros_like(middle))


def maximum(logits: Logits, quality: Quality) -> float:
    """The most fake frame's log-odds; it rises with the number of frames."""
    return float(logits.max())


def quality_weighted(logits: Logits, quality: Quality) -> float:
    """Log-odds of the mean fake probability, each frame weighted by its face's quality."""
    return _weighted_mean(logits, np.log(quality))


def _weighted_mean(logits: Logits, log_weight: Logits) -> float:
    fake = np.logaddexp.reduce(log_weight + log_expit(logits))
    real = np.logaddexp.reduce(log_weight + log_expit(-logits))
    return float(fake - real)


POOLS: dict[str, Callable[[Logits, Quality], float]] = {
    "mean": mean,
    "majority": majority,
    "confidence": confidence,
    "median": median,
    "max": maximum,
    "quality": quality_weighted,
}


def by_frame(scores: pd.DataFrame, faces: pd.DataFrame) -> pd.DataFrame:
    """One row per detector, video and frame: fake_logit, side (px) and sharpness of its face.

    Where a frame has several scored faces, the highest counts: one forged face makes a forgery.
    `faces` has video_id, frame, face, box and sharpness; no pictures are needed.

    Raises:
        ValueError: a score's face is not in `faces`, or has no size or sharpness.
    """
    scores = scores.reset_index(drop=True)
    key = ["detector", "video_id", "frame"]
    # the first of equal faces: the one that was chosen
    highest = scores.groupby(key)["fake_logit"].idxmax()
    chosen = scores.iloc[highest.to_numpy(np.int64)]
    faces = faces[["video_id", "frame", "face", "sharpness"]].assign(side=_sides(faces["box"]))
    table = chosen.merge(faces, on=["video_id", "frame", "face"], how="left", validate="m:1")
    # also false where NaN: a left join's sign of a face that is not there
    known = (table["side"] > 0) & (table["sharpness"] >= 0)
    if not known.all():
        first = table.loc[~known].iloc[0]
        msg = (
            f"{int((~known).sum())} scores have no face of known size and sharpness, first "
            f"{first['video_id']} frame {first['frame']} (side {first['side']}, sharpness "
            f"{first['sharpness']}); make faces and scores anew: dvc repro"
        )
        raise ValueError(msg)
    numbers = ["fake_logit", "side", "sharpness"]
    return table[[*key, *numbers]].astype(dict.fromkeys(numbers, "float64"))


def _sides(boxes: pd.Series) -> Float[np.ndarray, "face"]:
    """Square root of each box's area; boxes are x1, y1, x2, y2 in pixels."""
    corners = np.array(boxes.tolist(), dtype=np.float64).reshape(-1, 4)
    width, height = (corners[:, 2:] - corners[:, :2]).T
    area = np.maximum(width, 0) * np.maximum(height, 0)
    return np.asarray(np.sqrt(area))


def by_video(frames: pd.DataFrame, rule: str) -> pd.DataFrame:
    """One row per detector and video: fake_logit by a pooling rule, and frames_used.

    `frames` is what `by_frame` gives, or some of its rows.
    """
    if rule not in POOLS:
        raise ValueError(plugins.unknown("pooling rule", rule, list(POOLS)))
    groups = frames.groupby(["detector", "video_id"])
    order = np.argsort(groups.ngroup().to_numpy(), kind="stable")
    logits = frames["fake_logit"].to_numpy(np.float64)[order]
    weights = quality(frames["side"].to_numpy(np.float64), frames["sharpness"].to_numpy(np.float64))
    weights = weights[order]
    sizes = groups.size()
    ends = np.cumsum(sizes.to_numpy())
    starts = ends - sizes.to_numpy()
    pool = POOLS[rule]
    # slices, not groupby.agg: it would cost 20 times the rule itself
    pooled = [pool(logits[a:b], weights[a:b]) for a, b in zip(starts, ends, strict=True)]
    table = sizes.rename("frames_used").reset_index()
    return table.assign(
        fake_logit=np.array(pooled, dtype=np.float64),
        frames_used=table["frames_used"].astype("int32"),
    )[["detector", "video_id", "fake_logit", "frames_used"]]
