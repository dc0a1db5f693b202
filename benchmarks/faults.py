"""Kill the pipeline at random moments; the next run mends it: `python -m benchmarks.faults`.

A small checkout is made of this one: every kind of stage, one data set, one detector. A run that
nobody disturbs says what is right. Then copies of the checkout are killed, several times each, and
run once more as `make repro` does: every table, page and record must be the same byte for byte.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import yaml

ROOT = Path(__file__).parents[1]
REPRO = ("deepbench repro", "deepbench report")  # after `deepbench sample`, what make repro runs
PLAIN = ("dvc repro",)
# files whose change is a moment to kill at: DVC's records, a store, pages and tables as they appear
WATCHED = ("dvc.lock", "mlflow.db*", "reports/*/*", "artifacts/*/*", ".dvc/tmp/rwlock", "reports/*")
# named by time or machine, not by what was computed
OWN = ("artifacts/timings/", "reports/index.html")
DEEPEST = 1.5  # of the undisturbed time per kill, the longest that a run is left alone


class Kill(NamedTuple):
    """When and how a run is ended."""

    commands: tuple[str, ...]
    moment: float  # seconds after the start
    watched: str  # if not empty, then at the next change of such a file
    all_of_it: bool  # or only the process that was started

    def __str__(self) -> str:
        what = "all" if self.all_of_it else "parent only"
        at = f", then at {self.watched}" if self.watched else ""
        return f"{self.commands[0]} after {self.moment:.1f} s{at}, {what}"


def cut_down(settings: dict) -> None:
    """Settings with every kind of stage and little to do."""
    settings["datasets"], settings["detectors"] = ["faceforensics"], ["efficientnet_b4"]
    settings["roots"] = {"faceforensics": settings["roots"]["faceforensics"]}
    settings["manifest"]["methods"] = ["Deepfakes"]
    settings["faces"]["frames"] = 1
    settings["external"] = {"elsewhere": {"path": "elsewhere.csv"}}
    weights = {"efficientnet_b4": 1, "elsewhere": 1}
    settings["videos"]["ensembles"] = {"equal": {"rule": "weighted_mean", "weights": weights}}
    settings["results"]["replicates"] = 20
    settings["sensitivity"]["frames"] = [1]
    settings["gradcam"] |= {"videos_per_method": 1, "steps": 1}


def checkout(folder: Path) -> Path:
    """A small checkout of this work tree with data and weights, committed and not yet run."""
    clone = folder / "deepbench"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in listed.stdout.decode().splitlines():
        if (ROOT / name).exists() and Path(name).suffix != ".dvc" and name != "dvc.lock":
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    settings = yaml.safe_load((clone / "params.yaml").read_text("utf-8"))
    cut_down(settings)
    (clone / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
    run(clone, "git init -q")
    run(clone, "deepbench sample")
    for path in (clone / "data").iterdir():
        if path.name != "FaceForensics++" and path.is_dir():
            shutil.rmtree(path)
    videos = sorted((clone / "data/FaceForensics++").rglob("c23/videos/*.mp4"))
    paths = [p.relative_to(clone / "data/FaceForensics++").as_posix() for p in videos]
    lines = [f"{path},{place / len(paths)}" for place, path in enumerate(paths)]
    (clone / "elsewhere.csv").write_text("\n".join(["path,fake_prob", *lines]), "utf-8")
    run(clone, "dvc add -q data weights")
    run(clone, "git add -A")
    run(clone, "git -c user.name=test -c user.email=test@example.org commit -qm start")
    return clone


def environment(clone: Path) -> dict[str, str]:
    """The environment of a user of this checkout, apart from all others."""
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone),
        "DVC_SITE_CACHE_DIR": str(clone.parent / "dvc"),
        "DVC_NO_ANALYTICS": "1",
    }


def run(clone: Path, *commands: str) -> str:
    """Run commands to their end; their output.

    Raises:
        RuntimeError: one failed; the message is what it printed.
    """
    said = ""
    for command in commands:
        done = subprocess.run(
            command.split(),
            cwd=clone,
            env=environment(clone),
            capture_output=True,
            encoding="utf-8",
        )
        said += done.stdout + done.stderr
        if done.returncode:
            msg = f"{command} in {clone} failed\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            raise RuntimeError(msg)
    return said


def contents(clone: Path) -> dict[str, str]:
    """Digest of every table, page and record that a run makes, and what git says of them."""
    paths = [clone / "dvc.lock", *sorted((clone / "artifacts").rglob("*"))]
    paths += sorted((clone / "reports").rglob("*"))
    found = {}
    for path in paths:
        name = path.relative_to(clone).as_posix()
        if path.is_file() and not name.startswith(OWN):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found | {"git status": run(clone, "git status --porcelain")}


def faults(clone: Path, right: dict[str, str]) -> list[str]:
    """What is wrong after the last run, a sentence each."""
    found = contents(clone)
    wrong = [
        f"{name}: other bytes" for name in right if found.get(name, right[name]) != right[name]
    ]
    wrong += [f"{name}: missing" for name in right if name not in found]
    wrong += [f"{name}: left over" for name in found if name not in right]
    wrong += [f"{path}: not finished" for path in clone.rglob("*.part") if ".git" not in path.parts]
    if not (clone / "reports/index.html").read_text("utf-8").rstrip().endswith("</html>"):
        wrong.append("reports/index.html: cut short")
    if run(clone, "dvc status -q").strip():
        wrong.append("dvc status: not clean")
    return wrong + _store_faults(clone / "mlflow.db")


def _store_faults(database: Path) -> list[str]:
    """What is wrong with MLflow's store: damage, a state logged twice, or half of one."""
    alive = "lifecycle_stage = 'active'"
    tagged = "select run_uuid from tags where key = "
    parents = (
        f"select status from runs where {alive} and run_uuid not in ({tagged}'mlflow.parentRunId')"
    )
    with closing(sqlite3.connect(database)) as store:
        (sound,) = store.execute("pragma integrity_check").fetchone()
        found = store.execute(
            f"{parents} and run_uuid in ({tagged}'deepbench.complete')"
        ).fetchall()
        half = store.execute(
            f"select count(*) from runs where {alive} and status != 'FINISHED'"
        ).fetchone()[0]
        total = store.execute(f"select count(*) from ({parents})").fetchone()[0]
    wrong = [] if sound == "ok" else [f"mlflow.db: {sound}"]
    if len(found) != 1 or total != 1:
        wrong.append(f"mlflow.db: {len(found)} whole of {total} parent runs")
    return wrong + ([f"mlflow.db: {half} runs half logged"] if half else [])


def end(clone: Path, kill: Kill) -> str:
    """Start a run and kill it; says whether that was in time."""
    script = " && ".join(kill.commands)
    process = subprocess.Popen(
        ["bash", "-c", script],
        cwd=clone,
        env=environment(clone),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if not _comes(clone, kill, process):
        process.wait()
        return f"ended with {process.returncode} before"
    parent = psutil.Process(process.pid)
    several = [parent, *parent.children(recursive=True)]
    # a shell that waits for its command goes with it
    chosen = several if kill.all_of_it else several[: 1 + (parent.name() == "bash")]
    for one in chosen:
        with suppress(psutil.Error):
            one.send_signal(signal.SIGKILL)
    process.wait()
    return f"killed {len(chosen)} of {len(several)} processes"


def _comes(clone: Path, kill: Kill, process: subprocess.Popen[bytes]) -> bool:
    """Wait for the moment of a kill; whether it came before the run's end."""
    began, before = time.monotonic(), None
    while process.poll() is None:
        if time.monotonic() - began > kill.moment:
            if not kill.watched:
                return True
            now = set(_states(clone, kill.watched))
            if before is not None and now != before:
                return True
            before = now
            time.sleep(0.001)
        else:
            time.sleep(0.02)
    return False


def _states(clone: Path, pattern: str) -> Iterator[tuple[str, int, int]]:
    for path in clone.glob(pattern):
        try:
            now = path.stat()
        except FileNotFoundError:
            continue
        yield str(path), now.st_size, now.st_mtime_ns


def plan(times: int, seconds: float, chain: int, rng: random.Random) -> list[Kill]:
    """Kills spread over the run, its files, both ways to run it and both kinds of kill."""
    longest = DEEPEST * seconds / chain
    return [
        Kill(
            commands=REPRO if number % 2 == 0 else PLAIN,
            moment=rng.uniform(1, longest),
            watched=rng.choice(WATCHED) if rng.random() < 0.5 else "",
            all_of_it=rng.random() < 0.7,
        )
        for number in range(times)
    ]


class Measured(NamedTuple):
    """Runs that were killed, and chains of them that ended in a fault."""

    killed: int
    failed: int


def measure(folder: Path, times: int, chain: int, seed: int) -> Measured:
    """Kill, mend and compare."""
    start = checkout(folder / "start")
    began = time.monotonic()
    undisturbed = _copy(start, folder / "undisturbed")
    run(undisturbed, *REPRO)
    seconds = time.monotonic() - began
    right = contents(undisturbed)
    again = faults(undisturbed, right)
    print(f"undisturbed: {seconds:.0f} s, {len(right)} files, {again or 'sound'}", flush=True)
    kills, killed, failed = plan(times, seconds, chain, random.Random(seed)), 0, 0
    for number in range(0, times, chain):
        clone = _copy(start, folder / f"chain-{number}")
        for kill in kills[number : number + chain]:
            ended = end(clone, kill)
            killed += ended.startswith("killed")
            print(f"{kill}: {ended}", flush=True)
        try:
            began = time.monotonic()
            said = run(clone, "deepbench sample", *REPRO)
            wrong = faults(clone, right)
        except RuntimeError as error:
            said, wrong = "", [str(error)]
        mended = [line for line in said.splitlines() if ": removed" in line or "cut short" in line]
        print(
            f"  mended in {time.monotonic() - began:.0f} s: {mended}; {wrong or 'sound'}",
            flush=True,
        )
        if wrong:
            failed += 1
        else:
            shutil.rmtree(clone.parent)
    return Measured(killed, failed)


def _copy(start: Path, folder: Path) -> Path:
    shutil.copytree(start, folder / "deepbench", symlinks=True)
    return folder / "deepbench"


def main() -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=30, help="starts (default: 30)")
    parser.add_argument("--chain", type=int, default=3, help="starts before the run that mends")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", type=Path, help="keep the checkouts there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deepbench-faults-") as scratch:
        began, load = time.monotonic(), os.getloadavg()[0]
        found = measure(args.folder or Path(scratch), args.times, args.chain, args.seed)
        took = time.monotonic() - began
        print(
            f"{found.killed} of {args.times} runs killed, {found.failed} chains with faults, "
            f"{took:.0f} s; load {load:.1f} before"
        )
    return 1 if found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
