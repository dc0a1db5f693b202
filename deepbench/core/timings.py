"""The tables of the step `latency`: timings, which differ from run to run.

They are apart from all others because nothing deterministic may depend on them.
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from deepbench.core import files, tables

FOLDER = Path("artifacts/latency")

LATENCY = tables.Table(
    "latency",
    {
        "step": pa.string(),  # load, decode, detect, crop, score, frequency, gradcam, total
        "detector": pa.string(),  # of load, score and gradcam; else empty
        "unit": pa.string(),  # model, image, video, batch
        "items": pa.int32(),  # frames or crops per call; 0 for a model
        "p50_ms": pa.float64(),  # per call
        "p95_ms": pa.float64(),  # NaN where `note` says why
        "p99_ms": pa.float64(),
        "iqr_ms": pa.float64(),
        "calls": pa.int32(),  # timed ones
        "per_second": pa.float64(),  # items, at the median; NaN for a model
        "speed_up": pa.float64(),  # items per second over those of batch 1; NaN but for batches
        "peak_share": pa.float64(),  # of the matrix product's rate; NaN but for scores
        "peak_mb": pa.float64(),  # most resident memory of the process during the calls
        "note": pa.string(),
    },
    ("step", "detector", "unit", "items"),
)
NETWORKS = tables.Table(
    "networks",
    {
        "detector": pa.string(),
        "parameters": pa.int64(),  # as it runs, batch norms folded into convolutions
        "published_parameters": pa.int64(),  # of the network that the demo weights stand in for
        "gflop": pa.float64(),  # per crop, a multiplication and an addition being two; NaN: unknown
        "precision": pa.string(),  # really used
        "runtime": pa.string(),  # torch, openvino
        "peak_gflops": pa.float64(),  # per second, of a large matrix product in that precision
        "weights_file": pa.string(),
        "weights_sha256": pa.string(),
        "demo": pa.bool_(),
    },
    ("detector",),
)
EARLIER = tables.Table(
    "earlier",
    {
        "run_id": pa.string(),  # MLflow's
        "started": pa.string(),  # date and time, UTC
        "commit": pa.string(),
        "machine": pa.string(),  # as in machine.json: only equal ones compare
        "precision": pa.string(),
        "load": pa.float64(),  # of the machine in the minute before
        "name": pa.string(),  # as `name` gives it
        "p50_ms": pa.float64(),
    },
    ("run_id", "name"),
)


@dataclass(frozen=True)
class Machine:
    """Where, when and on what was timed."""

    machine: str  # processor, cores, threads and device: what must be equal to compare
    threads: int  # of torch
    device: str
    started: str  # date and time, UTC
    seconds: float  # that all of it took
    load_before: float  # processes that wanted to run, average of a minute
    load_after: float
    peak_mb: float  # most resident memory of the process
    peak_device_mb: float  # most memory of torch on a GPU; NaN without one
    inputs: dict[str, str]  # what was timed: by unit, the video_id and its size
    facts: dict[str, str]  # commit, machine and versions


@dataclass(frozen=True)
class Measurement:
    """One run of the step `latency`."""

    latency: pd.DataFrame
    networks: pd.DataFrame
    machine: Machine
    earlier: pd.DataFrame  # what MLflow held of others when this one was logged

    def with_earlier(self, earlier: pd.DataFrame) -> "Measurement":
        """The same beside others."""
        return replace(self, earlier=earlier)


def name(step: str, detector: str, unit: str, items: int) -> str:
    """Name of one measurement: `load.xception`, `image.decode`, `batch8.score.xception`."""
    first = {"model": "", "batch": f"batch{items}"}.get(unit, unit)
    return ".".join(filter(None, (first, step, detector)))


def write(measurement: Measurement, root: Path = Path()) -> None:
    """Write the three tables and machine.json."""
    folder = root / FOLDER
    # written last: where it stands, the tables beside it are of the same measurement
    (folder / "machine.json").unlink(missing_ok=True)
    for table, frame in (
        (LATENCY, measurement.latency),
        (NETWORKS, measurement.networks),
        (EARLIER, measurement.earlier),
    ):
        tables.write(table, frame, folder / f"{table.name}.parquet")
    # JSON knows no NaN
    said = {key: None if v != v else v for key, v in vars(measurement.machine).items()}
    files.write(folder / "machine.json", json.dumps(said, indent=1) + "\n")


def read(root: Path = Path()) -> Measurement | None:
    """The last measurement; None where nothing was measured.

    Raises:
        ValueError: machine.json is not what this version writes.
    """
    folder = root / FOLDER
    described = folder / "machine.json"
    if not described.exists():
        return None
    said = json.loads(described.read_text("utf-8"))
    if set(said) != set(Machine.__dataclass_fields__):
        msg = f"{described} is of another version of deepbench; measure anew: make latency"
        raise ValueError(msg)
    frames = [tables.read(t, folder / f"{t.name}.parquet") for t in (LATENCY, NETWORKS, EARLIER)]
    known: dict[str, Any] = {k: math.nan if v is None else v for k, v in said.items()}
    return Measurement(frames[0], frames[1], Machine(**known), frames[2])
