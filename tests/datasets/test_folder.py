import pytest

from deepbench.datasets import folder


def test_rows(tree):
    root = tree(
        [
            "real/a.jpg",
            "real/deep/er/a.PNG",
            "fake/b.mp4",
            "fake/StyleGAN/2024/c.webp",
            "fake/StyleGAN/c.webm",
            "fake/.DS_Store",
        ]
    )
    rows = list(folder.list_videos(root))
    assert [(row.video_id, row.label, row.method, row.media) for row in rows] == [
        ("folder/fake/StyleGAN/2024/c.webp", True, "StyleGAN", "image"),
        ("folder/fake/StyleGAN/c.webm", True, "StyleGAN", "video"),
        ("folder/fake/b.mp4", True, "fake", "video"),
        ("folder/real/a.jpg", False, "real", "image"),
        ("folder/real/deep/er/a.PNG", False, "real", "image"),
    ]
    assert {row.split for row in rows} == {"test"}
    assert all(row.cluster_id == row.video_id for row in rows)
    assert rows[0].path == "fake/StyleGAN/2024/c.webp"


def test_unknown_suffixes_are_counted_and_strangers_named(tree):
    root = tree(["real/a.jpg", "real/a.txt", "fake/x/b.txt", "fake/b.HEIC", "fake/c", "more/d.jpg"])
    assert folder.notes(root, list(folder.list_videos(root))) == [
        "1 files have no suffix and are not read",
        "1 files end in .heic and are not read",
        "2 files end in .txt and are not read",
        "1 entries beside real/ and fake/ are not read: ['more']",
    ]


def test_complete_folder_has_no_notes(tree):
    root = tree(["Real/a.jpg", "FAKE/b.jpg"])
    rows = list(folder.list_videos(root))
    assert [row.path for row in rows] == ["FAKE/b.jpg", "Real/a.jpg"]
    assert folder.notes(root, rows) == []


def test_fakes_called_real_are_refused(tree):
    with pytest.raises(ValueError, match=r"fake/Real/a\.jpg: a folder of fakes is called Real"):
        folder.list_videos(tree(["fake/Real/a.jpg"]))


def test_links_are_followed_and_circles_end(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "a.jpg").touch()
    root = tree(["real/x.jpg"])
    (root / "fake").symlink_to(elsewhere, target_is_directory=True)
    (root / "real" / "again").symlink_to(root / "real", target_is_directory=True)
    assert [row.path for row in folder.list_videos(root)] == ["fake/a.jpg", "real/x.jpg"]


@pytest.mark.parametrize("name", ["a$b$", "a\nb", "a\u202eb"])
def test_a_folder_of_fakes_has_a_name_that_figures_can_show(tree, name):
    with pytest.raises(ValueError, match="names a manipulation in tables and figures"):
        list(folder.list_videos(tree([f"fake/{name}/a.png"])))
