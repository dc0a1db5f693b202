"""A made-up measurement: plausible, and the same each time."""

import pandas as pd

from deepbench.core import tables, timings
from deepbench.statistics import durations

DETECTORS = {"xception": 60.0, "efficientnet_b4": 50.0, "f3net": 90.0, "effort": 700.0}
MACHINE = "A processor, 2 logical cores, 2 threads, cpu"


def row(step, detector, unit, items, p50, calls=100):
    few = calls < durations.CALLS_FOR_P95
    return {
        "step": step, "detector": detector, "unit": unit, "items": items, "calls": calls,
        "p50_ms": p50, "p95_ms": float("nan") if few else 1.2 * p50,
        "p99_ms": float("nan") if calls < durations.CALLS_FOR_P99 else 1.4 * p50,
        "iqr_ms": 0.1 * p50, "per_second": items / p50 * 1000 if items else float("nan"),
        "speed_up": float("nan"), "peak_share": float("nan"), "peak_mb": 900.0,
        "note": "p95 needs 20 calls" if few else "",
    }  # fmt: skip


def latency() -> pd.DataFrame:
    rows = [row("load", name, "model", 0, 400.0, 3) for name in DETECTORS]
    for unit, frames in (("image", 1), ("video", 8)):
        rows += [
            row(step, "", unit, frames, ms * frames)
            for step, ms in (("decode", 3.0), ("detect", 40.0), ("crop", 0.5), ("frequency", 2.0))
        ]
        rows.append(row("total", "", unit, frames, (43.5 + sum(DETECTORS.values())) * frames, 5))
        for name, ms in DETECTORS.items():
            rows.append(row("score", name, unit, frames, ms * frames, 30))
            rows.append(row("gradcam", name, unit, frames, 1.1 * ms * frames, 30))
    for name, ms in DETECTORS.items():
        for size in (1, 4, 16):
            made = row("score", name, "batch", size, ms * size**0.9, 30)
            speed_up = size**0.1
            rows.append(made | {"speed_up": speed_up, "peak_share": 0.3 * speed_up})
    return tables.from_rows(timings.LATENCY, rows)


def networks(demo: bool = True) -> pd.DataFrame:
    rows = [
        {
            "detector": name, "parameters": 900_000 if name == "effort" else 20_000_000,
            "published_parameters": 303_000_000 if name == "effort" else 20_000_000,
            "gflop": 12.0, "precision": "float32", "runtime": "torch", "peak_gflops": 210.0,
            "weights_file": f"{name}_best.pth", "weights_sha256": f"{number}a" * 32, "demo": demo,
        }
        for number, name in enumerate(DETECTORS)
    ]  # fmt: skip
    return tables.from_rows(timings.NETWORKS, rows)


def machine(started: str = "2026-11-22T09:00:00+00:00") -> timings.Machine:
    return timings.Machine(
        machine=MACHINE, threads=2, device="cpu", started=started, seconds=60.0, load_before=0.4,
        load_after=2.1, peak_mb=1234.0, peak_device_mb=float("nan"),
        inputs={"image": "folder/a, 1 frame of 640 x 480 pixels",
                "video": "dfdc/b, 8 frames of 640 x 480 pixels"},
        facts={"Git commit": "c0ffee" * 6, "Processor": "A processor, 2 logical cores",
               "torch": "2.9.0", "timm": "1.0.22"},
    )  # fmt: skip


def earlier(*runs: tuple[str, str, float]) -> pd.DataFrame:
    """Runs by date, machine and how much slower they were."""
    rows = [
        {
            "run_id": f"run{number}", "started": started, "commit": "beef" * 10,
            "machine": where, "precision": "float32", "load": 0.5,
            "name": timings.name(one["step"], one["detector"], one["unit"], one["items"]),
            "p50_ms": one["p50_ms"] * slower,
        }
        for number, (started, where, slower) in enumerate(runs)
        for one in latency().to_dict("records")
    ]  # fmt: skip
    return tables.from_rows(timings.EARLIER, rows)


def measurement(before: pd.DataFrame | None = None) -> timings.Measurement:
    return timings.Measurement(
        latency(), networks(), machine(), earlier() if before is None else before
    )
