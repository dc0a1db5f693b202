"""Step `results`: one row per scorer, data set, method, level and metric, with its interval."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Shaped
from scipy.special import logit
from tqdm import tqdm

from deepbench.core import params, tables
from deepbench.statistics import attrition, delong, intervals, metrics
from deepbench.statistics.intervals import Estimate

ALL_METHODS = "all"
SHORT = 12  # hex digits of a digest
HEADLINE = ["auc", "ap", "eer", "balanced_accuracy", "tpr_at_fpr_5", "log_loss", "brier", "ece"]


class Cell(NamedTuple):
    """The scores behind a group of results: one scorer on one data set, method and level."""

    scorer: str
    dataset: str
    method: str
    level: str
    items: pd.DataFrame  # label, cluster_id, fake_logit (NaN = missing)


def protocol(settings: params.Params, scorer: str) -> str:
    """One line that says how a scorer's scores came about."""
    ensemble = settings.videos.ensembles.get(scorer)
    members = ensemble.members if ensemble else [scorer]
    said = ["test split"]
    if not settings.external.keys() >= set(members):
        faces, scores = settings.faces, settings.scores
        said += [
            f"{faces.frames} uniform frames"
            if faces.frame_rule == "uniform"
            else f"every {faces.every}th frame, at most {faces.at_most}",
            f"face: {faces.select}, crop: {faces.crop}, input: {scores.profile}",
            f"{scores.precision}, pooling: {settings.videos.pooling}",
        ]
    said += [
        f"{m} read from {settings.external[m].path}" for m in members if m in settings.external
    ]
    if ensemble:
        weighted = ensemble.rule.startswith("weighted")
        parts = [f"{m} {ensemble.weights[m]:g}" if weighted else m for m in members]
        said.append(f"rule: {ensemble.rule} of {' + '.join(parts)}")
    return ", ".join(said)


def digests(runs: list[dict[str, object]], settings: params.Params) -> dict[str, str]:
    """The sha256 of each scorer's checkpoint or file, cut short; an ensemble has its members'.

    `runs` are the facts that the steps scores and external wrote beside their tables.

    Raises:
        ValueError: a detector ran with different checkpoints, or an ensemble's member not at all.
    """
    found: dict[str, str] = {}
    for run in runs:
        ran = "detector" in run
        name = str(run["detector"] if ran else run["scorer"])
        short = str(run["weights_sha256"] if ran else run["sha256"])[:SHORT]
        if found.setdefault(name, short) != short:
            msg = (
                f"{name} ran with checkpoints {found[name]} and {short} on different data sets; "
                "run it again on all: dvc repro"
            )
            raise ValueError(msg)
    for name, ensemble in settings.videos.ensembles.items():
        if strangers := [member for member in ensemble.members if member not in found]:
            msg = f"ensemble {name}: no scores of {strangers}; make them: dvc repro"
            raise ValueError(msg)
        # a member is no ensemble, so that what was added before does not matter
        found[name] = " + ".join(f"{member} {found[member]}" for member in ensemble.members)
    return found


def evaluate(
    manifest: pd.DataFrame,
    videos: pd.DataFrame,
    frames: pd.DataFrame,
    settings: params.Params,
    digests: Mapping[str, str],
) -> pd.DataFrame:
    """All results of the test split.

    `frames` are the detectors' scores per face; a frame's score is its highest face's. `digests`
    name each scorer's checkpoint or file.

    Raises:
        ValueError: a scorer's checkpoint or file is not named.
    """
    unnamed = sorted(set(videos["scorer"]) - digests.keys())
    if unnamed:
        msg = f"no checkpoint is named for {unnamed}; make the scores anew: dvc repro"
        raise ValueError(msg)
    rows: list[dict[str, object]] = []
    cells = list(_cells(manifest, videos, frames))
    for cell in tqdm(cells, desc="results", unit="cell"):
        source = "file" if cell.scorer in settings.external else "weights"
        line = f"{protocol(settings, cell.scorer)}, {source}: {digests[cell.scorer]}"
        rows += [row | {"protocol": line} for row in _rows(cell, settings)]
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


def _rows(cell: Cell, settings: params.Params) -> Iterator[dict[str, object]]:
    # intervals are fastest with scores that fall
    falling = cell.items.sort_values("fake_logit", ascending=False, kind="stable")
    scored = falling[falling["fake_logit"].notna()]
    labels, logits = scored["label"].to_numpy(bool), scored["fake_logit"].to_numpy(float)
    found = _estimates(scored, scored["cluster_id"].to_numpy(str), settings)
    # where clusters are too few for an interval, a narrower one would only mislead
    known = any(not np.isnan(estimate.low) for estimate in found.values())
    plain = _estimates(scored, scored.index.to_numpy(), settings) if known else {}
    if cell.level == "video":
        alone = delong.interval(delong.aucs(labels, logits[None]), 0, settings.results.interval)
        found["auc_delong"] = found["auc"] if found["auc"].note else alone
        found |= _bounds(cell.items, found["auc"].value)
    for name, estimate in found.items():
        beside = plain.get(name)
        yield {
            "scorer": cell.scorer,
            "dataset": cell.dataset,
            "method": cell.method,
            "level": cell.level,
            "metric": name,
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "plain_low": beside.low if beside else np.nan,
            "plain_high": beside.high if beside else np.nan,
            "n_real": int((~labels).sum()),
            "n_fake": int(labels.sum()),
            "n_missing": len(cell.items) - len(scored),
            "note": estimate.note,
        }


def _estimates(
    scored: pd.DataFrame, clusters: Shaped[np.ndarray, "item"], settings: params.Params
) -> dict[str, Estimate]:
    """Every metric with its interval; scorers of the same videos get the same draws."""
    labels, logits = scored["label"].to_numpy(bool), scored["fake_logit"].to_numpy(float)
    chosen = settings.results
    found = intervals.estimate(
        metrics.evaluator(labels, logits, float(logit(chosen.threshold))),
        intervals.Sample(labels, clusters),
        intervals.Draws(chosen.replicates, chosen.interval, settings.seed),
    )
    for name in metrics.COUNTS:
        found[name] = Estimate(found[name].value, np.nan, np.nan, "no interval: a count")
    if len(labels) and np.isnan(found["precision"].value):
        why = "undefined: nothing was called fake"
        found["precision"] = found["precision"]._replace(low=np.nan, high=np.nan, note=why)
    return found


def _bounds(items: pd.DataFrame, auc: float) -> dict[str, Estimate]:
    labels = items["label"].to_numpy(bool)
    best, worst = attrition.bounds(labels, items["fake_logit"].notna().to_numpy(), auc)
    note = "no interval: a bound"
    if np.isnan(best):
        note = f"undefined with {int((~labels).sum())} real and {int(labels.sum())} fake"
    return {
        "auc_lost_best": Estimate(best, np.nan, np.nan, note),
        "auc_lost_worst": Estimate(worst, np.nan, np.nan, note),
    }


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
    """The main video-level figures for `dvc metrics`: data set, scorer, metric."""
    wanted = results[(results["level"] == "video") & (results["method"] == ALL_METHODS)]
    nested: dict[str, dict[str, dict[str, float | None]]] = {}
    for (dataset, scorer), rows in wanted.set_index("metric").groupby(["dataset", "scorer"]):
        figures = {name: float(rows["value"].to_dict()[name]) for name in HEADLINE}
        figures |= {f"auc_{end}": float(rows[end].to_dict()["auc"]) for end in ("low", "high")}
        # JSON has no NaN
        nested.setdefault(str(dataset), {})[str(scorer)] = {
            name: round(value, 6) if np.isfinite(value) else None for name, value in figures.items()
        }
    return nested
