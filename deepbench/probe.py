"""The frequency-only scorer of step `spectra`: a floor that every network should beat.

Fitted on the development split alone, and for the leave-one-out rows on the same crops without one
manipulation. It scores every crop as the detectors do.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from tqdm import tqdm

from deepbench.core import evidence, features, params, tables
from deepbench.statistics import intervals, linear_probe, metrics, pooling

ALL = "all"
DEVELOPMENT = "development"
Row = dict[str, object]


class Crops(NamedTuple):
    """Development crops."""

    features: Float[np.ndarray, "crop feature"]
    facts: pd.DataFrame  # video_id, method, label, cluster_id


class Fit(NamedTuple):
    """A scorer by what it was fitted on, or why there is none."""

    name: str
    without: str  # the manipulation that was left out, if any
    probe: linear_probe.Probe | None
    why: str
    videos: pd.DataFrame  # that it was fitted on: label, cluster_id


def development(folder: Path, manifest: pd.DataFrame, dataset: str) -> Crops:
    """Untreated crops of the development split; none where there is no such split.

    `folder` has a folder of table frequency per data set.
    """
    chosen = manifest[(manifest["dataset"] == dataset) & (manifest["split"] == "val")]
    facts = chosen[["video_id", "method", "label", "cluster_id"]]
    parts, told = [np.empty((0, evidence.FEATURES))], [facts[:0]]
    for values, crops in features.read(folder / dataset) if len(facts) else ():
        own = (crops["treatment"] == "") & crops["video_id"].isin(facts["video_id"])
        parts.append(values[own.to_numpy()])
        told.append(crops.loc[own, ["video_id"]].merge(facts, on="video_id"))
    return Crops(np.concatenate(parts), pd.concat(told, ignore_index=True))


def fit(crops: Crops) -> list[Fit]:
    """The scorer fitted on all development crops, then without each manipulation in turn."""
    matrix, facts = crops
    methods = sorted(set(facts["method"]) - {tables.REAL})
    fits = []
    for without in ["", *(methods if len(methods) > 1 else [])]:
        used = (facts["method"] != without).to_numpy()
        labels = facts.loc[used, "label"].to_numpy(bool)
        why = linear_probe.unlearnable(matrix[used], labels)
        found = None if why else linear_probe.fit(matrix[used], labels)
        name = f"{DEVELOPMENT} without {without}" if without else DEVELOPMENT
        videos = facts[used].drop_duplicates("video_id")[["label", "cluster_id"]]
        fits.append(Fit(name, without, found, why, videos))
    return fits


def score(folder: Path, datasets: list[str], fits: list[Fit]) -> dict[str, pd.DataFrame]:
    """Scores of every untreated crop by each fit, by data set.

    They are tables scores with the fit's name as detector; a crop that lacks a feature has NaN.
    """
    return {
        name: _score(folder / name, fits) for name in tqdm(datasets, desc="scores", unit="data set")
    }


def _score(folder: Path, fits: list[Fit]) -> pd.DataFrame:
    parts = []
    for values, crops in features.read(folder):
        plain = (crops["treatment"] == "").to_numpy()
        for one in fits:
            if one.probe:
                logits = linear_probe.score(one.probe, values[plain])
                own = crops.loc[plain, features.CROP]
                parts.append(own.assign(detector=one.name, fake_logit=logits))
    return pd.concat(parts, ignore_index=True) if parts else tables.from_rows(tables.SCORES, [])


def as_detector(scored: pd.DataFrame) -> pd.DataFrame:
    """Table scores of the scorer fitted on all of development; what is NaN has no row."""
    own = scored[(scored["detector"] == DEVELOPMENT) & scored["fake_logit"].notna()]
    return own.assign(detector=params.FREQUENCY).reset_index(drop=True)


def unscored(scored: pd.DataFrame) -> int:
    """Crops to which the scorer fitted on all of development could give no score."""
    own = scored[scored["detector"] == DEVELOPMENT]
    return int(own["fake_logit"].isna().sum())


def evaluate(
    scored: pd.DataFrame,
    fits: list[Fit],
    manifest: pd.DataFrame,
    faces: pd.DataFrame,
    settings: params.Params,
) -> pd.DataFrame:
    """Table probe: AUC of each fit on each test split; of one without a manipulation, on that.

    `faces` has video_id, frame, face, box and sharpness.
    """
    test = manifest[manifest["split"] == "test"]
    known = scored[scored["fake_logit"].notna()]
    videos = pooling.by_video(pooling.by_frame(known, faces), settings.videos.pooling)
    rows: list[Row] = []
    for dataset in tqdm(settings.datasets, desc="probe", unit="data set"):
        own = test[test["dataset"] == dataset]
        for one in fits:
            told = own.merge(videos[videos["detector"] == one.name], on="video_id")
            for method in _tested(one, own):
                pair = told if method == ALL else told[told["method"].isin([tables.REAL, method])]
                keys = {"dataset": dataset, "method": method, "fitted_on": one.name}
                rows.append(keys | _auc(pair, settings) | size(one))
                rows[-1]["note"] = one.why or rows[-1]["note"]
    return tables.from_rows(evidence.PROBE, rows)


def _tested(one: Fit, own: pd.DataFrame) -> Iterator[str]:
    several = sorted(set(own["method"]) - {tables.REAL})
    if one.without:
        yield from (method for method in several if method == one.without)
    else:
        yield from [ALL, *(several if len(several) > 1 else [])]


def _auc(pair: pd.DataFrame, settings: params.Params) -> Row:
    sample = intervals.Sample(pair["label"].to_numpy(bool), pair["cluster_id"].to_numpy(str))
    logits, chosen = pair["fake_logit"].to_numpy(np.float64), settings.results
    found = intervals.estimate(
        lambda weights: {"auc": metrics.auc(sample.labels, logits, weights)},
        sample,
        intervals.Draws(chosen.replicates, chosen.interval, settings.seed),
    )["auc"]
    fakes = int(sample.labels.sum())
    row: Row = {"value": found.value, "low": found.low, "high": found.high, "note": found.note}
    return row | {"n_real": len(pair) - fakes, "n_fake": fakes}


def size(one: Fit) -> Row:
    """How many videos, and independent clips behind them, a scorer was fitted on."""
    fakes = int(one.videos["label"].sum())
    return {
        "fitted_real": len(one.videos) - fakes,
        "fitted_fake": fakes,
        "fitted_clips": int(one.videos["cluster_id"].nunique()),
    }


def describe(one: Fit, dataset: str, unscored: int) -> Row:
    """What made the scores, in the words in which other detectors' scores are described.

    `problem` says why crops have no score, if any.
    """
    flat = f"{unscored} crops are too flat for the frequency features" if unscored else ""
    return {
        "detector": params.FREQUENCY,
        "weights_file": f"fitted on {dataset} val" if one.probe else "not fitted",
        "weights_sha256": one.probe.sha256 if one.probe else "",
        "demo": False,
        "precision": "float64",
        "profile": "own",
        "device_kind": "cpu",
        "title": "Frequency features",
        "paper": "none: logistic regression on 512 Fourier and DCT statistics, fitted here",
        "trained_on": [dataset] if one.probe else [],
        "published_file": "",
        "published_sha256": "",
        "input": "224 px, grey",
        "problem": one.why or flat,
        **size(one),
    }
