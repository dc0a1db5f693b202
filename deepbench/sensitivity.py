"""Step `sensitivity`: how far the AUC moves with frames, pooling rule, face size and sharpness.

Every setting is computed from the stored frame scores of the detectors; nothing is run again.
"""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from tqdm import tqdm

from deepbench.core import findings, params, tables
from deepbench.statistics import intervals, metrics, pooling

METRIC = "auc"
Row = dict[str, object]


class Third(NamedTuple):
    """A name and the videos of it."""

    name: str
    video_ids: pd.Index


class Variant(NamedTuple):
    """One setting of a factor: scores by detector and video, or why there are none."""

    factor: str
    setting: str
    place: int
    scores: pd.DataFrame  # detector, video_id, fake_logit
    note: str = ""


def vary(
    manifest: pd.DataFrame, scores: pd.DataFrame, faces: pd.DataFrame, settings: params.Params
) -> pd.DataFrame:
    """AUC of every detector on every test split under each setting of each factor.

    `faces` has video_id, frame, face, box and sharpness. A third of a data set's videos by face
    size or sharpness is one by the median over the video's frames.
    """
    test = manifest[manifest["split"] == "test"]
    frames = pooling.by_frame(scores[scores["video_id"].isin(test["video_id"])], faces)
    pooled = chain(_by_frames(frames, settings), _by_pooling(frames))
    shared = list(tqdm(pooled, desc="pooling", unit="setting"))
    own = pooling.by_video(frames, settings.videos.pooling)
    sizes = frames.groupby("video_id")[["side", "sharpness"]].median()
    work = [
        (dataset, facts, str(detector))
        for dataset, facts in test.groupby("dataset", sort=False)
        for detector in settings.detectors
    ]
    rows: list[Row] = []
    for dataset, facts, detector in tqdm(work, desc="sensitivity", unit="cell"):
        mine = sizes[sizes.index.isin(facts["video_id"])]
        variants = [*shared, *_by_size(own, mine["side"]), *_by_sharpness(own, mine["sharpness"])]
        keys = {"scorer": detector, "dataset": str(dataset), "metric": METRIC}
        rows += [keys | row for row in _rows(variants, facts, detector, settings)]
    return tables.from_rows(findings.SENSITIVITY, rows)


def _by_frames(frames: pd.DataFrame, settings: params.Params) -> Iterator[Variant]:
    faces = settings.faces
    stored = faces.frames if faces.frame_rule == "uniform" else faces.at_most
    for place, n in enumerate(sorted(set(settings.sensitivity.frames))):
        if n > stored:
            note = f"the run stored {stored} frames per video"
            yield Variant("frames", str(n), place, frames[:0], note)
        else:
            pooled = pooling.by_video(thin(frames, n), settings.videos.pooling)
            yield Variant("frames", str(n), place, pooled)


def _by_pooling(frames: pd.DataFrame) -> Iterator[Variant]:
    for place, rule in enumerate(pooling.POOLS):
        yield Variant("pooling", rule, place, pooling.by_video(frames, rule))


def _by_size(own: pd.DataFrame, side: pd.Series) -> Iterator[Variant]:
    names = ("smallest third", "middle third", "largest third")
    for place, third in enumerate(thirds(side, names, " px")):
        chosen = own[own["video_id"].isin(third.video_ids)]
        yield Variant("face size", third.name, place, chosen)


def _by_sharpness(own: pd.DataFrame, sharpness: pd.Series) -> Iterator[Variant]:
    names = ("blurriest third", "middle third", "sharpest third")
    for place, third in enumerate(thirds(sharpness, names, "")):
        chosen = own[own["video_id"].isin(third.video_ids)]
        yield Variant("sharpness", third.name, place, chosen)


def thirds(values: pd.Series, names: tuple[str, str, str], unit: str) -> list[Third]:
    """Videos, in the index, by thirds of a value; equal values are in the same, lower third."""
    if values.empty:
        return [Third(name, values.index) for name in names]
    ranked, n = np.sort(values.to_numpy()), len(values)
    low, high = (float(ranked[-(-part * n // 3) - 1]) for part in (1, 2))
    small, large = values <= low, values > high
    return [
        Third(f"{names[0]}: up to {low:.1f}{unit}", values.index[small]),
        Third(f"{names[1]}: {low:.1f} to {high:.1f}{unit}", values.index[~small & ~large]),
        Third(f"{names[2]}: above {high:.1f}{unit}", values.index[large]),
    ]


def thin(frames: pd.DataFrame, n: int) -> pd.DataFrame:
    """At most n frames per video and detector, spread from the first to the last.

    They are those that the step faces would take of as many frames if asked for n.
    """
    groups = frames.sort_values("frame").groupby(["detector", "video_id"])
    place, stored = groups.cumcount(), groups["frame"].transform("size")
    kept = pd.Series(data=False, index=place.index)
    for size in stored.unique():
        kept |= (stored == size) & place.isin(_spread(int(size), n))
    return frames[kept.reindex(frames.index)]


def _spread(stored: int, n: int) -> Int[np.ndarray, "frame"]:
    # in whole numbers, or 3 may become 2.9999 and be cut to 2
    return np.arange(n) * (stored - 1) // max(1, n - 1)


def _rows(
    variants: list[Variant], facts: pd.DataFrame, detector: str, settings: params.Params
) -> Iterator[Row]:
    """One row per variant; those on the same videos share the bootstrap's draws."""
    wide = np.full((len(variants), len(facts)), np.nan)
    for variant, row in zip(variants, wide, strict=True):
        own = variant.scores[variant.scores["detector"] == detector]
        row[:] = own.set_index("video_id")["fake_logit"].reindex(facts["video_id"])
    known = ~np.isnan(wide)
    labels, clusters = facts["label"].to_numpy(bool), facts["cluster_id"].to_numpy(str)
    results = settings.results
    draws = intervals.Draws(results.replicates, results.interval, settings.seed)
    found: dict[int, intervals.Estimate] = {}
    for scored in np.unique(known, axis=0):
        alike = np.flatnonzero((known == scored).all(axis=1))
        sample = intervals.Sample(labels[scored], clusters[scored])
        logits = wide[np.ix_(alike, scored)]
        estimates = intervals.estimate(_aucs(sample.labels, alike, logits), sample, draws)
        found |= {int(name): estimate for name, estimate in estimates.items()}
    for number, variant in enumerate(variants):
        value, low, high, note = found[number][:4]
        fakes = int(labels[known[number]].sum())
        yield {
            "factor": variant.factor,
            "setting": variant.setting,
            "place": variant.place,
            "value": value,
            "low": low,
            "high": high,
            "n_real": int(known[number].sum()) - fakes,
            "n_fake": fakes,
            "note": variant.note or note,
        }


def _aucs(
    labels: Bool[np.ndarray, "video"],
    numbers: Int[np.ndarray, "variant"],
    logits: Float[np.ndarray, "variant video"],
) -> intervals.Statistics:
    """The AUC of each variant, by its number."""
    auc = metrics.METRICS[METRIC]
    return lambda weights: {
        str(number): auc(labels, mine, weights)
        for number, mine in zip(numbers, logits, strict=True)
    }
