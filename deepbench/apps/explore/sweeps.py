"""Two runs side by side, by their figures and their settings: the explorer's third tab.

A run is one of MLflow, or a git revision, of which DVC's params.yaml and the committed figures
under reports/ are read.
"""

import json
import math
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import yaml

from deepbench.reporting import tracking

FIGURES = "reports/results/metrics.json"
MOST_RUNS = 500
LOST = "not there"


class Run(NamedTuple):
    """One state of settings and figures."""

    title: str
    settings: Mapping[str, str]  # dotted names
    figures: Mapping[str, float]  # dotted names, NaN where undefined


class Change(NamedTuple):
    """A setting that differs."""

    name: str
    before: str
    after: str


class Difference(NamedTuple):
    """A figure of both runs; NaN where one of them lacks it."""

    name: str
    before: float
    after: float

    @property
    def difference(self) -> float:
        """After minus before; 0 for two equal infinities."""
        return 0.0 if self.before == self.after else self.after - self.before


def logged(root: Path) -> dict[str, Run]:
    """Runs of MLflow by title, the newest first; none where nothing was logged."""
    if not (root / "mlflow.db").exists():  # reading must not make a store
        return {}
    found = {}
    with tracking.opened(root) as (client, _):
        places = [experiment.experiment_id for experiment in client.search_experiments()]
        newest = ["attributes.start_time DESC"]
        for run in client.search_runs(places, max_results=MOST_RUNS, order_by=newest):
            start = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
            name = f"{run.info.run_name}, {start:%d %b %H:%M}, {run.info.run_id[:6]}"
            title = f"MLflow: {name}"
            found[title] = Run(title, run.data.params, run.data.metrics)
    return found


def revisions(root: Path) -> dict[str, str]:
    """Commits that changed settings or figures, by title; none outside a git checkout."""
    asked = ["log", "--format=%h %s", "-n", "200", "--", "params.yaml", FIGURES]
    try:
        lines = _git(root, *asked).splitlines()
    except ValueError:
        return {}
    return {f"git: {line}": line.split()[0] for line in lines}


def working(root: Path) -> Run:
    """The checkout as it is now."""
    figures = root / FIGURES
    return Run(
        "the working tree",
        _settings((root / "params.yaml").read_text("utf-8")),
        _figures(figures.read_text("utf-8") if figures.exists() else "{}"),
    )


def committed(root: Path, revision: str) -> Run:
    """A git revision.

    Raises:
        ValueError: there is no such revision, or it has no params.yaml.
    """
    # a name that begins with a dash would be an option
    name = _git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    commit = name.strip()
    settings = _settings(_git(root, "show", f"{commit}:./params.yaml"))
    try:
        figures = _git(root, "show", f"{commit}:./{FIGURES}")
    except ValueError:
        figures = "{}"  # of before there were any
    return Run(f"git: {revision} ({commit[:7]})", settings, _figures(figures))


def changes(before: Run, after: Run) -> list[Change]:
    """Settings that differ, by name."""
    names = sorted(set(before.settings) | set(after.settings))
    every = [Change(n, before.settings.get(n, LOST), after.settings.get(n, LOST)) for n in names]
    return [one for one in every if one.before != one.after]


def differences(before: Run, after: Run, contains: str) -> list[Difference]:
    """Figures whose name contains all of some words, those that differ most first."""
    words = contains.lower().split()
    names = sorted(set(before.figures) | set(after.figures))
    every = [
        Difference(name, before.figures.get(name, math.nan), after.figures.get(name, math.nan))
        for name in names
        if all(word in name.lower() for word in words)
    ]
    return sorted(every, key=_place)


def _place(one: Difference) -> tuple[bool, float]:
    """First by size of the difference, last what only one of both has."""
    return math.isnan(one.difference), -abs(one.difference)


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, check=True, timeout=60,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", "") or "no such revision").strip()
        msg = f"git {words[0]} {words[-1]}: {said}"
        raise ValueError(msg) from None
    return done.stdout


def _settings(text: str) -> dict[str, str]:
    return {name: str(value) for name, value in _flat(yaml.safe_load(text) or {}).items()}


def _figures(text: str) -> dict[str, float]:
    """Figures as MLflow names them, the metric first; null is NaN."""
    found = {}
    for name, value in _flat(json.loads(text)).items():
        place, _, metric = name.rpartition(".")
        found[f"{metric}.{place}"] = math.nan if value is None else float(str(value))
    return found


def _flat(tree: Mapping[str, object], before: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[f"{before}{name}"] = value
    return flat
