"""Measurements of the step `latency` over time: each is a run of its own in MLflow."""

import math
from pathlib import Path

import pandas as pd

from deepbench.core import tables, timings
from deepbench.reporting import html, tracking
from deepbench.reporting.html import Cell, ms

KIND = "latency"
SHOWN = 4  # earlier measurements beside the last one
COMPARED = ("image.total", "video.total", "video.decode", "video.detect", "video.score.", "load.")
LOGGED = ("p50_ms", "p95_ms", "p99_ms", "iqr_ms", "per_second", "peak_share")
FIRST, LAST = "latency.", ".p50_ms"


def log(measured: timings.Measurement, root: Path = Path()) -> str:
    """Log a measurement; returns the id of its run."""
    machine = measured.machine
    used = dict(zip(measured.networks["detector"], measured.networks["precision"], strict=True))
    tags = {
        "started": machine.started,
        "machine": machine.machine,
        "precision": ", ".join(sorted(set(used.values()))),
        "git.commit": machine.facts["Git commit"],
    }
    said = {f"precision.{name}": precision for name, precision in used.items()}
    said |= {f"input.{unit}": told for unit, told in machine.inputs.items()} | machine.facts
    record = tracking.Record(f"latency {machine.started}", tags, said, _metrics(measured))
    return tracking.log_alone(root, KIND, record)


def _metrics(measured: timings.Measurement) -> dict[str, float]:
    """`latency.image.decode.p50_ms` and so on; MLflow has no NaN."""
    machine = measured.machine
    found = {f"{FIRST}load": machine.load_before, f"{FIRST}peak_mb": machine.peak_mb}
    for row in measured.latency.to_dict("records"):
        name = timings.name(*(row[key] for key in timings.LATENCY.key))
        found |= {f"{FIRST}{name}.{column}": row[column] for column in LOGGED}
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def earlier(root: Path = Path()) -> pd.DataFrame:
    """What MLflow knows of, the newest first: the table `earlier`."""
    rows: list[dict[str, object]] = []
    for run in tracking.alone(root, KIND):
        said: dict[str, object] = {
            "run_id": run.run_id,
            "started": run.tags.get("started", ""),
            "commit": run.tags.get("git.commit", ""),
            "machine": run.tags.get("machine", ""),
            "precision": run.tags.get("precision", ""),
            "load": run.metrics.get(f"{FIRST}load", math.nan),
        }
        rows += [
            said | {"name": metric.removeprefix(FIRST).removesuffix(LAST), "p50_ms": value}
            for metric, value in sorted(run.metrics.items())
            if metric.startswith(FIRST) and metric.endswith(LAST)
        ]
    return tables.from_rows(timings.EARLIER, rows)


def _comparable(found: timings.Measurement) -> pd.DataFrame:
    """Earlier measurements on an equal machine; the last one itself is logged too."""
    before = found.earlier[found.earlier["started"] != found.machine.started]
    same: pd.DataFrame = before[before["machine"] == found.machine.machine]
    return same


def told(found: timings.Measurement) -> str:
    """A sentence on which earlier measurements there are."""
    before = found.earlier[found.earlier["started"] != found.machine.started]
    total, same = before["run_id"].nunique(), _comparable(found)["run_id"].nunique()
    if not total:
        return "This is the first measurement that MLflow holds; later ones will stand beside it."
    others = total - same
    elsewhere = (
        f" {others} on another machine, or with another number of threads, "
        f"{'is' if others == 1 else 'are'} left out."
        if others
        else ""
    )
    if not same:
        return f"MLflow holds no earlier measurement of this machine.{elsewhere}"
    return (
        f"MLflow holds {same} earlier {'measurement' if same == 1 else 'measurements'} of this "
        f"machine, the newest first. A busy machine is slower.{elsewhere}"
    )


def table(found: timings.Measurement) -> html.Table:
    """Medians of the last measurement and of those before it."""
    same = _comparable(found)
    runs = [own for _, own in same.groupby("run_id", sort=False)][:SHOWN]
    names = [timings.name(*key) for key in found.latency[list(timings.LATENCY.key)].to_numpy()]
    now = dict(zip(names, found.latency["p50_ms"], strict=True))
    used = ", ".join(sorted(set(found.networks["precision"])))
    lines = [
        html.row("Precision", used, *(run["precision"].iloc[0] for run in runs)),
        html.row(
            "Processes that wanted to run",
            f"{found.machine.load_before:.1f}",
            *(f"{run['load'].iloc[0]:.1f}" for run in runs),
        ),
    ]
    past = [dict(zip(run["name"], run["p50_ms"], strict=True)) for run in runs]
    for name, value in now.items():
        if name.startswith(COMPARED):
            cells = [_then(one.get(name, math.nan), value) for one in past]
            lines.append([Cell(name.replace(".", " ")), Cell(ms(value), value=value), *cells])
    heads = [
        f"{run['started'].iloc[0][:16].replace('T', ' ')}, {run['commit'].iloc[0][:7]}"
        for run in runs
    ]
    columns = ["Median, ms", "Last measurement", *heads]
    return html.Table("Measurements of this machine", columns, lines if runs else [])


def _then(value: float, now: float) -> Cell:
    if math.isnan(value):
        return Cell("not measured", undefined=True)
    return Cell(ms(value), (f"now {now / value:.2f} times that",), value=value)
