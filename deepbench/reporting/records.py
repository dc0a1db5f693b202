"""What MLflow is told: the report's tables as records of runs."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from deepbench.core import findings, params
from deepbench.reporting import (
    analyses,
    comparisons,
    crosstab,
    frequency,
    gradcam,
    machine,
    overlays,
    plots,
    provenance,
    tracking,
)
from deepbench.reporting.inputs import (
    TEST,
    Inputs,
    ScoreRun,
    incomplete,
    members,
    scored_videos,
    scorers,
)
from deepbench.reporting.scoreboard import ALL, Key, index


class Said:
    """Finite figures by name, and the reasons of the others; MLflow stores neither NaN nor inf."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self.undefined: dict[str, str] = {}

    def add(self, name: str, value: float, note: str) -> None:
        """One figure, or why there is none."""
        name = _name(name)
        if math.isfinite(value):
            self.metrics[name] = value
        else:
            reason = note or "the table gives no reason"
            self.undefined[f"undefined.{name}"] = "infinite" if math.isinf(value) else reason

    def estimate(self, name: str, row: crosstab.Row) -> None:
        """A value with its interval; a reason stands once for both ends."""
        self.add(name, row["value"], row["note"])
        if math.isnan(row["value"]):
            return
        if math.isnan(row["low"]):
            self.add(f"{name}.interval", math.nan, row["note"])
        else:
            self.add(f"{name}.low", row["low"], row["note"])
            self.add(f"{name}.high", row["high"], row["note"])

    def rank(self, name: str, row: crosstab.Row) -> None:
        """A rank; 0 stands for none."""
        self.add(name, float(row["rank"]) or math.nan, row["note"])


def parent(inputs: Inputs, root: Path, files: tuple[Path, ...]) -> tracking.Record:
    """The run of the whole state: settings, every video AUC and rank, what differs, the seconds."""
    said = Said()
    for key, found in index(inputs.results).items():
        if (key.method, key.level, key.metric) == (ALL, "video", "auc"):
            said.add(f"auc.{key.dataset}.{key.scorer}", found.value, found.note)
    # one question, one metric: how many pairs differ, who ranks where, what is lost away from home
    for row in crosstab.records(comparisons.differing(inputs)):
        said.add(f"pairs_that_differ.{row['metric']}.{row['dataset']}", float(row["found"]), "")
    for row in crosstab.records(inputs.analyses.comparisons.ranks):
        if row["method"] == ALL:
            where = f"{row['metric']}.{row['dataset']}.{row['scorer']}"
            said.rank(f"rank.{where}", row)
    for row in crosstab.records(inputs.analyses.comparisons.transfer):
        where = f"{row['metric']}.{row['home']}.{row['dataset']}.{row['scorer']}"
        said.add(f"transfer.{where}", row["value"], row["note"])
    for stage, timing in tracking.timings(root).items():
        said.add(f"{timing.metric}.{stage}", timing.seconds, "")
    here = provenance.commit(root)
    tags = {
        "git.commit": here.name,
        "git.dirty": str(here.dirty).lower(),
        "state.source": inputs.state.source,
    }
    digests = {f"data.{name}": digest for name, digest in inputs.state.data.items()}
    weights = {f"weights.{run.detector}": run.weights_sha256 for run in inputs.runs}
    elsewhere = {f"external.{one.scorer}": one.sha256 for one in inputs.external}
    known = {k: v or "not recorded" for k, v in (digests | weights | elsewhere).items()}
    return tracking.Record(
        name=f"state {inputs.state.digest[:12]}",
        tags=tags | said.undefined | known | _whole(inputs) | provenance.against_git(root),
        params=_flat(inputs.settings.model_dump(mode="json")),
        metrics=said.metrics,
        tables={f"{name}.json": table for name, table in _tables(inputs).items()},
        files=files,
    )


def _whole(inputs: Inputs) -> dict[str, str]:
    """Whether data are missing, and of each data set what."""
    told = incomplete(inputs)
    return {
        "incomplete": str(bool(told)).lower(),
        **{f"incomplete.{name}": "; ".join(sentences) for name, sentences in told.items()},
    }


def _tables(inputs: Inputs) -> dict[str, pd.DataFrame]:
    """The tables behind the results; the grids of weights and bins stand in report.json alone."""
    apart = {findings.SIMPLEX.name, findings.RELIABILITY.name, findings.ABSTENTION.name}
    apart |= set(machine.CURVES)
    found = analyses.frames(inputs.analyses)
    return {name: table for name, table in found.items() if name not in apart and len(table)}


def children(inputs: Inputs, root: Path) -> Iterator[tracking.Record]:
    """One run per data set and scorer, made when it is asked for: each has a table and a figure."""
    timings = tracking.timings(root)
    known = _by_place(inputs)
    for dataset in inputs.settings.datasets:
        scored = scored_videos(inputs, dataset)
        for scorer in scorers(inputs):
            said = known.get((dataset, scorer), Said())
            timing = timings.get(f"scores@{dataset}-{scorer}")
            if timing is not None:
                said.add(f"{timing.metric}.scores", timing.seconds, "")
            yield _child(inputs, (dataset, scorer), said, scored[scored["scorer"] == scorer])


def _by_place(inputs: Inputs) -> dict[tuple[str, str], Said]:
    """All figures by data set and scorer; a figure has the same name in every run."""
    found: defaultdict[tuple[str, str], Said] = defaultdict(Said)
    for key, result in index(inputs.results).items():
        found[key.dataset, key.scorer].estimate(_metric(key), result._asdict())
    of = inputs.analyses
    for row in crosstab.records(of.comparisons.ranks):
        method = "" if row["method"] == ALL else f".{row['method']}"
        found[row["dataset"], row["scorer"]].rank(f"rank.{row['metric']}{method}", row)
    for row in crosstab.records(of.comparisons.transfer):
        name = f"transfer.{row['metric']}.from.{row['home']}"
        found[row["dataset"], row["scorer"]].estimate(name, row)
    for row in crosstab.records(of.calibration.thresholds):
        if row["split"] == TEST and row["metric"] in ("fpr", "tpr"):
            said, name = found[row["dataset"], row["scorer"]], f"threshold.{row['criterion']}"
            said.add(name, row["threshold"], row["note"])
            said.estimate(f"{name}.{row['metric']}", row)
    for row in crosstab.records(of.calibration.figures):
        if row["variant"] == "scaled":
            said = found[row["dataset"], row["scorer"]]
            said.add("temperature", row["temperature"], row["note"])
            said.estimate(f"scaled.{row['metric']}", row)
    for dataset, detector in product(inputs.settings.datasets, inputs.settings.detectors):
        for name, value in gradcam.metrics(inputs.explanations.checks, detector, dataset).items():
            found[dataset, detector].add(name, value, "")
    for dataset in inputs.settings.datasets if params.FREQUENCY in inputs.settings.scorers else ():
        for row in frequency.metrics(of.frequency, dataset):
            found[dataset, params.FREQUENCY].estimate(row["name"], row)
    return found


def _child(
    inputs: Inputs, place: tuple[str, str], said: Said, own: pd.DataFrame
) -> tracking.Record:
    dataset, scorer = place
    behind = members(inputs.settings, scorer)
    runs = [r for r in inputs.runs if r.dataset == dataset and r.detector in behind]
    return tracking.Record(
        name=f"{dataset} {scorer}",
        tags={
            "dataset": dataset,
            "scorer": scorer,
            "data": inputs.state.data.get(dataset) or "not recorded",
            "incomplete": "; ".join(incomplete(inputs).get(dataset, [])) or "false",
            **{f"weights.{run.detector}": run.weights_sha256 for run in runs},
            **said.undefined,
        },
        params=_settings(inputs, dataset, scorer, runs),
        metrics=said.metrics,
        tables={"videos.json": own},
        figures={"roc.svg": plots.roc(own, {})} | _pictures(inputs, dataset, scorer),
    )


def _pictures(inputs: Inputs, dataset: str, scorer: str) -> dict[str, Figure]:
    maps = inputs.explanations.maps
    own = maps[(maps["dataset"] == dataset) & (maps["detector"] == scorer)]
    if len(own):
        return {"gradcam.png": overlays.sheet(own)}
    if scorer != params.FREQUENCY:
        return {}
    drawn = frequency.figures(inputs.analyses.frequency, dataset)
    return {f"frequency_{kind}.svg": figure for kind, figure in drawn.items()}


def _settings(inputs: Inputs, dataset: str, scorer: str, runs: list[ScoreRun]) -> dict[str, str]:
    """What one compares runs by."""
    chosen = inputs.settings
    ensemble = chosen.videos.ensembles.get(scorer)
    kind = "external" if scorer in chosen.external else "detector"
    combined: dict[str, str] = {}
    if ensemble:
        kind = "ensemble"
        combined = {f"weight.{name}": f"{w:g}" for name, w in ensemble.weights.items()}
        combined["rule"] = ensemble.rule
    return {
        "dataset": dataset,
        "scorer": scorer,
        "kind": kind,
        "frames": str(chosen.faces.frames),
        "frame_rule": chosen.faces.frame_rule,
        "select": chosen.faces.select,
        "crop": chosen.faces.crop,
        "pooling": chosen.videos.pooling,
        "profile": chosen.scores.profile,
        "precision": ", ".join(sorted({run.precision for run in runs})) or "not stated",
        "precision_set": chosen.scores.precision,
        "threshold": f"{chosen.results.threshold:g}",
        "demo_weights": str(any(run.demo for run in runs)).lower(),
        **{f"weights_file.{run.detector}": run.weights_file for run in runs},
        **combined,
    }


def _metric(key: Key) -> str:
    """`auc`, `frame.auc`, `auc.Deepfakes`: the plain name is the one most wanted."""
    level = "" if key.level == "video" else f"{key.level}."
    method = "" if key.method == ALL else f".{key.method}"
    return _name(f"{level}{key.metric}{method}")


def _name(text: str) -> str:
    """MLflow takes letters, digits and _ - . / only; the rest, as the @ of a stage, is a dot."""
    return re.sub(r"[^\w\-./]", ".", text.replace(" ", "_"), flags=re.ASCII)


def _flat(tree: dict[str, object], before: str = "") -> dict[str, str]:
    """Nested settings under dotted names."""
    flat: dict[str, str] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[before + name] = str(value)
    return flat
