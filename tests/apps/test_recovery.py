"""What kills leave of DVC's records is put right, down to the last byte."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deepbench.apps import recovery

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path):
    """The recorded results of this checkout, in a repository of their own."""
    for name in ("dvc.yaml", "dvc.lock", "data.dvc"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    return tmp_path


def stages(text):
    return re.findall(r"^  (\S+):$", text, re.MULTILINE)


def test_what_is_whole_stays_as_it_is(root):
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert recovery.mend(root) == []
    after = {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != "lock"}
    assert after == before


def test_a_lock_file_cut_anywhere_keeps_its_whole_stages(root, rng):
    whole = (root / "dvc.lock").read_bytes()
    text = whole.decode()
    ends = [text.index(f"\n  {name}:\n") + 1 for name in stages(text)] + [len(whole)]
    # at blocks of the buffer, at line ends of the last stage and anywhere
    lines = [m.end() for m in re.finditer("\n", text) if m.end() > ends[-2]]
    blocks = range(8192, len(whole), 4 * 8192)
    cuts = [*blocks, *lines[-12:], ends[5], *rng.integers(ends[1], len(whole), 5).tolist()]
    for cut in cuts:
        (root / "dvc.lock").write_bytes(whole[:cut])
        said = recovery.mend(root)
        kept = max(end for end in ends if end <= cut)
        assert (root / "dvc.lock").read_bytes() == whole[:kept], cut
        assert (said == []) == (cut == kept)
        assert not said or " was cut short, or is older than dvc.yaml" in said[0]


@pytest.mark.parametrize("cut", [0, 5, 22, 60])
def test_a_lock_file_without_a_whole_stage_is_removed(root, cut):
    (root / "dvc.lock").write_bytes((root / "dvc.lock").read_bytes()[:cut])
    assert recovery.mend(root) == [f"{root / 'dvc.lock'}: removed, it held no whole stage"]
    assert not (root / "dvc.lock").exists()


def test_a_lock_file_damaged_in_its_middle_is_left_to_its_owner(root):
    text = (root / "dvc.lock").read_text("utf-8")
    (root / "dvc.lock").write_text(text.replace("    deps:\n", "<<<<<<< HEAD\n    deps:\n", 1))
    with pytest.raises(ValueError, match=r"dvc\.lock is damaged .*; restore it: git checkout dvc"):
        recovery.mend(root)


def test_stages_stand_in_the_order_of_the_pipeline(root):
    text = (root / "dvc.lock").read_text("utf-8")
    order = sorted(stages(text))
    recovery.in_order(root, order[1:])
    now = (root / "dvc.lock").read_text("utf-8")
    assert stages(now) == [*order[1:], order[0]]
    assert sorted(now.splitlines()) == sorted(text.splitlines())
    recovery.in_order(root, stages(text))
    assert (root / "dvc.lock").read_text("utf-8") == text


def test_what_records_the_data_comes_back_from_the_commit(root):
    whole = (root / "data.dvc").read_bytes()
    for cut in (0, 20, 60, len(whole) - 1):
        (root / "data.dvc").write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"data\.dvc is cut short; make it anew: rm data"):
            recovery.mend(root)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    (root / "data.dvc").write_bytes(whole)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run([*git, *words], cwd=root, check=True)
    (root / "data.dvc").write_bytes(whole[:60])
    (said,) = recovery.mend(root)
    assert said.endswith("data.dvc: was cut short, restored from the last commit")
    assert (root / "data.dvc").read_bytes() == whole


def rwlock(root, *pids):
    info = {str(n): {"pid": pid, "cmd": "/bin/dvc repro"} for n, pid in enumerate(pids)}
    text = json.dumps({"write": info, "read": {"a": list(info.values())}})
    (root / ".dvc/tmp/rwlock").write_text(text)


def test_locks_of_the_dead_go_also_when_their_number_lives_on(root):
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    # a number of nobody, one that another program has now, and one that nobody has reaped
    for pid in (2**22 + 1, 1, zombie.pid):
        rwlock(root, pid)
        (said,) = recovery.mend(root)
        assert said == f"{root / '.dvc/tmp/rwlock'}: removed, whom it names is gone"
        assert not (root / ".dvc/tmp/rwlock").exists()
    zombie.wait()


@pytest.mark.parametrize("text", ["", '{"write": {"a": {"pid'])
def test_locks_that_were_cut_short_go(root, text):
    (root / ".dvc/tmp/rwlock").write_text(text)
    assert len(recovery.mend(root)) == 1
    assert not (root / ".dvc/tmp/rwlock").exists()


def test_locks_of_a_dvc_at_work_stay(root):
    command = [sys.executable, "-c", "import time; time.sleep(60)", "dvc repro"]
    alive = subprocess.Popen(command)
    try:
        rwlock(root, alive.pid, 2**22 + 1)
        assert recovery.mend(root) == []
        assert [holder.pid for holder in recovery.others(root, set())] == [alive.pid]
        assert recovery.others(root, {alive.pid}) == []
    finally:
        alive.kill()
        alive.wait()


def test_files_that_a_killed_run_was_writing_are_removed(root):
    left = root / "artifacts/faces/a/faces-00000-0123456789ab.parquet.999999999.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of it")
    assert recovery.mend(root) == [f"{left}: removed, a killed run had not finished it"]


def test_a_full_disk_is_named_only_when_it_is_full(small_disk, root, monkeypatch):
    assert recovery.space(root) == ""
    folder = small_disk(1)
    if not small_disk.mounted:
        pytest.skip("this process may not mount")
    monkeypatch.setattr(recovery.tempfile, "tempdir", str(folder))
    assert re.search(rf"disk full: [\d.]+ MB are left in {folder}; free", recovery.space(root))
