import hashlib
import os

import pytest

from deepbench.apps import inventory


def test_lines_are_path_size_and_hash_of_label_files(tmp_path):
    root = tmp_path / "data"
    (root / "b").mkdir(parents=True)
    (root / "b" / "x.mp4").write_bytes(b"12345")
    (root / "a.csv").write_bytes(b"filename,label\n")
    (root / ".DS_Store").touch()
    out = root / "inventory.txt"
    digest = hashlib.sha256(b"filename,label\n").hexdigest()
    for _ in range(2):  # the second time the list lies in the folder it lists
        assert inventory.write(root, out) == 2
        assert out.read_bytes() == f"a.csv\t15\t{digest}\nb/x.mp4\t5\t\n".encode()


def test_large_label_file_is_watched_by_size(tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    (root / "big.json").write_bytes(b" " * 1_000_000)
    inventory.write(root, tmp_path / "new" / "list.tsv")
    assert (tmp_path / "new" / "list.tsv").read_text() == "big.json\t1000000\t\n"


def test_links_are_followed_and_circles_end(tmp_path):
    root, elsewhere = tmp_path / "data", tmp_path / "disk"
    root.mkdir()
    elsewhere.mkdir()
    (elsewhere / "x.mp4").touch()
    (root / "link").symlink_to(elsewhere, target_is_directory=True)
    (root / "circle").symlink_to(root, target_is_directory=True)
    assert inventory.write(root, tmp_path / "list.tsv") == 1
    assert (tmp_path / "list.tsv").read_text() == "link/x.mp4\t0\t\n"


def test_faults_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder at .*nowhere; give the root"):
        inventory.write(tmp_path / "nowhere", tmp_path / "list.tsv")
    (tmp_path / "a\tb.mp4").touch()
    with pytest.raises(ValueError, match=r"'a\\tb.mp4' holds a tab or a line break"):
        inventory.write(tmp_path, tmp_path / "list.tsv")
    (tmp_path / "a\tb.mp4").unlink()
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    with pytest.raises(ValueError, match=r"gone\.mp4 is a symbolic link that leads nowhere; copy"):
        inventory.write(tmp_path, tmp_path / "list.tsv")
    (tmp_path / "gone.mp4").unlink()
    os.mkfifo(tmp_path / "pipe.json")  # whose digest would take for ever
    with pytest.raises(ValueError, match=r"pipe\.json is a named pipe, not a file; copy"):
        inventory.write(tmp_path, tmp_path / "list.tsv")
