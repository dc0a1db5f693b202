"""MLflow: one parent run per state of the pipeline, one child per data set and scorer.

The store is `mlflow.db` with files in `mlartifacts/`, both at the root of the checkout. A
comparison of any two states is one `mlflow.search_runs` away:

    mlflow.search_runs(experiment_names=["deepbench"], filter_string="tags.dataset = 'dfdc'")

Parents and children carry their state in the tag `deepbench.state`.
"""

import json
import logging
import os
import sqlite3
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
from matplotlib.figure import Figure
from tqdm import tqdm

from deepbench.core import files, locks
from deepbench.reporting import provenance

if TYPE_CHECKING:
    # takes seconds to import, and only logging needs it
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "deepbench"
STATE, COMPLETE, PARENT = "deepbench.state", "deepbench.complete", "mlflow.parentRunId"
KIND = "deepbench.kind"  # of runs that belong to no state, as measurements of latency


@dataclass(frozen=True)
class Record:
    """What one run holds."""

    name: str
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(
        default_factory=dict
    )  # finite: MLflow makes 1.8e308 of infinity
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)  # by file name, .json
    figures: dict[str, Figure] = field(default_factory=dict)  # by file name, .svg or .png
    files: tuple[Path, ...] = ()


class Timing(NamedTuple):
    """How long a stage took, and how many stages ran at a time."""

    seconds: float
    jobs: int

    @property
    def metric(self) -> str:
        """Its name in MLflow: seconds beside other stages do not compare with seconds alone."""
        return "seconds" if self.jobs == 1 else "seconds_shared"


class Logged(NamedTuple):
    """What is read back of a run."""

    run_id: str
    tags: dict[str, str]
    metrics: dict[str, float]


class TrackedRun(NamedTuple):
    """The parent run of a state, and whether it is new."""

    run_id: str
    created: bool


def log_state(root: Path, state: str, parent: Record, children: Iterable[Record]) -> TrackedRun:
    """Log a state once; a second call finds the first's run, a killed attempt is removed.

    The children are made one by one as they are logged, and not at all for a state that is there.
    """
    # two at once would both find nothing
    with _quiet(), locks.alone(root / "runs/mlflow.lock", "logging to MLflow"):
        client, experiment = _open(root.resolve())
        known = ""
        for found in _parents(client, experiment):
            if COMPLETE not in found.data.tags:
                _delete(client, experiment, found.info.run_id)
            elif found.data.tags[STATE] == state:
                known = found.info.run_id
        if known:
            return TrackedRun(known, False)
        run_id = _log(client, experiment, parent, {STATE: state})
        for child in tqdm(children, desc="MLflow", unit="run"):
            nested = _log(client, experiment, child, {PARENT: run_id, STATE: state})
            client.set_terminated(nested)
        client.set_terminated(run_id)
        # last, so that what has it lacks nothing
        client.set_tag(run_id, COMPLETE, "true")
        return TrackedRun(run_id, True)


def log_alone(root: Path, kind: str, record: Record) -> str:
    """Log a run that belongs to no state of the pipeline; returns its id."""
    with _quiet():
        client, experiment = _open(root.resolve())
        run_id = _log(client, experiment, record, {KIND: kind})
        client.set_terminated(run_id)
        return run_id


def alone(root: Path, kind: str) -> list[Logged]:
    """The finished runs of a kind, the newest first, at most 1,000."""
    with _quiet():
        client, experiment = _open(root.resolve())
        wanted = f"tags.`{KIND}` = '{kind}' and attributes.status = 'FINISHED'"
        found = client.search_runs(
            [experiment], wanted, order_by=["attributes.start_time DESC"], max_results=1000
        )
        return [Logged(run.info.run_id, run.data.tags, run.data.metrics) for run in found]


@contextmanager
def opened(root: Path) -> Iterator[tuple["MlflowClient", str]]:
    """The store's client and its experiment, for runs that are written bit by bit."""
    with _quiet():
        yield _open(root.resolve())


def store(root: Path) -> str:
    """Tracking URI of a checkout, for `mlflow.set_tracking_uri` and `mlflow ui`."""
    return f"sqlite:///{root.resolve() / 'mlflow.db'}"


def _open(root: Path) -> tuple["MlflowClient", str]:
    from mlflow import MlflowClient

    place = (root / "mlartifacts").as_uri()
    # where its own first experiment lies goes into SQL as Python quotes it; an address, unlike a
    # path, has no letter that would end the text
    os.environ.setdefault("_MLFLOW_SERVER_ARTIFACT_ROOT", place)
    if not (root / "mlflow.db").exists():
        _create(root)
    client = MlflowClient(store(root))
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return client, client.create_experiment(EXPERIMENT, artifact_location=place)
    if experiment.artifact_location != place:
        _move(root / "mlflow.db", experiment.artifact_location, place)
    return client, experiment.experiment_id


def _create(root: Path) -> None:
    """Make an empty store; a kill amid MLflow's migrations would leave one that it refuses."""
    from mlflow import MlflowClient

    with locks.alone(root / "runs/mlflow-new.lock", "a new MLflow store"):
        if (root / "mlflow.db").exists():
            return
        for left in root.glob(f"mlflow.db.*{files.PART}*"):
            left.unlink()
        with files.unfinished(root / "mlflow.db") as part:
            client = MlflowClient(f"sqlite:///{part}")
            client.create_experiment(EXPERIMENT, artifact_location=(root / "mlartifacts").as_uri())


def _move(database: Path, old: str, new: str) -> None:
    """Point the store at the artifacts of a checkout that was moved or copied.

    MLflow stores absolute artifact locations and has no call to change them.
    """
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE substr({column}, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            )


def _parents(client: "MlflowClient", experiment: str) -> list["Run"]:
    """The parent runs of all states."""
    found: list[Run] = []
    token: str | None = None
    # MLflow cannot search for the absence of a tag, and its clock may have jumped between runs
    while token != "":
        runs = client.search_runs([experiment], f"tags.`{STATE}` LIKE '%'", page_token=token)
        found += [run for run in runs if PARENT not in run.data.tags]
        token = runs.token or ""
    return found


def _delete(client: "MlflowClient", experiment: str, run_id: str) -> None:
    """Delete a run with its children; MLflow would leave the children behind."""
    for child in client.search_runs([experiment], f"tags.`{PARENT}` = '{run_id}'"):
        client.delete_run(child.info.run_id)
    client.delete_run(run_id)


def _log(client: "MlflowClient", experiment: str, record: Record, tags: dict[str, str]) -> str:
    from mlflow.entities import Metric, Param

    run = client.create_run(experiment, tags=record.tags | tags, run_name=record.name)
    run_id, now = run.info.run_id, run.info.start_time
    metrics = [Metric(name, value, now, 0) for name, value in record.metrics.items()]
    # MLflow takes at most 1,000 metrics or 100 parameters in one call
    for start in range(0, len(metrics), 1000):
        client.log_batch(run_id, metrics=metrics[start : start + 1000])
    params = [Param(name, value) for name, value in record.params.items()]
    for start in range(0, len(params), 100):
        client.log_batch(run_id, params=params[start : start + 100])
    for name, table in record.tables.items():
        client.log_table(run_id, table, name)
    for name, figure in record.figures.items():
        client.log_figure(run_id, figure, name)
    for path in record.files:
        client.log_artifact(run_id, path)
    return str(run_id)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's migrations of a new store and its use of deprecated calls out of sight."""
    # it would tell its makers about each run
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # the import sets log levels, so it must come before they are changed
    import_module("mlflow")
    loggers = [logging.getLogger(name) for name in ("alembic", "mlflow")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def timings(root: Path) -> dict[str, Timing]:
    """What the notebook runner has timed of the stages in dvc.lock, by stage name."""
    known = provenance.recorded(root)
    found = {}
    for path in sorted((root / "artifacts" / "timings").glob("*.json")):
        timed = json.loads(path.read_text("utf-8"))
        # a stage that was renamed or dropped leaves its file behind
        if timed["stage"] in known:
            found[timed["stage"]] = Timing(float(timed["seconds"]), int(timed.get("jobs", 1)))
    return found
