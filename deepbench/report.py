"""Step `report`: one page out of all tables, an MLflow run, and a look back at recorded figures."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from deepbench.core import params, plugins, tables
from deepbench.reporting import html, page, provenance, records, scoreboard, tracking
from deepbench.reporting.inputs import Component, Inputs, read_run
from deepbench.sample import pack
from deepbench.statistics import deepfakebench

RECORDED = Path("reports/report/report.html")
PUBLISHED = Path("reports/index.html")
METRICS = Path("reports/results/metrics.json")
compose = page.compose

Figures = dict[str, dict[str, dict[str, float | None]]]  # data set, scorer, metric


def collect(root: Path = Path()) -> Inputs:
    """Read the tables that params.yaml asks for, and the data sets' cards."""
    settings = params.load(root / "params.yaml")
    artifacts = root / "artifacts"
    names = settings.datasets
    cards = {name: plugins.load("datasets", name).CARD for name in names}
    components = {name: Component(card.title, card.paper) for name, card in cards.items()}
    runs = [
        read_run(artifacts / "scores" / dataset / f"{name}.json")
        for dataset in names
        for name in settings.detectors
    ]
    components |= {run.detector: run.card for run in runs}
    manifest = tables.read(
        tables.MANIFEST, *(artifacts / "manifest" / f"{name}.parquet" for name in names)
    )
    scores = tables.read(
        tables.SCORES,
        *(artifacts / "scores" / run.dataset / f"{run.detector}.parquet" for run in runs),
    )
    return Inputs(
        settings=settings,
        manifest=manifest,
        ledger=tables.read(
            tables.LEDGER, *(artifacts / "faces" / name / "ledger.parquet" for name in names)
        ),
        videos=tables.read(tables.VIDEOS, artifacts / "videos.parquet"),
        results=tables.read(tables.RESULTS, artifacts / "results.parquet"),
        published=deepfakebench.published_protocol(manifest, scores),
        runs=tuple(runs),
        components=components,
        samples=tuple(n for n in names if pack.holds_sample(root / settings.roots[n].path)),
        state=provenance.state(root, settings),
    )


def publish(root: Path = Path()) -> Path:
    """Write reports/index.html: the recorded page with this checkout's pages, commit and machine.

    Raises:
        FileNotFoundError: the report stage has not run.
        ValueError: the recorded page has not exactly one place to fill.
    """
    recorded = root / RECORDED
    if not recorded.exists():
        msg = f"no {RECORDED}; run the stage that makes it: dvc repro report"
        raise FileNotFoundError(msg)
    text = recorded.read_text("utf-8")
    if text.count(page.PLACEHOLDER) != 1:
        msg = (
            f"{RECORDED} has {text.count(page.PLACEHOLDER)} times {page.PLACEHOLDER!r}, "
            "not once; make it anew: dvc repro -f -s report"
        )
        raise ValueError(msg)
    facts = {"pages": _pages(root / "reports"), "facts": provenance.checkout(root)}
    filled = text.replace(page.PLACEHOLDER, html.render("checkout.html", facts))
    (root / PUBLISHED).write_text(filled, "utf-8")
    return root / PUBLISHED


def _pages(reports: Path) -> dict[str, list[str]]:
    """Pages and data files of the stages, by stage in the order of the pipeline."""
    order = [*provenance.ROAD, "frequency", "gradcam", "latency", "report"]
    folders = sorted(
        (p.name for p in reports.iterdir() if p.is_dir()),
        key=lambda name: (order.index(name) if name in order else len(order), name),
    )
    wanted = {".html", ".csv", ".json"}
    found = {
        folder: sorted(
            p.relative_to(reports).as_posix()
            for p in (reports / folder).rglob("*")
            if p.suffix in wanted
        )
        for folder in folders
    }
    return {folder: paths for folder, paths in found.items() if paths}


def log(inputs: Inputs, root: Path = Path()) -> tracking.TrackedRun:
    """Log this state to MLflow unless it is there already."""
    files = tuple(p for p in (root / RECORDED, root / METRICS) if p.exists())
    parent, children = records.parent(inputs, root, files), records.children(inputs, root)
    return tracking.log_state(root, inputs.state.digest, parent, children)


def headline(results: pd.DataFrame) -> pd.DataFrame:
    """AUC per video with its interval as text: a row per scorer, a column per data set.

    A value without an interval stands alone; the page says why.
    """
    found = scoreboard.index(results)
    keys = [key for key in found if key == scoreboard.Key(key.scorer, key.dataset)]
    table: dict[str, dict[str, str]] = {}
    for key in keys:
        cell = scoreboard.cell(found, key)
        interval = () if math.isnan(found[key].low) else cell.small
        table.setdefault(key.dataset, {})[key.scorer] = " ".join((cell.text, *interval))
    frame = pd.DataFrame(table, index=list(dict.fromkeys(key.scorer for key in keys)))
    return frame.fillna("not in the results").rename_axis("scorer")


class Drift(NamedTuple):
    """How far present figures are from recorded ones."""

    sentence: str
    largest: float  # absolute difference; infinite where a figure appeared or vanished
    where: str  # data set / scorer / metric; "" where all is equal


def drift(recorded: Figures, current: Figures) -> Drift:
    """The largest difference between two sets of figures, `None` being an undefined one."""
    before, now = _flat(recorded), _flat(current)
    gaps = {place: _gap(before, now, place) for place in sorted(before.keys() | now.keys())}
    changed = {place: gap for place, gap in gaps.items() if gap > 0}
    if not changed:
        return Drift(f"equal to the recorded results ({len(gaps)} figures)", 0.0, "")
    where, largest = max(changed.items(), key=lambda item: item[1])
    old, new = before.get(where, "absent"), now.get(where, "absent")
    sentence = (
        f"{len(changed)} of {len(gaps)} figures differ from the recorded results; the largest "
        f"difference is at {where}: {_shown(old)} recorded, {_shown(new)} now"
    )
    return Drift(sentence, largest, where)


def _flat(figures: Figures) -> dict[str, float | None]:
    return {
        f"{dataset} / {scorer} / {metric}": value
        for dataset, by_scorer in figures.items()
        for scorer, by_metric in by_scorer.items()
        for metric, value in by_metric.items()
    }


def _gap(before: dict[str, Any], now: dict[str, Any], place: str) -> float:
    if place not in before or place not in now:
        return math.inf
    old, new = before[place], now[place]
    if old is None or new is None:
        return 0.0 if old is new else math.inf
    return abs(float(new) - float(old))


def _shown(value: float | str | None) -> str:
    return "undefined" if value is None else f"{value}"


def drift_from_commit(root: Path = Path()) -> str:
    """Compare the present metrics with those in the checked-out commit, as one sentence."""
    current = json.loads((root / METRICS).read_text("utf-8"))
    committed = provenance.committed_text(root, METRICS.as_posix())
    if committed is None:
        return f"nothing to compare with: {METRICS} is not in the checked-out commit"
    return drift(json.loads(committed), current).sentence


def finish(root: Path = Path()) -> list[str]:
    """After `dvc repro`: publish, log, compare with the commit; returns lines for the terminal."""
    inputs = collect(root)
    page_path = publish(root)
    run = log(inputs, root)
    state = f"{inputs.state.digest[:12]} {'logged' if run.created else 'was logged before'}"
    return [
        f"AUC per video, test split, {inputs.settings.results.interval * 100:g} % interval",
        headline(inputs.results).to_string(),
        "",
        *(["Sample pack or demo weights: the figures mean nothing."] if _is_demo(inputs) else []),
        f"Results: {drift_from_commit(root)}",
        f"MLflow: state {state} as run {run.run_id}",
        f"Report: {page_path}",
    ]


def _is_demo(inputs: Inputs) -> bool:
    return bool(inputs.samples) or any(run.demo for run in inputs.runs)
