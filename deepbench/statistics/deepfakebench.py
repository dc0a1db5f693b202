"""DeepfakeBench's own protocol (Yan et al. 2023, arXiv:2307.01426), as its code computes it.

Published tables rest on these numbers, so they are reproduced to the last digit, faults included,
and set beside this project's own: what differs is the protocol, and the table says how.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float32
from scipy.special import expit
from sklearn.metrics import auc, average_precision_score, roc_curve

from deepbench.core.tables import REAL
from deepbench.statistics import metrics
from deepbench.statistics.pooling import mean

ALIKE = 1e-9  # differences below are of rounding
COLUMNS = ["scorer", "dataset", "metric", "value_here", "value_deepfakebench", "why_different"]


class Figures(NamedTuple):
    """What DeepfakeBench reports of one data set; all but `video_auc` are of frames."""

    video_auc: float
    auc: float
    eer: float
    ap: float
    acc: float


class Videos(NamedTuple):
    """Frames grouped as DeepfakeBench groups them."""

    labels: list[int]
    probs: list[float]


# in the order of Figures
TITLES = ("video AUC", "frame AUC", "frame EER", "frame AP", "frame accuracy")


def first_k_frames(frames: Sequence[str], k: int) -> list[str]:
    """The frames that its data set code takes when asked for k: the first k by frame number.

    Its comment says evenly spread, but it sets the total to k before it computes the step.
    """
    return sorted(frames, key=lambda path: int(_parts(path)[-1].split(".")[0]))[:k]


def _parts(path: str) -> list[str]:
    return path.split("\\" if "\\" in path else "/")


def group(
    image_paths: Sequence[str], labels: Bool[np.ndarray, "n"], probs: Float32[np.ndarray, "n"]
) -> Videos:
    """Its videos: frames whose last folder has the same name, wherever it lies.

    A video's score is the mean of its frames; its label is the mean label cut to an integer, so
    that one real frame makes it real.
    """
    frames: dict[str, list[int]] = {}
    for place, path in enumerate(image_paths):
        frames.setdefault(_parts(path)[-2], []).append(place)
    # it keeps probabilities as text between, which makes 0.1203 of the float32 nearest to it
    exact = [float(text) for text in probs.astype(str)]
    return Videos(
        [int(sum(int(labels[i]) for i in own) / len(own)) for own in frames.values()],
        [sum(exact[i] for i in own) / len(own) for own in frames.values()],
    )


def evaluate(
    image_paths: Sequence[str], labels: Bool[np.ndarray, "n"], probs: Float32[np.ndarray, "n"]
) -> Figures:
    """Its metrics of one data set.

    Raises:
        ValueError: frames, or videos as it groups them, are of one class; it stops there too.
    """
    videos = group(image_paths, labels, probs)
    for kind, found in (("frames", labels.tolist()), ("videos as it groups them", videos.labels)):
        if len(set(found)) < 2:
            fakes = sum(map(int, found))
            msg = f"DeepfakeBench stops: {len(found) - fakes} real and {fakes} fake {kind}"
            raise ValueError(msg)
    truth = labels.astype(int)
    fpr, tpr, _ = roc_curve(truth, probs)
    video_fpr, video_tpr, _ = roc_curve(videos.labels, videos.probs)
    return Figures(
        video_auc=float(auc(video_fpr, video_tpr)),
        auc=float(auc(fpr, tpr)),
        # the false positive rate at the nearest point, not between points and not the mean of both
        eer=float(fpr[np.nanargmin(np.abs(1 - tpr - fpr))]),
        ap=float(average_precision_score(truth, probs)),
        # exactly 0.5 is called real
        acc=float(((probs > 0.5) == labels).sum() / len(labels)),
    )


def published_protocol(manifest: pd.DataFrame, frame_scores: pd.DataFrame) -> pd.DataFrame:
    """Each detector's test figures by this project's protocol and by DeepfakeBench's.

    Both pool by the mean fake probability and decide at 0.5, whatever the settings say, so that
    nothing but the protocols differs. Takes the tables manifest and scores.
    """
    highest = frame_scores.groupby(["detector", "video_id", "frame"])["fake_logit"].max()
    test = manifest.loc[manifest["split"] == "test"]
    several = test.groupby("dataset")["compression"].transform("nunique") > 1
    # its data sets are of one compression
    spelt = (test["dataset"] + " " + test["compression"]).where(several, test["dataset"])
    facts = test.assign(dataset=spelt, folder=_folders(test))
    columns = ["video_id", "dataset", "label", "method", "folder"]
    joined = facts[columns].merge(highest.reset_index(), on="video_id")
    rows = [
        {"scorer": scorer, "dataset": dataset} | row
        for (dataset, scorer), frames in joined.groupby(["dataset", "detector"])
        for row in _compare(frames)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _folders(test: pd.DataFrame) -> pd.Series:
    """The folder in which DeepfakeBench would have kept a video's frames: its name alone."""
    last = test["path"].str.split("/").str[-1]
    return last.where(test["media"] == "frames", last.str.replace(r"\.[^.]*$", "", regex=True))


def _compare(frames: pd.DataFrame) -> list[dict[str, object]]:
    """Both protocols' figures of one detector on one data set."""
    paths = [
        f"frames/{folder}/{frame:03d}.png"
        for folder, frame in zip(frames["folder"], frames["frame"], strict=True)
    ]
    probs = expit(frames["fake_logit"].to_numpy(np.float32))
    try:
        there, stop = evaluate(paths, frames["label"].to_numpy(bool), probs), ""
    except ValueError as error:
        there, stop = Figures(*[np.nan] * len(TITLES)), str(error)
    return [
        {
            "metric": metric,
            "value_here": ours,
            "value_deepfakebench": theirs,
            "why_different": stop or _why(metric, abs(ours - theirs) < ALIKE, frames, probs),
        }
        for metric, ours, theirs in zip(TITLES, _figures_here(frames), there, strict=True)
    ]


def _mean(logits: "pd.Series[float]") -> float:
    # the mean looks at no quality
    return mean(logits.to_numpy(np.float64), np.ones(len(logits)))


def _figures_here(frames: pd.DataFrame) -> Figures:
    videos = frames.groupby("video_id").agg(label=("label", "first"), logit=("fake_logit", _mean))
    labels, logits = frames["label"].to_numpy(bool), frames["fake_logit"].to_numpy(np.float64)
    once = np.ones((1, len(labels)))
    truth, pooled = videos["label"].to_numpy(bool), videos["logit"].to_numpy(np.float64)
    return Figures(
        video_auc=float(metrics.auc(truth, pooled, np.ones((1, len(truth))))[0]),
        auc=float(metrics.auc(labels, logits, once)[0]),
        eer=float(metrics.eer(labels, logits, once)[0]),
        ap=float(metrics.average_precision(labels, logits, once)[0]),
        acc=float(metrics.accuracy(labels, logits, once)[0]),
    )


def _why(metric: str, same: bool, frames: pd.DataFrame, probs: Float32[np.ndarray, "n"]) -> str:
    """One sentence on what makes the two figures differ."""
    if metric == TITLES[0] and (merged := _merged(frames)):
        return merged
    if same:
        return "the same"
    if metric == TITLES[2]:
        return (
            "here between the two points of the ROC curve nearest to equal errors, "
            "there the false positive rate at the nearest"
        )
    scores = frames["fake_logit"].nunique()
    lost = scores - len(np.unique(probs))
    return f"there scores are float32 probabilities: {lost:,} of {scores:,} fall on another's value"


def _merged(frames: pd.DataFrame) -> str:
    """How many videos its grouping by folder name makes one; empty if it keeps them apart."""
    videos = frames.drop_duplicates("video_id")
    sharing = videos[videos.duplicated("folder", keep=False)]
    if sharing.empty:
        return ""
    fakes = sharing[sharing["method"] != REAL]
    methods = fakes["method"].nunique()
    parts = [f"{len(fakes):,} fakes of {methods} method{'s'[: methods != 1]}"] * bool(methods)
    parts += [f"{len(sharing) - len(fakes):,} reals"] * (len(sharing) > len(fakes))
    said = (
        f"{' and '.join(parts)} share {sharing['folder'].nunique():,} folder names and are merged: "
        f"{len(videos):,} videos become {videos['folder'].nunique():,}"
    )
    both = len(set(fakes["folder"]) & set(sharing.loc[~sharing["label"], "folder"]))
    return f"{said}, of which {both:,} hold both and count as real" if both else said
