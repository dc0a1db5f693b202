import pytest

from deepbench.core.plugins import DatasetCard
from deepbench.core.tables import VideoRow
from deepbench.datasets import listing


def row(path, split="test", method="real"):
    return VideoRow(path, "toy", split, method != "real", method, path, "video", path)


def card(**counts):
    return DatasetCard("t", "p", "h", "l", "x", {k.replace("_", "/"): n for k, n in counts.items()})


def test_names_are_sorted_filtered_and_hidden_ones_left_out(tree):
    root = tree(["b.mp4", "a.MP4", "c.txt", "._d.mp4"])
    assert listing.names(root) == ["a.MP4", "b.mp4"]
    assert listing.names(root, "") == ["a.MP4", "b.mp4", "c.txt"]
    assert listing.names(root / "missing") == []


def test_folders_and_child(tree):
    root = tree(["One/x", "two/x", "file", ".git/x"])
    assert listing.folders(root) == ["One", "two"]
    assert listing.folders(root / "missing") == []
    assert listing.child(root, "one") == root / "One"
    assert listing.child(root, "three") == root / "three"


def test_files_below_refuses_names_equal_but_for_case(tree):
    root = tree(["x/a.jpg", "x/A.jpg"])
    if len(list((root / "x").iterdir())) == 1:
        pytest.skip("this disk ignores case")
    with pytest.raises(ValueError, match=r"holds A\.jpg and a\.jpg, .* remove or rename one"):
        list(listing.files_below(root))


def test_present_keeps_the_rows_on_disk(tree):
    root = tree(["a/x.mp4", "y.mp4"])
    rows = [row("a/x.mp4"), row("a/y.mp4"), row("b/x.mp4"), row("y.mp4")]
    assert listing.present(root, rows) == [rows[0], rows[3]]


def test_shortfall_says_less_more_and_nothing_at_all():
    official = card(train_real=1200, train_A=1, test_real=1, test_A=2, test_B=1)
    rows = [row("1"), row("2"), row("3", method="A"), row("4", method="B")]
    assert listing.shortfall(official, rows) == [
        "train: none of the 1,201 official videos is here",
        "test: here against officially: real 2 of 1, A 1 of 2",
    ]
    assert listing.shortfall(card(test_real=2, test_A=1, test_B=1), rows) == []


def test_two_levels(tree):
    root = tree(["a/b/c/d.mp4", "e.mp4"])
    assert listing.two_levels(root) == [root, root / "a", root / "a" / "b"]
