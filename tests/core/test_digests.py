"""What determines a result is noticed when it changes, and a file is read once."""

import os
from pathlib import Path

import pytest

from deepbench.core import digests

LONG_AGO = 1_600_000_000


def put(path, content):
    path.write_bytes(content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


@pytest.fixture
def contents(tmp_path):
    with digests.Contents(tmp_path / "runs/contents.sqlite") as known:
        yield known


def test_the_digest_is_of_the_content(contents, tmp_path):
    same, other = put(tmp_path / "a", b"abc"), put(tmp_path / "b", b"abc")
    assert contents.of(same) == contents.of(other)
    assert contents.of(same).startswith("ba7816bf")


def test_an_unchanged_file_is_read_once(contents, tmp_path, monkeypatch):
    path = put(tmp_path / "a", b"abc")
    monkeypatch.setattr(digests, "FRESH", 0)  # its ctime is of just now
    first = contents.of(path)
    monkeypatch.setattr(digests.hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert contents.of(path) == first
    with digests.Contents(tmp_path / "runs/contents.sqlite") as later:
        assert later.of(path) == first


@pytest.mark.parametrize("how", ["content", "replaced"])
def test_a_changed_file_is_read_again(contents, tmp_path, how):
    path = put(tmp_path / "a", b"abc")
    first = contents.of(path)
    if how == "content":
        path.write_bytes(b"abd")
    else:  # by one of the same size and time, as rsync and archives may do
        put(tmp_path / "new", b"abd").replace(path)
    assert contents.of(path) != first


def test_a_file_that_was_just_written_is_not_taken_for_settled(contents, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    now = path.stat()
    first = contents.of(path)
    path.write_bytes(b"abd")
    os.utime(path, ns=(now.st_mtime_ns, now.st_mtime_ns))  # a coarse clock
    assert contents.of(path) != first


def test_a_change_in_place_is_noticed_though_size_and_time_stay(contents, tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "FRESH", 0)
    path = put(tmp_path / "a", b"abc")
    first = contents.of(path)
    # as under a clock that was set back, or by a program that restores times
    put(path, b"abd")
    assert contents.of(path) != first


def test_a_time_ahead_of_the_clock_is_not_settled(contents, tmp_path, monkeypatch):
    path = put(tmp_path / "a", b"abc")
    monkeypatch.setattr(digests.time, "time_ns", lambda: (LONG_AGO + 60) * 10**9)
    first = contents.of(path)
    digest = digests.hashlib.file_digest
    read = []
    monkeypatch.setattr(digests.hashlib, "file_digest", lambda *a: read.append(1) or digest(*a))
    assert contents.of(path) == first
    assert read


def test_a_folder_is_its_names_and_contents(contents, tmp_path):
    for name in ("one", "two", "renamed"):
        (tmp_path / name).mkdir()
        put(tmp_path / name / ("1.png" if name != "renamed" else "2.png"), b"abc")
    one, two, renamed = (contents.of(tmp_path / n) for n in ("one", "two", "renamed"))
    assert one == two != renamed
    put(tmp_path / "two/9.png", b"")
    assert contents.of(tmp_path / "two") != two


def test_what_is_missing_has_a_digest_too(contents, tmp_path):
    assert contents.of(tmp_path / "lost.mp4") == "FileNotFoundError"


def test_code_counts_with_what_it_imports(monkeypatch, tmp_path):
    package = tmp_path / "deepbench"
    for name, text in {
        "a.py": "from deepbench.media import b\nimport numpy\n",
        "media/b.py": "def f():\n    from deepbench.media.c import x\n",
        "media/c.py": "from deepbench.core import d\nfrom deepbench import a\nx = 1\n",
        "core/d.py": "",
    }.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(digests, "PACKAGE", package)
    before = digests.of_code("deepbench.a")
    (package / "core/d.py").write_text("changed = 1\n")
    assert digests.of_code("deepbench.a") == before
    (package / "media/c.py").write_text("x = 2\n")
    assert digests.of_code("deepbench.a") != before


def test_versions_of_what_is_not_there_are_empty():
    found = digests.versions("numpy", "no-such-package")
    assert found["numpy"][0].isdigit()
    assert found["no-such-package"] == ""


def test_code_of_the_crops_reaches_every_module_that_makes_them():
    seen = set()
    original = Path.read_text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_text", lambda p, *a: seen.add(p.stem) or original(p, *a))
        digests.of_code("deepbench.media.clips")
    assert {"clips", "align", "mtcnn", "integral", "video", "images", "tracks"} <= seen


def test_a_pipe_is_not_waited_for(contents, tmp_path):
    os.mkfifo(tmp_path / "x.mp4")
    assert contents.of(tmp_path / "x.mp4") == "NotAFileError"


def test_two_kinds_of_digests_share_a_memory(contents, tmp_path):
    path = put(tmp_path / "a", b"abc")
    with digests.Contents(tmp_path / "runs/contents.sqlite", "md5") as other:
        assert other.of(path) == "900150983cd24fb0d6963f7d28e17f72"
        assert contents.of(path).startswith("ba7816bf")
        assert other.of(path) == "900150983cd24fb0d6963f7d28e17f72"
