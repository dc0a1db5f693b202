"""One process at a time; the lock goes when its last holder does, however that ends."""

import subprocess
import sys
import time

import pytest

from deepbench.core import locks

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from deepbench.core import locks
with locks.alone(Path("runs/lock"), "the first") as lock:
    child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], pass_fds=(lock,))
    print("held", child.pid, flush=True)
    time.sleep(60)
"""


def held(folder, child):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, child], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().startswith("held")
    return process


def test_the_second_waits_says_for_whom_and_also_for_what_a_killed_one_left(tmp_path, capfd):
    first = held(tmp_path, "import time; time.sleep(1.5)")
    first.kill()
    first.wait()
    began = time.monotonic()
    with locks.alone(tmp_path / "runs/lock", "the second"):
        waited = time.monotonic() - began
    assert 0.2 < waited < 20
    said = capfd.readouterr().err
    assert f"the second waits for the first, process {first.pid}, or for what it left" in said
    first.stdout.close()


def test_a_killed_holder_holds_nothing(tmp_path, capfd):
    first = held(tmp_path, "")
    first.kill()
    first.communicate()
    time.sleep(0.3)
    with locks.alone(tmp_path / "runs/lock", "the second"):
        pass
    with (
        pytest.raises(RuntimeError, match="failed"),
        locks.alone(tmp_path / "runs/lock", "the third"),
    ):
        raise RuntimeError("failed")
    with locks.alone(tmp_path / "runs/lock", "the fourth"):
        assert (tmp_path / "runs/lock").read_text().startswith("the fourth, process ")
    assert capfd.readouterr().err == ""
