"""`deepbench repro`: `dvc repro` with several independent stages side by side.

DVC runs one stage at a time. Stages of one wave do not need one another, so that they can run in
processes of their own; each locks what it reads and writes. Results are the same bytes either way,
but the seconds of a stage are then not comparable with those of a stage that ran alone. What a
stage says while it runs stands in `runs/<stage>.log`: `tail -f runs/*.log` shows its progress.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from deepbench.core import params, processes

# In the order of the pipeline; the report follows alone.
WAVES = (
    ("manifest",),
    ("faces",),
    ("scores", "frequency"),
    ("spectra", "external"),
    ("gradcam", "videos"),
    ("results", "comparisons", "ensembles", "calibration", "sensitivity"),
)
JOBS = processes.JOBS  # tells the runner that others ran beside it
RUNS = Path("runs")
TAIL = 3000  # characters of a failed stage's log
GRACE = 5.0  # seconds that a terminated stage has to end its kernel


def repro(root: Path, jobs: int) -> list[Path]:
    """Bring the pipeline up to date, with at most `jobs` stages at a time.

    Returns:
        What `prune` removed first.

    Raises:
        ValueError: a data set or a checkpoint is missing; the message is what to do.
        RuntimeError: a stage failed; the message is the end of what it printed.
    """
    settings = params.load(root / "params.yaml")
    check(root, settings)
    removed = prune(root, settings)
    if _dvc(root, ["status", "--quiet"]).returncode and jobs > 1:
        listed = _dvc(root, ["stage", "list", "--name-only"])
        if listed.returncode:
            raise RuntimeError(listed.stderr)
        names = listed.stdout.split()
        waves = [[n for kind in wave for n in names if _kind(n) == kind] for wave in WAVES]
        with tqdm(total=sum(map(len, waves)), unit="stage", leave=False) as bar:
            for wave in waves:
                _side_by_side(root, wave, jobs, bar)
    # what remains, with its output for all to see
    done = subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=root, check=False)
    if done.returncode:
        msg = f"dvc repro failed with exit code {done.returncode}; its messages are above"
        raise RuntimeError(msg)
    return removed


def check(root: Path, settings: params.Params) -> None:
    """See that data and checkpoints are there; DVC would name a missing path and no cure.

    Raises:
        ValueError: a sentence with the cure for each thing that is missing.
    """
    faults = []
    for name, place in settings.roots.items():
        if not (root / place.path).exists():
            faults.append(
                f"data set {name}: nothing at {place.path}; put it there, run `deepbench sample` "
                f"in a checkout with an empty data/, or take {name} out of datasets and roots in "
                "params.yaml"
            )
        elif not (root / place.watch).exists():
            faults.append(
                f"data set {name}: no list of its files at {place.watch}; make it: "
                f"deepbench inventory {place.path} {place.watch}"
            )
    for name in settings.detectors:
        folder = Path("weights") / name
        if not any(path.is_file() for path in (root / folder).glob("*")):
            faults.append(
                f"detector {name}: no file in {folder}; put its checkpoint there, run `deepbench "
                f"sample` in a checkout with an empty weights/, or take {name} out of detectors "
                "and of videos.ensembles in params.yaml"
            )
    faults += [
        f"scores {name}: nothing at {place.path}; put the file there, or take {name} out of "
        "external in params.yaml"
        for name, place in settings.external.items()
        if not (root / place.path).exists()
    ]
    if faults:
        raise ValueError("\n".join(faults))


def prune(root: Path, settings: params.Params) -> list[Path]:
    """Remove tables of data sets and scorers that params.yaml no longer names.

    Later stages depend on the whole folders, so that a table left behind would change what DVC
    records of them. Returns what was removed.
    """
    artifacts = root / "artifacts"
    tables = sorted((artifacts / "manifest").glob("*.parquet"))
    stale = [path for path in tables if path.stem not in settings.datasets]
    for kind in ("faces", "scores", "frequency"):
        folders = [path for path in sorted((artifacts / kind).glob("*")) if path.is_dir()]
        known = [*settings.datasets, *(["external", "frequency"] if kind == "scores" else [])]
        stale += [folder for folder in folders if folder.name not in known]
    named = dict.fromkeys(settings.datasets, settings.detectors)
    named |= {"external": list(settings.external), "frequency": settings.datasets}
    for folder, scorers in named.items():
        stale += [
            path
            for path in sorted((artifacts / "scores" / folder).glob("*"))
            if _stale(path, scorers, single=folder == "external")
        ]
    for path in stale:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return stale


def _stale(path: Path, scorers: list[str], single: bool) -> bool:
    """Whether scores are of a scorer that takes no part, or in the wrong form.

    Scores from elsewhere are a single file, all others a folder of shards.
    """
    if path.is_dir() or path.suffix == ".json":
        return path.stem not in scorers
    return path.suffix == ".parquet" and not (single and path.stem in scorers)


def _side_by_side(root: Path, names: list[str], jobs: int, bar: "tqdm[Any]") -> None:
    """Run stages that do not need one another; the first that fails ends them all."""
    waiting, running = list(names), dict[str, subprocess.Popen[bytes]]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                running[name] = _start(root, name, jobs)
                bar.set_description(", ".join(running))
            time.sleep(0.1)
            for name in [name for name, process in running.items() if process.poll() is not None]:
                code = running.pop(name).returncode
                if code:
                    log = root / _log(name)
                    end = log.read_text("utf-8", errors="replace")[-TAIL:]
                    msg = f"stage {name} failed with exit code {code}; the end of {log}:\n{end}"
                    raise RuntimeError(msg)
                bar.set_description(", ".join(running))
                bar.update()
    finally:
        # after a failure or Ctrl-C, which does not reach them by itself
        _stop(list(running.values()))


def _start(root: Path, name: str, jobs: int) -> subprocess.Popen[bytes]:
    """Start a stage in a process group of its own, which can be ended with all it started."""
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    extra = {JOBS: str(jobs), "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    (root / RUNS).mkdir(exist_ok=True)
    with (root / _log(name)).open("wb") as log:
        return subprocess.Popen(
            # the flag stands before the subcommand: DVC knows it nowhere else
            [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-s", name],
            cwd=root,
            env=os.environ | extra,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Terminate process groups; kill what is left of them after the grace."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    end = time.monotonic() + GRACE
    while time.monotonic() < end and any(map(_lives, processes)):
        time.sleep(0.1)
    for process in processes:
        _signal(process, signal.SIGKILL)
        # DVC takes a process that nobody waited for to hold its locks
        process.wait()


def _lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    return _signal(process, 0)


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to a process group; whether there still is one."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _log(stage: str) -> Path:
    return RUNS / f"{stage}.log"


def _kind(stage: str) -> str:
    return stage.partition("@")[0]


def _dvc(root: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        cwd=root,
        capture_output=True,
        # whatever the terminal's encoding: paths may have any letters
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        encoding="utf-8",
        check=False,
    )
