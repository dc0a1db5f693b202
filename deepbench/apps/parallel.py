"""`deepbench repro`: `dvc repro` with several independent stages side by side.

DVC runs one stage at a time. Stages of one wave do not need one another, so that they can run in
processes of their own; each locks what it reads and writes. Results are the same bytes either way,
but the seconds of a stage are then not comparable with those of a stage that ran alone. What a
stage says while it runs stands in `runs/<stage>.log`: `tail -f runs/*.log` shows its progress.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from deepbench.apps import recovery
from deepbench.apps.cli import LOCK
from deepbench.apps.pruning import prune
from deepbench.core import files, locks, params, processes

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
# what DVC says of a path, or of its records, that another process reads or writes
BUSY = ("is being blocked by", "Unable to acquire lock")


def repro(root: Path, jobs: int) -> list[str]:
    """Bring the pipeline up to date, with at most `jobs` stages at a time.

    Waits for another run in this checkout, and for what a killed one left running.

    Returns:
        A sentence for each thing that was put right or removed first.

    Raises:
        ValueError: a data set or a checkpoint is missing; the message is what to do.
        OSError: a folder cannot be written to; the message is what to do.
        RuntimeError: a stage failed; the message is the end of what it printed.
    """
    settings = params.load(root / "params.yaml")
    check(root, settings)
    files.check_writable(*(root / name for name in (".", "artifacts", "reports", RUNS, ".dvc")))
    with locks.alone(root / LOCK, "deepbench repro") as lock:
        said = recovery.mend(root)
        said += [
            f"{path}: removed, params.yaml no longer names it" for path in prune(root, settings)
        ]
        listed = _dvc(root, ["stage", "list", "--name-only"])
        if listed.returncode:
            raise RuntimeError(listed.stderr)
        names = listed.stdout.split()
        if _dvc(root, ["status", "--quiet"]).returncode and jobs > 1:
            waves = [[n for kind in wave for n in names if _kind(n) == kind] for wave in WAVES]
            with tqdm(total=sum(map(len, waves)), unit="stage", leave=False) as bar:
                for wave in waves:
                    _side_by_side(Run(root, jobs, lock), wave, bar)
        # what remains, with its output for all to see
        _the_rest(root, lock)
        recovery.in_order(root, names)
    return said


class Run(NamedTuple):
    """What every stage of a run is started with."""

    root: Path
    jobs: int
    lock: int  # descriptor of the lock that a stage holds too


def _the_rest(root: Path, lock: int) -> None:
    """Run `dvc repro`, once more where another DVC was in its way."""
    met = True
    while met:
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro"]
        process, met = subprocess.Popen(command, cwd=root, pass_fds=(lock,)), False
        while process.poll() is None:
            met |= bool(recovery.others(root, {process.pid}))
            time.sleep(0.3)
        if not process.returncode:
            return
        if met:
            recovery.await_others(root, set())
    msg = f"dvc repro failed with exit code {process.returncode}; its messages are above"
    raise RuntimeError(msg + recovery.space(root))


def check(root: Path, settings: params.Params) -> None:
    """See that data and checkpoints are there; DVC would name a missing path and no cure.

    Raises:
        ValueError: a sentence with the cure for each thing that is missing.
    """
    faults = [
        f"{name}/ is only half filled with the sample; let `deepbench sample` finish it"
        for name in ("data", "weights")
        if files.is_filling(root / name)
    ]
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


def _side_by_side(run: Run, names: list[str], bar: "tqdm[Any]") -> None:
    """Run stages that do not need one another; the first that fails ends them all."""
    root = run.root
    waiting, running = list(names), dict[str, subprocess.Popen[bytes]]()
    excused: set[str] = set()
    try:
        while waiting or running:
            while waiting and len(running) < run.jobs:
                name = waiting.pop(0)
                running[name] = _start(run, name)
                bar.set_description(", ".join(running))
            time.sleep(0.1)
            for name in [name for name, process in running.items() if process.poll() is not None]:
                code = running.pop(name).returncode
                if code:
                    log = root / _log(name)
                    end = log.read_text("utf-8", errors="replace")[-TAIL:]
                    if any(said in end for said in BUSY) and name not in excused:
                        own = {process.pid for process in running.values()}
                        if not recovery.await_others(root, own):
                            excused.add(name)  # the other may just have ended, but only once
                        waiting.append(name)
                        continue
                    msg = f"stage {name} failed with exit code {code}; the end of {log}:\n{end}"
                    raise RuntimeError(msg + recovery.space(root))
                bar.set_description(", ".join(running))
                bar.update()
    finally:
        # after a failure or Ctrl-C, which does not reach them by itself
        _stop(list(running.values()))


def _start(run: Run, name: str) -> subprocess.Popen[bytes]:
    """Start a stage in a process group of its own, which can be ended with all it started."""
    root = run.root
    threads = str(max(1, (os.cpu_count() or 1) // run.jobs))
    extra = {JOBS: str(run.jobs), "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
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
            pass_fds=(run.lock,),
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
        text=True,
        check=False,
    )
