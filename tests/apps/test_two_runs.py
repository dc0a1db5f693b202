"""Two runs in one checkout, runs that are killed, and what those leave running."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import nbformat
import psutil
import pytest
from test_parallel import ROOT, project

from deepbench.core import locks

pytestmark = pytest.mark.slow

WORK = "sleep 1\necho {0} > artifacts/manifest/{0}.parquet\n"
SETTINGS = {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}
MAIN = "import sys; from deepbench.apps.cli import main; sys.exit(main(['repro']))"
REPRO = [sys.executable, "-c", MAIN]
DVC = [sys.executable, "-m", "dvc", "repro"]


def start(root, command):
    return subprocess.Popen(
        command,
        cwd=root,
        env=os.environ | SETTINGS | {"DVC_SITE_CACHE_DIR": str(root / "site")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ends_well(process):
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, out + err
    return out + err


def results(root):
    found = {p.name: p.read_bytes() for p in (root / "artifacts").rglob("*.parquet")}
    return found | {"dvc.lock": (root / "dvc.lock").read_bytes()}


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """What an undisturbed run makes."""
    root = tmp_path_factory.mktemp("undisturbed")
    project(root, {name: WORK.format(name) for name in "ab"})
    ends_well(start(root, REPRO))
    return results(root)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "checkout"
    folder.mkdir()
    project(folder, {name: WORK.format(name) for name in "ab"})
    return folder


def until(condition):
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_two_repros_at_once_end_well_with_the_same_bytes(root, right):
    first = start(root, REPRO)
    until((root / "runs/manifest@a.log").exists)
    second = start(root, REPRO)
    ends_well(first)
    said = ends_well(second)
    assert f"deepbench repro waits for deepbench repro, process {first.pid}" in said
    assert results(root) == right


def test_repro_beside_plain_dvc_ends_well_with_the_same_bytes(root, right):
    (root / "a.sh").write_text("touch begun\nsleep 6\n" + WORK.format("a"))
    plain = start(root, [*DVC, "-s", "manifest@a"])
    until((root / "begun").exists)
    ends_well(start(root, REPRO))
    ends_well(plain)
    # the stage's command is the same, only its script took longer
    assert results(root) == right


def test_killed_runs_are_mended_with_the_same_bytes(root, right, rng):
    for all_of_it in (True, False, True):
        process = start(root, REPRO)
        time.sleep(rng.uniform(1.5, 7))
        if process.poll() is None:
            several = [psutil.Process(process.pid)]
            several += several[0].children(recursive=True) if all_of_it else []
            for one in several:
                with suppress(psutil.NoSuchProcess):
                    one.send_signal(signal.SIGKILL)
        process.communicate()
    ends_well(start(root, REPRO))
    assert results(root) == right
    assert ends_well(start(root, [sys.executable, "-m", "dvc", "status", "-q"])) == ""


def test_a_read_only_folder_is_named_before_any_work(root, small_disk, right):
    disk = small_disk(5)
    (root / "artifacts/manifest").rmdir()
    (root / "artifacts").rmdir()
    (root / "artifacts").symlink_to(disk)
    (disk / "manifest").mkdir()
    if not small_disk.freeze(True):
        pytest.skip("this process may not mount")
    process = start(root, REPRO)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "artifacts lies on a read-only file system; mount it writable, then run it" in said
    assert small_disk.freeze(False)
    (root / "artifacts").unlink()
    (root / "artifacts/manifest").mkdir(parents=True)
    ends_well(start(root, REPRO))
    assert results(root) == right


def notebook(root, code):
    cell = nbformat.v4.new_code_cell(code)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(made, root / "n.ipynb")
    return [sys.executable, "-m", "deepbench.apps.notebook", "n.ipynb", "page.html"]


def test_a_stage_ends_with_the_dvc_that_was_killed(tmp_path, capfd):
    command = notebook(
        tmp_path,
        "import os, pathlib, time\n"
        "pathlib.Path('begun').write_text(str(os.getpid()))\n"
        "time.sleep(120)",
    )
    parent = f"import subprocess; subprocess.run({command!r})"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": ".", "DVC_STAGE": "s"}
    dvc = subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path, env=environment)
    until((tmp_path / "begun").exists)
    until((tmp_path / "begun").read_text)
    kernel = psutil.Process(int((tmp_path / "begun").read_text()))
    dvc.kill()
    dvc.wait()
    began = time.monotonic()
    with locks.alone(tmp_path / "runs/s.lock", "the next run"):
        # neither the stage's process nor its kernel is left
        assert not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE
    assert time.monotonic() - began < 60
    assert not (tmp_path / "page.html").exists()
    capfd.readouterr()


def test_a_full_temporary_folder_does_not_stop_a_stage(tmp_path, small_disk):
    full = small_disk(1)
    if not small_disk.mounted:
        pytest.skip("this process may not mount")
    with pytest.raises(OSError, match="No space left"):
        (full / "all").write_bytes(bytes(2_000_000))
    command = notebook(tmp_path, "import tempfile\ntempfile.TemporaryFile().write(bytes(100_000))")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(full)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").exists()


def test_a_page_on_a_full_disk_says_so_and_the_next_run_writes_it(tmp_path, small_disk):
    disk = small_disk(1)
    command = notebook(tmp_path, "print(1)")
    command[-1] = str(disk / "page.html")
    (disk / "fill").write_bytes(bytes(900_000))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    if not small_disk.mounted:
        pytest.skip("this process may not mount")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"deepbench: disk full while writing {disk / 'page.html'}: " in done.stderr
    assert sorted(p.name for p in disk.iterdir()) == ["fill"]
    (disk / "fill").unlink()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_disk_that_fills_up_in_a_run_is_told_and_the_next_run_ends_well(small_disk, right):
    root = small_disk(6)
    if not small_disk.mounted:
        pytest.skip("this process may not mount")
    fill = "head -c 20000000 /dev/zero > filler\n"
    project(root, {name: fill + WORK.format(name) for name in "ab"})
    process = start(root, REPRO)
    said = process.communicate(timeout=500)[1]
    assert process.returncode == 1
    assert re.search(rf"disk full: [\d.]+ MB are left in {root}; free some space, then", said), said
    small_disk.grow(60)
    ends_well(start(root, REPRO))
    assert results(root) == right
