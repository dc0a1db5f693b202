"""Files are whole or not there: after a kill, on a full or read-only disk, with two writers."""

import errno
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from small_disks import Disk

from deepbench.core import files, tables


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def _fail(*_):
    raise RuntimeError("no more")


def test_a_file_appears_with_its_folder_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a/b/c.txt"
    files.write(path, "é\r\n")
    assert path.read_bytes() == "é\r\n".encode()
    files.write(path, b"anew")
    assert path.read_bytes() == b"anew"
    assert names(path.parent) == ["c.txt"]


def test_a_failed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    files.write(path, "old")
    with pytest.raises(RuntimeError, match="no more"), files.unfinished(path) as part:
        _fail(part.write_text("half of it"))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("mounts", [True, False], ids=["disk", "limit"])
def test_a_full_disk_is_named_with_the_cure_and_leaves_the_old_file(tmp_path, monkeypatch, mounts):
    if not mounts:  # what stands in where nothing can be mounted
        monkeypatch.setattr(Disk, "_mount", lambda *_: False)
    with Disk(tmp_path) as small:
        path = small(1) / "table"
        files.write(path, "old")
        said = rf"^disk full while writing {path}: [\d.,]+ MB are left in {path.parent}; free some "
        with pytest.raises(OSError, match=said) as caught:
            files.write(path, bytes(2_000_000))
        assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)
        assert path.read_text() == "old"
        assert names(small.path) == ["table"]
        small.grow(4)
        files.write(path, bytes(2_000_000))
        assert path.stat().st_size == 2_000_000


def test_a_table_on_a_full_disk_says_so_in_one_sentence(small_disk):
    path = small_disk(1) / "faces.parquet"
    rows = [
        dict.fromkeys(tables.SCORES.columns, 0)
        | {"video_id": os.urandom(4000).hex(), "detector": "d", "frame": i, "face": 0}
        for i in range(500)
    ]
    frame = tables.from_rows(tables.SCORES, rows)
    with pytest.raises(OSError, match=rf"^disk full while writing {path}: .*run it again$"):
        tables.write(tables.SCORES, frame, path)
    assert names(small_disk.path) == []
    small_disk.grow(10)
    tables.write(tables.SCORES, frame, path)
    assert len(tables.read(tables.SCORES, path)) == 500


def test_a_read_only_disk_is_named_with_the_cure(small_disk):
    folder = small_disk(1)
    files.check_writable(folder / "artifacts", folder)
    if not small_disk.freeze(True):
        pytest.skip("this process may not mount")
    path = folder / "artifacts/a"
    said = f"^{path} lies on a read-only file system; mount it writable, then run it again$"
    with pytest.raises(OSError, match=said):
        files.write(path, "x")
    with pytest.raises(OSError, match=rf"^{folder / 'artifacts'} lies on a read-only file system"):
        files.check_writable(folder / "artifacts")
    with pytest.raises(OSError, match="read-only file system"):
        files.check_writable(folder / "reports")
    assert small_disk.freeze(False)
    files.write(path, "x")


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from deepbench.core import files
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
for act in (lambda p: files.write(p / "a", "x"), files.check_writable):
    try:
        act(Path("mine"))
    except PermissionError as error:
        print(error)
"""


def test_a_folder_of_somebody_else_is_named_with_the_cure(tmp_path):
    # root may write anywhere, so a process of another user tries
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    (tmp_path / "mine").mkdir(mode=0o555)
    (tmp_path / "mine").chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED], cwd=tmp_path, capture_output=True, text=True
    )
    told = done.stdout.splitlines()
    assert told == [
        "no permission to write mine/a; change its folder's owner or mode, then run again",
        "no permission to write mine; change its folder's owner or mode, then run again",
    ], done.stderr


def test_other_errors_stay_as_they_are(tmp_path):
    with pytest.raises(IsADirectoryError):
        files.write(tmp_path, "x")
    with pytest.raises(FileNotFoundError), files.unfinished(tmp_path / "a"):
        (tmp_path / "gone").read_text()


def test_an_error_of_a_library_is_told_of_the_file_it_names(tmp_path):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "a"))
    assert re.match(rf"disk full while writing {tmp_path / 'a'}: .* MB", files.sentence(error))
    assert "disk full while writing /" in files.sentence(OSError(errno.ENOSPC, "No space left"))
    told = files.told(error, tmp_path / "b")
    assert files.sentence(told) == str(told)
    assert files.sentence(FileNotFoundError("no data")) == "no data"


WRITER = """
import sys, itertools
from pathlib import Path
from deepbench.core import files
path = Path(sys.argv[1])
for n in itertools.count():
    files.write(path, bytes([n % 256]) * 300_000)
    print(n, flush=True)
"""


def test_two_writers_and_a_kill_never_show_half_a_file(tmp_path):
    path = tmp_path / "table"
    command = [sys.executable, "-c", WRITER, str(path)]
    several = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    for process in several:
        process.stdout.readline()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        content = path.read_bytes()
        assert len(content) == 300_000
        assert len(set(content)) == 1
    for process in several:
        process.kill()
        process.communicate()
    assert len(path.read_bytes()) == 300_000
    files.sweep(tmp_path)
    assert names(tmp_path) == ["table"]


def test_what_a_living_writer_writes_is_not_swept(tmp_path):
    with files.unfinished(tmp_path / "a/b") as part:
        part.write_text("x")
        left = tmp_path / "a/c.parquet.999999999.part"
        left.write_text("of a process that is gone")
        assert files.sweep(tmp_path) == [left]
    assert names(tmp_path / "a") == ["b"]


def test_a_folder_is_filled_with_all_or_nothing(tmp_path):
    folder = tmp_path / "data"
    with pytest.raises(RuntimeError, match="no more"), files.filling(folder) as part:
        _fail((part / "one").mkdir())
    assert names(folder) == []
    assert files.is_empty(folder)
    with files.filling(folder) as part:
        (part / "one").mkdir()
        (part / "one/x").write_text("x")
        (part / "two").write_text("y")
        assert files.is_filling(folder)
        assert files.is_empty(folder)
    assert names(folder) == ["one", "two"]
    assert (folder / "one/x").read_text() == "x"
    assert not files.is_filling(folder)
    assert not files.is_empty(folder)


def test_a_kill_between_the_moves_is_made_good_and_overwrites_nothing(tmp_path):
    folder = tmp_path / "data"
    filled = folder / files.FILLED
    filled.mkdir(parents=True)
    (filled / "one").write_text("of the sample")
    (filled / "two").write_text("of the sample")
    (folder / "one").write_text("somebody's own")
    assert files.is_filling(folder)
    assert not files.is_empty(folder)
    assert names(folder) == ["one", "two"]
    assert (folder / "one").read_text() == "somebody's own"


FILLER = """
import sys
from pathlib import Path
from deepbench.sample import pack
print("ready", flush=True)
pack.unpack(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_kill_while_the_sample_is_unpacked_leaves_it_whole_or_empty(tmp_path, rng):
    longest = _fill(tmp_path / "whole", 600)
    whole = _listing(tmp_path / "whole")
    for number in range(6):
        folder = tmp_path / str(number)
        _fill(folder, rng.uniform(0, longest))
        if files.is_empty(folder):
            _fill(folder, 600)
        assert _listing(folder) == whole


def _fill(folder, seconds):
    """Unpack the sample and kill it after so many seconds; those that it took."""
    process = subprocess.Popen([sys.executable, "-c", FILLER, str(folder)], stdout=subprocess.PIPE)
    process.stdout.readline()
    began = time.monotonic()
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return time.monotonic() - began


def _listing(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
