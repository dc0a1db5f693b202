"""`deepbench repro`: `dvc repro` with several independent stages side by side.

DVC runs one stage at a time. Stages of one kind do not need one another, so that they can run in
processes of their own; each locks what it reads and writes. Results are the same bytes either way,
but the seconds of a stage are then not comparable with those of a stage that ran alone.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tqdm import tqdm

# Kinds in the order of the pipeline; what follows them are single stages.
KINDS = ("manifest", "faces", "scores")
JOBS = "DEEPBENCH_JOBS"  # tells the runner that others ran beside it


def repro(root: Path, jobs: int) -> None:
    """Bring the pipeline up to date, with at most `jobs` stages at a time.

    Raises:
        RuntimeError: a stage failed; the message is what it printed.
    """
    if _dvc(root, ["status", "--quiet"], {}).returncode and jobs > 1:
        listed = _dvc(root, ["stage", "list", "--name-only"], {})
        if listed.returncode:
            raise RuntimeError(listed.stderr)
        names = listed.stdout.split()
        threads = max(1, (os.cpu_count() or 1) // jobs)
        alone = {JOBS: str(jobs), "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        with tqdm(total=sum(_kind(n) in KINDS for n in names), unit="stage", leave=False) as bar:
            for kind in KINDS:
                _side_by_side(root, [n for n in names if _kind(n) == kind], alone, bar)
    # what remains, with its output for all to see
    done = subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=root, check=False)
    if done.returncode:
        msg = f"dvc repro failed with exit code {done.returncode}; its messages are above"
        raise RuntimeError(msg)


def _side_by_side(root: Path, names: list[str], alone: dict[str, str], bar: "tqdm[Any]") -> None:
    with ThreadPoolExecutor(int(alone[JOBS])) as pool:
        # the flag stands before the subcommand: DVC knows it nowhere else
        started = {
            pool.submit(_dvc, root, ["--wait-for-lock", "repro", "-s", name], alone): name
            for name in names
        }
        for done in as_completed(started):
            name, result = started[done], done.result()
            if result.returncode:
                pool.shutdown(cancel_futures=True)
                msg = f"stage {name} failed:\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
                raise RuntimeError(msg)
            bar.set_description(name)
            bar.update()


def _kind(stage: str) -> str:
    return stage.partition("@")[0]


def _dvc(root: Path, words: list[str], extra: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        cwd=root,
        env=os.environ | extra,
        capture_output=True,
        text=True,
        check=False,
    )
