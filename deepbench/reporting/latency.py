"""The report's section on latency: it stands only on the page that no one compares by its bytes."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from deepbench.core.timings import Measurement
from deepbench.reporting import html, latency_plots, latency_price, measurements
from deepbench.reporting.html import Cell, ms
from deepbench.reporting.latency_price import Around

ABSENT = (
    "No times were measured in this checkout. They are no part of the pipeline, for they differ "
    "from run to run; measure them with: make latency"
)
TITLES = {
    "decode": "Decode",
    "detect": "Detect faces",
    "crop": "Crop",
    "score": "",
    "total": "All of these",
    "frequency": "Frequency features",
    "gradcam": "Grad-CAM, ",
}


def section(found: Measurement | None, around: Around) -> dict[str, object]:
    """Values of latency.html."""
    if found is None:
        return {"absent": ABSENT}
    networks, rows = found.networks, found.latency
    bought = latency_price.price(found, around)
    demo = networks.loc[networks["demo"], "detector"].tolist()
    batches = rows[rows["unit"] == "batch"]
    alt = "Crops per second by batch size; the table below holds the same figures."
    return {
        "absent": "",
        "told": _told(found),
        "steps": _steps(found),
        "detectors": _detectors(found),
        "peaks": ", ".join(
            f"{own['peak_gflops'].iloc[0]:,.0f} GFLOP/s in {name}"
            for name, own in networks.groupby("precision")
        ),
        "throughput": html.picture(latency_plots.throughput(batches), alt),
        "batches": _batches(batches),
        "shared": ms(latency_price.shared(rows)),
        "demo": demo,
        "small": networks.loc[
            networks["parameters"] < networks["published_parameters"] / 2, "detector"
        ].tolist(),
        "differing": latency_price.differing(networks, around.runs),
        "price": html.picture(
            latency_plots.price(bought),
            "AUC per video against milliseconds per frame, per data set; the table below holds "
            "the same figures.",
        ),
        "bought": latency_price.table(bought),
        "before": measurements.told(found),
        "earlier": measurements.table(found),
    }


def _told(found: Measurement) -> list[str]:
    machine, facts = found.machine, found.machine.facts
    files = "; ".join(f"one {unit}: {told}" for unit, told in machine.inputs.items())
    libraries = ", ".join(f"{name} {facts[name]}" for name in ("torch", "timm") if name in facts)
    gpu = "" if math.isnan(machine.peak_device_mb) else f", {machine.peak_device_mb:,.0f} MB on it"
    busy = (
        f"{machine.load_before:.1f} processes wanted to run before, {machine.load_after:.1f} after"
    )
    when, commit = machine.started[:16].replace("T", " "), facts.get("Git commit", "none")
    # without a checkout it is a sentence
    commit = "no commit" if commit.startswith("none") else f"commit {commit[:12]}"
    told = [
        f"Measured {when} UTC at {commit} on "
        f"{machine.machine}; {libraries}; {busy}. Most memory: {machine.peak_mb:,.0f} MB{gpu}.",
        f"Timed on {files}.",
    ]
    if machine.load_before > 1:
        told.append(
            "The machine was busy with other things, so these times are longer than it needs."
        )
    return told


def _steps(found: Measurement) -> html.Table:
    """Every step on one image and on one video."""
    rows = found.latency
    units = [unit for unit in ("image", "video") if unit in set(rows["unit"])]
    counts = {u: int(rows.loc[rows["unit"] == u, "items"].iloc[0]) for u in units}
    heads = {u: f"One {u}" + (f", {n} frames" if n > 1 else "") for u, n in counts.items()}
    lines = []
    for step, title in TITLES.items():
        own = rows[(rows["step"] == step) & rows["unit"].isin(units)]
        for detector, pair in own.groupby("detector", sort=False):
            of_unit = {row["unit"]: _timing(row) for row in pair.to_dict("records")}
            cells = [of_unit.get(unit, Cell("not measured", undefined=True)) for unit in units]
            lines.append([Cell(f"{title}{detector}"), *cells])
    return html.Table("Milliseconds per step", ["Step", *heads.values()], lines)


def _timing(row: Mapping[Hashable, Any]) -> Cell:
    """The median, below it tail, spread, calls and memory."""
    tail = [f"{p} {ms(row[f'{p}_ms'])}" for p in ("p95", "p99") if not math.isnan(row[f"{p}_ms"])]
    small = [", ".join([*tail, f"IQR {ms(row['iqr_ms'])}"]), f"{row['calls']} calls"]
    if not math.isnan(row["peak_mb"]):
        small[1] += f", {row['peak_mb']:,.0f} MB"
    return Cell(ms(row["p50_ms"]), tuple(small), value=row["p50_ms"])


def _detectors(found: Measurement) -> html.Table:
    lines = []
    for net in found.networks.to_dict("records"):
        own = found.latency[found.latency["detector"] == net["detector"]]
        load = own[own["step"] == "load"].to_dict("records")[0]
        best = own.loc[own["unit"] == "batch", "peak_share"].max()
        share = (
            Cell("not known", undefined=True)
            if math.isnan(best)
            else Cell(f"{best:.0%}", value=float(best))
        )
        weights = "demo weights" if net["demo"] else net["weights_file"]
        lines.append(
            [
                Cell(net["detector"], (weights, f"sha256 {net['weights_sha256'][:12]}")),
                Cell(f"{net['parameters'] / 1e6:.1f}", value=net["parameters"]),
                Cell(f"{net['gflop']:.1f}", value=net["gflop"])
                if not math.isnan(net["gflop"])
                else Cell("not countable", undefined=True),
                Cell(net["precision"], ("in OpenVINO",) if net["runtime"] == "openvino" else ()),
                _timing(load),
                share,
            ]
        )
    columns = ["Detector", "Million parameters", "GFLOP per crop", "Precision", "Loading, ms"]
    return html.Table("Detectors", [*columns, "Share of the peak"], lines)


def _batches(rows: pd.DataFrame) -> html.Table:
    """Crops per second per batch size."""
    sizes = sorted(set(rows["items"]))
    lines = []
    for detector, own in rows.groupby("detector", sort=False):
        of_size = {row["items"]: row for row in own.to_dict("records")}
        lines.append([Cell(str(detector)), *(_rate(of_size[size]) for size in sizes)])
    columns = ["Detector", *(f"Batch {size}" for size in sizes)]
    return html.Table("Crops per second", columns, lines)


def _rate(row: Mapping[Hashable, Any]) -> Cell:
    rate, faster = row["per_second"], row["speed_up"]
    small = [f"{faster:.2f} times batch 1"] if not math.isnan(faster) else []
    return Cell(f"{rate:.3g}" if rate < 100 else f"{rate:,.0f}", (*small,), value=rate)
