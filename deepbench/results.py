"""Step `results`: one row per scorer, data set, method, level and metric, with its interval."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logit
from tqdm import tqdm

from deepbench.core import params, tables
from deepbench.statistics import intervals, metrics

ALL_METHODS = "all"
# of each class; three clusters can be drawn in 10 ways, five in 126: with fewer, a percentile is
# one of a few values, and many draws hold no real or no fake at all
FEWEST_CLUSTERS = 5
SHORT = 12  # hex digits of a checkpoint's digest


class Cell(NamedTuple):
    """The scores behind a group of results: one scorer on one data set, method and level."""

    scorer: str
    dataset: str
    method: str
    level: str
    items: pd.DataFrame  # label, cluster_id, fake_logit (NaN = missing)


def protocol(settings: params.Params) -> str:
    """One line that says how the scores came about."""
    faces, scores = settings.faces, settings.scores
    frames = (
        f"{faces.frames} uniform frames"
        if faces.frame_rule == "uniform"
        else f"every {faces.every}th frame, at most {faces.at_most}"
    )
    return (
        f"test split, {frames}, face: {faces.select}, crop: {faces.crop}, input: {scores.profile}, "
        f"{scores.precision}, pooling: {settings.videos.pooling}"
    )


def digests(runs: list[dict[str, str]], ensembles: dict[str, dict[str, float]]) -> dict[str, str]:
    """The sha256 of each scorer's checkpoint, cut short; an ensemble has its members'.

    `runs` are the facts that the step scores wrote beside its tables.

    Raises:
        ValueError: a detector ran with different checkpoints.
    """
    found: dict[str, str] = {}
    for run in runs:
        short = run["weights_sha256"][:SHORT]
        if found.setdefault(run["detector"], short) != short:
            msg = (
                f"{run['detector']} ran with checkpoints {found[run['detector']]} and {short} on "
                "different data sets; run it again on all: dvc repro"
            )
            raise ValueError(msg)
    return found | {
        name: " + ".join(f"{member} {found[member]}" for member, w in weights.items() if w)
        for name, weights in ensembles.items()
    }


def evaluate(
    manifest: pd.DataFrame,
    videos: pd.DataFrame,
    frames: pd.DataFrame,
    settings: params.Params,
    digests: dict[str, str],
) -> pd.DataFrame:
    """All results of the test split.

    `frames` are the detectors' scores per face; a frame's score is its highest face's. `digests`
    name each scorer's checkpoint.

    Raises:
        ValueError: a scorer's checkpoint is not named.
    """
    unnamed = sorted(set(videos["scorer"]) - digests.keys())
    if unnamed:
        msg = f"no checkpoint is named for {unnamed}; make the scores anew: dvc repro"
        raise ValueError(msg)
    line = protocol(settings)
    threshold = float(logit(settings.results.threshold))
    rows: list[dict[str, object]] = []
    cells = list(_cells(manifest, videos, frames))
    for cell in tqdm(cells, desc="results", unit="cell"):
        # scorers that scored the same videos get the same draw, so that replicates are paired
        rng = np.random.default_rng([settings.seed, len(cell.items)])
        told = {"protocol": f"{line}, weights: {digests[cell.scorer]}"}
        rows += [row | told for row in _rows(cell, threshold, settings.results, rng)]
    order = ["dataset", "scorer", "method", "level", "metric"]
    table = tables.from_rows(tables.RESULTS, rows)
    return table.sort_values(order, ignore_index=True)


def _cells(manifest: pd.DataFrame, videos: pd.DataFrame, frames: pd.DataFrame) -> Iterator[Cell]:
    """Every scorer on every data set, over all methods and per manipulation."""
    test = manifest.loc[manifest["split"] == "test"]
    facts = test[["video_id", "dataset", "method", "label", "cluster_id"]]
    highest = frames.groupby(["detector", "video_id", "frame"])["fake_logit"].max()
    by_frame = highest.astype("float64").rename_axis(index={"detector": "scorer"}).reset_index()
    levels = {"video": videos[["scorer", "video_id", "fake_logit"]], "frame": by_frame}
    for level, scores in levels.items():
        # left, so that a video without any score is counted as missing
        parts = [
            facts.merge(part, on="video_id", how="left").assign(scorer=scorer)
            for scorer, part in scores.groupby("scorer")
        ]
        joined = pd.concat(parts) if parts else facts.assign(scorer="", fake_logit=np.nan)[:0]
        for keys, items in joined.groupby(["dataset", "scorer"]):
            dataset, scorer = map(str, keys)
            yield Cell(scorer, dataset, ALL_METHODS, level, items)
            methods = sorted(set(items["method"]) - {tables.REAL})
            for method in methods if len(methods) > 1 else []:
                chosen = items[items["method"].isin([tables.REAL, method])]
                yield Cell(scorer, dataset, method, level, chosen)


def _rows(
    cell: Cell, threshold: float, settings: params.Results, rng: np.random.Generator
) -> Iterator[dict[str, object]]:
    scored = cell.items[cell.items["fake_logit"].notna()]
    labels, logits = scored["label"].to_numpy(bool), scored["fake_logit"].to_numpy(float)
    clusters = int(scored.groupby("label")["cluster_id"].nunique().min()) if len(scored) else 0
    once = np.ones((1, len(labels)))
    plain = metrics.evaluate(labels, logits, once, threshold)
    drawn = intervals.bootstrap(
        lambda weights: metrics.evaluate(labels, logits, weights, threshold),
        scored["cluster_id"].to_numpy(str),
        settings.replicates,
        rng,
    )
    n_real, n_fake = int((~labels).sum()), int(labels.sum())
    for name, value in plain.items():
        low, high = np.nan, np.nan
        if clusters >= FEWEST_CLUSTERS:
            low, high = intervals.percentile(drawn[name], settings.interval)
        yield {
            "scorer": cell.scorer,
            "dataset": cell.dataset,
            "method": cell.method,
            "level": cell.level,
            "metric": name,
            "value": float(value[0]),
            "low": low,
            "high": high,
            "n_real": n_real,
            "n_fake": n_fake,
            "n_missing": len(cell.items) - len(scored),
            "note": _note(float(value[0]), n_real, n_fake, clusters),
        }


def _note(value: float, n_real: int, n_fake: int, clusters: int) -> str:
    if np.isnan(value):
        if not n_real or not n_fake:
            return f"undefined with {n_real} real and {n_fake} fake"
        return "undefined: nothing was called fake"
    if clusters < FEWEST_CLUSTERS:
        return (
            f"no interval from {clusters} independent clips of a class, "
            f"fewer than {FEWEST_CLUSTERS}"
        )
    return ""


def roc(manifest: pd.DataFrame, videos: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Points (fpr, tpr) of video-level ROC curves by `<dataset>-<scorer>`.

    Data of one class have no curve and are left out.
    """
    facts = manifest.loc[manifest["split"] == "test", ["video_id", "dataset", "label"]]
    curves = {}
    for (dataset, scorer), items in facts.merge(videos.dropna(subset="fake_logit")).groupby(
        ["dataset", "scorer"]
    ):
        labels, logits = items["label"].to_numpy(bool), items["fake_logit"].to_numpy(float)
        if labels.all() or not labels.any():
            continue
        tp, fp = metrics.curve(labels, logits, np.ones((1, len(labels))))
        curves[f"{dataset}-{scorer}"] = pd.DataFrame(
            {"fpr": fp[0] / fp[0, -1], "tpr": tp[0] / tp[0, -1]}
        )
    return curves


def summary(results: pd.DataFrame) -> dict[str, dict[str, dict[str, float | None]]]:
    """Video-level figures over all methods for `dvc metrics`: data set, scorer, metric."""
    wanted = results[(results["level"] == "video") & (results["method"] == ALL_METHODS)]
    nested: dict[str, dict[str, dict[str, float | None]]] = {}
    keys = wanted[["dataset", "scorer", "metric"]].itertuples(index=False, name=None)
    for (dataset, scorer, metric), value in zip(keys, wanted["value"].tolist(), strict=True):
        # JSON has no NaN
        rounded = round(value, 6) if np.isfinite(value) else None
        nested.setdefault(dataset, {}).setdefault(scorer, {})[metric] = rounded
    return nested
