"""What MLflow is told: the report's tables as records of runs."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from deepbench.reporting import plots, provenance, tracking
from deepbench.reporting.inputs import Inputs, ScoreRun, members, scored_videos, scorers
from deepbench.reporting.scoreboard import ALL, Key, index


def parent(inputs: Inputs, root: Path, files: tuple[Path, ...]) -> tracking.Record:
    """The run of the whole state: settings, every video AUC, the seconds of each stage."""
    results = index(inputs.results)
    aucs: dict[str, float] = {}
    undefined: dict[str, str] = {}
    for key, found in results.items():
        if (key.method, key.level, key.metric) == (ALL, "video", "auc"):
            name = _name(f"auc.{key.dataset}.{key.scorer}")
            _sort({name: found.value}, found.note, aucs, undefined)
    seconds = {
        _name(f"{timing.metric}.{stage}"): timing.seconds
        for stage, timing in tracking.timings(root).items()
    }
    here = provenance.commit(root)
    tags = {
        "git.commit": here.name,
        "git.dirty": str(here.dirty).lower(),
        "state.source": inputs.state.source,
    }
    digests = {f"data.{name}": digest for name, digest in inputs.state.data.items()}
    weights = {f"weights.{run.detector}": run.weights_sha256 for run in inputs.runs}
    return tracking.Record(
        name=f"state {inputs.state.digest[:12]}",
        tags=tags | undefined | {k: v or "not recorded" for k, v in (digests | weights).items()},
        params=_flat(inputs.settings.model_dump(mode="json")),
        metrics=aucs | seconds,
        files=files,
    )


def children(inputs: Inputs, root: Path) -> Iterator[tracking.Record]:
    """One run per data set and scorer, made when it is asked for: each has a table and a figure."""
    timings = tracking.timings(root)
    for dataset in inputs.settings.datasets:
        for scorer in scorers(inputs):
            yield _child(inputs, dataset, scorer, timings.get(f"scores@{dataset}-{scorer}"))


def _child(
    inputs: Inputs, dataset: str, scorer: str, timing: tracking.Timing | None
) -> tracking.Record:
    metrics: dict[str, float] = {}
    undefined: dict[str, str] = {}
    for key, found in index(inputs.results).items():
        if (key.dataset, key.scorer) != (dataset, scorer):
            continue
        name = _metric(key)
        values = {name: found.value, f"{name}.low": found.low, f"{name}.high": found.high}
        _sort(values, found.note, metrics, undefined)
    if timing is not None:
        metrics[f"{timing.metric}.scores"] = timing.seconds
    runs = [
        run
        for run in inputs.runs
        if run.dataset == dataset and run.detector in members(inputs, scorer)
    ]
    scored = scored_videos(inputs, dataset)
    own = scored[scored["scorer"] == scorer]
    return tracking.Record(
        name=f"{dataset} {scorer}",
        tags={
            "dataset": dataset,
            "scorer": scorer,
            "data": inputs.state.data.get(dataset) or "not recorded",
            **{f"weights.{run.detector}": run.weights_sha256 for run in runs},
            **undefined,
        },
        params=_settings(inputs, dataset, scorer, runs),
        metrics=metrics,
        tables={"videos.json": own},
        figures={"roc.svg": plots.roc(own, {})},
    )


def _sort(
    values: dict[str, float], note: str, metrics: dict[str, float], undefined: dict[str, str]
) -> None:
    """Put finite values among the metrics, and the reasons of the others among the tags."""
    for name, value in values.items():
        if math.isfinite(value):
            metrics[name] = value
        else:
            reason = note or "the table gives no reason"
            undefined[f"undefined.{name}"] = "infinite" if math.isinf(value) else reason


def _settings(inputs: Inputs, dataset: str, scorer: str, runs: list[ScoreRun]) -> dict[str, str]:
    """What one compares runs by."""
    chosen = inputs.settings
    ensemble = chosen.videos.ensembles.get(scorer)
    weights = {f"weight.{name}": f"{weight:g}" for name, weight in (ensemble or {}).items()}
    return {
        "dataset": dataset,
        "scorer": scorer,
        "kind": "ensemble" if ensemble else "detector",
        "frames": str(chosen.faces.frames),
        "frame_rule": chosen.faces.frame_rule,
        "select": chosen.faces.select,
        "crop": chosen.faces.crop,
        "pooling": chosen.videos.pooling,
        "profile": chosen.scores.profile,
        "precision": chosen.scores.precision,
        "threshold": f"{chosen.results.threshold:g}",
        "demo_weights": str(any(run.demo for run in runs)).lower(),
        **{f"weights_file.{run.detector}": run.weights_file for run in runs},
        **weights,
    }


def _metric(key: Key) -> str:
    """`auc`, `frame.auc`, `auc.Deepfakes`: the plain name is the one most wanted."""
    level = "" if key.level == "video" else f"{key.level}."
    method = "" if key.method == ALL else f".{key.method}"
    return _name(f"{level}{key.metric}{method}")


def _name(text: str) -> str:
    """MLflow takes letters, digits and _ - . / only; the rest, as the @ of a stage, is a dot."""
    return re.sub(r"[^\w\-./]", ".", text, flags=re.ASCII)


def _flat(tree: dict[str, object], before: str = "") -> dict[str, str]:
    """Nested settings under dotted names."""
    flat: dict[str, str] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[before + name] = str(value)
    return flat
