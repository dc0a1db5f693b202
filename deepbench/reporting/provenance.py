"""Where figures come from: the pipeline's state, and the checkout and machine at hand."""

import hashlib
import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from deepbench.core import blocks, params
from deepbench.core import recorded as recorded_in_git
from deepbench.reporting import analyses

# The stages that figures rest on. The report itself would make the digest depend on itself, and
# latency, which differs on every run, would make every state a new one.
ROAD = (
    *("manifest", "faces", "scores", "frequency", "spectra", "external", "videos", "results"),
    *("comparisons", "ensembles", "calibration", "sensitivity", "gradcam"),
)
TABLES = ("artifacts/videos.parquet", "artifacts/results.parquet", *analyses.FILES)
LIBRARIES = ("torch", "timm", "numpy", "opencv-python-headless")


class State(NamedTuple):
    """The pipeline's state: equal digests mean equal data, weights, settings and tables."""

    digest: str  # sha256
    source: str  # a plain sentence: what was digested
    data: dict[str, str]  # content digest of each data set, "" where not recorded


class Commit(NamedTuple):
    """The git commit of a checkout, or a sentence why there is none."""

    name: str
    dirty: bool


def state(root: Path, settings: params.Params) -> State:
    """Digest of the stages on the road in dvc.lock; of the tables where it has none."""
    asked = _asked(settings)
    # DVC keeps the entries of data sets and detectors that are no longer in params.yaml
    stages = {name: stage for name, stage in recorded(root).items() if name in asked}
    data = {name: _digest_of(stages, name, settings.roots[name]) for name in settings.datasets}
    if stages:
        content = {name: _content(stage) for name, stage in stages.items()}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        sentence = "sha256 of the data, weights, settings and tables that dvc.lock records"
        return State(digest, sentence, data)
    digest_of_files = hashlib.sha256()
    for name in TABLES:
        digest_of_files.update((root / name).read_bytes())
    sentence = (
        "sha256 of the tables behind the figures: dvc.lock does not record them, so they were "
        "made outside `dvc repro`"
    )
    return State(digest_of_files.hexdigest(), sentence, data)


def recorded(root: Path) -> dict[str, Any]:
    """What dvc.lock says of each stage, by stage name; nothing where there is no such file."""
    lock = root / "dvc.lock"
    if not lock.exists():
        return {}
    return (yaml.safe_load(lock.read_text("utf-8")) or {}).get("stages") or {}


def _asked(settings: params.Params) -> set[str]:
    """Names of the stages on the road that the settings ask for."""
    items = {
        "manifest": settings.datasets,
        "faces": settings.datasets,
        "scores": [f"{d}-{name}" for d in settings.datasets for name in settings.detectors],
        "frequency": settings.datasets,
        "external": list(settings.external),
        "gradcam": settings.detectors,
    }
    return {
        name
        for kind in ROAD
        for name in ([f"{kind}@{item}" for item in items[kind]] if kind in items else [kind])
    }


def _content(stage: dict[str, Any]) -> dict[str, Any]:
    """What a stage read and made, without its code: a comment changed in it is not a new state."""
    code = ("deepbench/", "notebooks/", "reports/")
    files = [*stage.get("deps", []), *stage.get("outs", [])]
    return {
        "params": stage.get("params", {}),
        "files": {f["path"]: f.get("md5", "") for f in files if not f["path"].startswith(code)},
    }


def _digest_of(stages: dict[str, Any], dataset: str, place: blocks.Root) -> str:
    """DVC's md5 of what it watches for a data set."""
    dependencies = stages.get(f"manifest@{dataset}", {}).get("deps", [])
    return next((str(d.get("md5", "")) for d in dependencies if d["path"] == place.watch), "")


def commit(root: Path) -> Commit:
    """The checked-out commit and whether tracked files differ from it."""
    head = recorded_in_git.git(root, "rev-parse", "HEAD")
    if head is None:
        return Commit("none: not a git checkout, or nothing committed yet", True)
    changed = recorded_in_git.git(root, "status", "--porcelain", "--untracked-files=no")
    return Commit(head.strip(), bool(changed))


def committed_text(root: Path, path: str) -> str | None:
    """A file as it is in the checked-out commit; None if it is not there."""
    return recorded_in_git.git(root, "show", f"HEAD:./{path}")


def against_git(root: Path) -> dict[str, str]:
    """Digests of data/ and weights/ at hand, and how they compare with what git records."""
    told = {}
    for one in (recorded_in_git.compare(root, name) for name in recorded_in_git.TRACKED):
        told[f"{one.name}.md5"] = one.now or "not known"
        told[f"{one.name}.recorded"] = "; ".join(
            (one.sentence, *recorded_in_git.spelt(one.changes))
        )
    return told


def checkout(root: Path) -> dict[str, str]:
    """Commit, machine and library versions, for the eye."""
    here = commit(root)
    compared = "changed since that commit" if here.dirty else "as in that commit"
    if " " in here.name:
        compared = "not compared"
    facts = {
        "Git commit": here.name,
        "Tracked files": compared,
        "Processor": f"{_processor()}, {os.cpu_count()} logical cores",
        "System": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": sys.version.split()[0],
    }
    return facts | {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Model name of the CPU; platform.processor() is empty on many Linux systems."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown model"
