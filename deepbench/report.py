"""Step `report`: one page out of all tables, its figures for programs, and an MLflow run."""

import math
from pathlib import Path

import pandas as pd

from deepbench.core import files, gaps, params, plugins, recorded, tables, timings
from deepbench.reporting import (
    ablation,
    analyses,
    drift,
    gallery,
    html,
    latency,
    latency_price,
    machine,
    page,
    provenance,
    records,
    scoreboard,
    tracking,
)
from deepbench.reporting.inputs import (
    Component,
    Inputs,
    ScoreRun,
    incomplete,
    read_external,
    read_run,
)
from deepbench.sample import pack
from deepbench.statistics import deepfakebench

RECORDED = Path("reports/report/report.html")
FIGURES = Path("reports/report/report.json")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
RESULTS_CSV, RESULTS = Path("reports/results.csv"), Path("reports/results.parquet")
PUBLISHED = Path("reports/index.html")


def collect(root: Path = Path()) -> Inputs:
    """Read the tables that params.yaml asks for, and the data sets' cards."""
    settings = params.load(root / "params.yaml")
    artifacts, names = root / "artifacts", settings.datasets
    cards = {name: plugins.load("datasets", name).CARD for name in names}
    components = {name: Component(card.title, card.paper) for name, card in cards.items()}
    runs = _runs(settings, artifacts)
    components |= {run.detector: run.card for run in runs}
    manifest = tables.read(
        tables.MANIFEST, *(artifacts / "manifest" / f"{name}.parquet" for name in names)
    )
    scores = tables.read(
        tables.SCORES,
        *(artifacts / settings.scores_file(r.dataset, r.detector) for r in runs),
    )
    videos = tables.read(tables.VIDEOS, artifacts / "videos.parquet")
    sources = gallery.Sources(manifest, videos, scores)
    return Inputs(
        settings=settings,
        manifest=manifest,
        ledger=tables.read(tables.LEDGER, *(artifacts / "faces" / name for name in names)),
        videos=videos,
        results=tables.read(tables.RESULTS, artifacts / "results.parquet"),
        published=deepfakebench.published_protocol(
            manifest, scores[scores["detector"].isin(settings.detectors)]
        ),
        analyses=analyses.read(root),
        explanations=analyses.explanations(root, settings.detectors),
        exhibits=gallery.exhibits(settings, sources, artifacts / "faces"),
        external=tuple(
            read_external(artifacts / "scores/external" / f"{name}.json")
            for name in settings.external
        ),
        runs=runs,
        components=components,
        samples=tuple(n for n in names if pack.holds_sample(root / settings.roots[n].path)),
        gaps={name: gaps.read(artifacts / "manifest" / f"{name}.json") for name in names},
        state=provenance.state(root, settings),
    )


def _runs(settings: params.Params, artifacts: Path) -> tuple[ScoreRun, ...]:
    """Every scorer of crops on every data set."""
    return tuple(
        read_run(artifacts / f"{settings.scores_file(dataset, name)}.json", dataset)
        for dataset in settings.datasets
        for name in settings.framewise
    )


def write(inputs: Inputs, root: Path = Path()) -> None:
    """Write the recorded page, its figures as JSON, and all results as CSV and Parquet."""
    files.write(root / RECORDED, page.compose(inputs))
    files.write(root / FIGURES, machine.compose(inputs))
    tables.write(tables.RESULTS, inputs.results, root / RESULTS)
    text = for_spreadsheets(inputs.results).to_csv(index=False, lineterminator="\n")
    files.write(root / RESULTS_CSV, text)


def for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before each text that a spreadsheet would take for a formula.

    The Parquet file beside it has every text as it is.
    """
    texts = [name for name in table if pd.api.types.is_string_dtype(table[name])]
    guarded = {
        str(name): table[name].map(lambda text: f"'{text}" if text.startswith(FORMULA) else text)
        for name in texts
    }
    return table.assign(**guarded)


def publish(root: Path = Path()) -> Path:
    """Write reports/index.html: the recorded page with this checkout's pages, machine and times.

    Raises:
        FileNotFoundError: the report stage has not run.
        ValueError: the recorded page has not exactly one place to fill.
    """
    made = root / RECORDED
    if not made.exists():
        msg = f"no {RECORDED}; run the stage that makes it: dvc repro report"
        raise FileNotFoundError(msg)
    text = made.read_text("utf-8")
    for place in (page.PLACEHOLDER, page.LATENCY, page.RECORDED):
        if text.count(place) != 1:
            msg = (
                f"{RECORDED} has {text.count(place)} times {place!r}, not once; make it anew: "
                "dvc repro -f -s report"
            )
            raise ValueError(msg)
    compared = [recorded.compare(root, name) for name in recorded.TRACKED]
    against = {f"Files in {one.name}/": one.sentence for one in compared}
    facts = {"pages": _pages(root / "reports"), "facts": provenance.checkout(root) | against}
    text = text.replace(page.RECORDED, html.render("recorded.html", _changes(compared)))
    filled = text.replace(page.LATENCY, html.render("latency.html", _latency(root)))
    checkout = ablation.section(root) + html.render("checkout.html", facts)
    filled = filled.replace(page.PLACEHOLDER, checkout)
    files.write(root / PUBLISHED, filled)
    return root / PUBLISHED


def _changes(compared: list[recorded.Compared]) -> dict[str, object]:
    """What data and weights have that git does not record."""
    return {
        "folders": [one.name for one in compared if one.changes],
        "changes": [line for one in compared for line in recorded.spelt(one.changes)],
    }


def _latency(root: Path) -> dict[str, object]:
    """The last times that were measured here, beside the results at hand."""
    settings = params.load(root / "params.yaml")
    results = tables.read(tables.RESULTS, root / "artifacts/results.parquet")
    around = latency_price.Around(settings, results, _runs(settings, root / "artifacts"))
    return latency.section(timings.read(root), around)


def _pages(reports: Path) -> dict[str, list[str]]:
    """Pages and data files of the stages, by stage in the order of the pipeline."""
    order = [*provenance.ROAD, "report"]
    folders = sorted(
        (p.name for p in reports.iterdir() if p.is_dir()),
        key=lambda name: (order.index(name) if name in order else len(order), name),
    )
    wanted = {".html", ".csv", ".json"}
    top = [path.name for path in (RESULTS_CSV, RESULTS) if (reports / path.name).exists()]
    found = {
        folder: sorted(
            p.relative_to(reports).as_posix()
            for p in (reports / folder).rglob("*")
            if p.suffix in wanted
        )
        for folder in folders
    }
    return {folder: paths for folder, paths in ({"all results": top} | found).items() if paths}


def log(inputs: Inputs, root: Path = Path()) -> tracking.TrackedRun:
    """Log this state to MLflow unless it is there already."""
    written = (RECORDED, FIGURES, RESULTS_CSV, RESULTS, drift.METRICS)
    found = tuple(root / path for path in written if (root / path).exists())
    parent, children = records.parent(inputs, root, found), records.children(inputs, root)
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
        *(
            ["Sample pack or demo weights: the figures say nothing about real deepfakes."]
            if _is_demo(inputs)
            else []
        ),
        *(
            f"Incomplete data, {name}: {'; '.join(told)}"
            for name, told in incomplete(inputs).items()
        ),
        *recorded.warnings(root),
        f"Results: {drift.from_commit(root)}",
        f"MLflow: state {state} as run {run.run_id}",
        f"Report: {page_path}",
    ]


def _is_demo(inputs: Inputs) -> bool:
    return bool(inputs.samples) or any(run.demo for run in inputs.runs)
