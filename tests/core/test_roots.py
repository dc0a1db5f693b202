from pathlib import Path

import pytest

from deepbench.core import roots
from deepbench.core.tables import VideoRow

ROOT = Path("somewhere")


def row(path, media="video"):
    return VideoRow(path, "folder", "test", False, "real", path, media, path)


@pytest.mark.parametrize("path", ["a.mp4", "real/a..b.mp4", "real/...mp4", "réal/ä b'\".mp4"])
def test_a_listed_path_lies_below_the_root(path):
    assert roots.place(ROOT, path) == ROOT / path


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/passwd", "../a.mp4", "real/../../a.mp4", "real/..", ""),
        *("C:/a.mp4", "C:a.mp4", "\\\\server\\share\\a.mp4", "\\a.mp4", "real\\..\\..\\a.mp4"),
        "a\0.mp4",
    ],
)
def test_a_path_that_leaves_the_root_is_refused_by_name(path):
    with pytest.raises(ValueError, match="is listed as a file of somewhere, but does not lie"):
        roots.place(ROOT, path)


def test_a_name_that_no_table_can_hold_is_refused():
    with pytest.raises(ValueError, match="is no UTF-8, which tables cannot hold; rename it, or"):
        roots.place(ROOT, b"caf\xe9.mp4".decode("utf-8", "surrogateescape"))


def test_what_links_take_out_of_the_root_is_told(tmp_path):
    root, away = tmp_path / "root", tmp_path / "away"
    for folder in (root / "real", root / "frames/a", root / "frames/b", away):
        folder.mkdir(parents=True)
    for file in (root / "real/a.mp4", root / "frames/a/0.png", away / "b.mp4"):
        file.touch()
    (root / "real/b.mp4").symlink_to(away / "b.mp4")
    (root / "real/c.mp4").symlink_to("a.mp4")  # stays
    (root / "fake").symlink_to(away)
    (root / "frames/b/0.png").symlink_to(away / "b.mp4")
    videos = [row(p) for p in ("real/a.mp4", "real/b.mp4", "real/c.mp4", "fake/b.mp4", "no/d.mp4")]
    pictures = [row("frames/a", "frames"), row("frames/b", "frames")]
    told = ["real/b.mp4", "fake/b.mp4", "frames/b"]
    assert roots.strays(root, [*videos, *pictures]) == told
    # the root itself may be a link
    (tmp_path / "link").symlink_to(root)
    assert roots.strays(tmp_path / "link", [*videos, *pictures]) == told
