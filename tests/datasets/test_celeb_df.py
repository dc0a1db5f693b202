from collections import Counter

import pytest

from deepbench.datasets import celeb_df

LINES = [
    "1 YouTube-real/00170.mp4",
    "1 Celeb-real/id1_0007.mp4",
    "0 Celeb-synthesis/id1_id0_0007.mp4",
]
ON_DISK = [
    "Celeb-real/id1_0007.mp4",
    "Celeb-real/id2_0001.mp4",
    "YouTube-real/00170.mp4",
    "Celeb-synthesis/id1_id0_0007.mp4",
    "Celeb-synthesis/id2_id1_0001.mp4",
]


def with_list(root, lines):
    (root / celeb_df.LIST).write_text("\n".join(lines), "utf-8")
    return root


def test_rows_of_a_small_tree(tree):
    root = with_list(tree(ON_DISK), LINES)
    rows = list(celeb_df.list_videos(root))
    assert [(r.video_id, r.split, r.label, r.method, r.cluster_id) for r in rows] == [
        ("celeb_df/Celeb-real/id1_0007", "test", False, "real", "celeb_df/id1"),
        ("celeb_df/Celeb-real/id2_0001", "train", False, "real", "celeb_df/id2"),
        ("celeb_df/Celeb-synthesis/id1_id0_0007", "test", True, "Celeb-synthesis", "celeb_df/id1"),
        ("celeb_df/Celeb-synthesis/id2_id1_0001", "train", True, "Celeb-synthesis", "celeb_df/id2"),
        ("celeb_df/YouTube-real/00170", "test", False, "real", "celeb_df/YouTube-real/00170"),
    ]
    assert [row.path for row in rows] == sorted(ON_DISK)


def test_folder_spelt_otherwise_keeps_the_official_id(tree):
    paths = [path.replace("YouTube-real", "Youtube-real") for path in ON_DISK]
    root = with_list(tree(paths), ["1 Youtube-real/00170.mp4", *LINES[1:], ""])
    row = list(celeb_df.list_videos(root))[-1]
    assert row.video_id == "celeb_df/YouTube-real/00170"
    assert (row.path, row.split) == ("Youtube-real/00170.mp4", "test")


def test_listed_but_absent_is_still_a_row(tree):
    root = with_list(tree(ON_DISK[1:]), LINES)
    rows = list(celeb_df.list_videos(root))
    assert rows[0].video_id == "celeb_df/Celeb-real/id1_0007"
    assert (
        "test: here against officially: real 1 of 178, Celeb-synthesis 1 of 340"
        in celeb_df.notes(root, rows)
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("0 Celeb-real/id1_0007.mp4", r"line 2 says 0 \(fake\) for Celeb-real/id1_0007.mp4, whose "
         "folder holds real videos: in this list 1 means real"),
        ("0 YouTube-real/00171.mp4", r"line 2 says 0 \(fake\) for YouTube-real"),
        ("1 Celeb-synthesis/id1_id0_0007.mp4", r"line 2 says 1 \(real\) for Celeb-synthesis.*fake"),
        ("2 Celeb-real/id1_0007.mp4", "line 2 is '2 Celeb-real/id1_0007.mp4', not a label"),
        ("1 Celeb-fake/id1_0007.mp4", "line 2 is .*use the list of the Celeb-DF-v2 archive"),
        ("1 YouTube-real/00170.mp4", "line 2 repeats YouTube-real/00170.mp4; remove one line"),
        ("1 Celeb-real/id1.mp4", r"Celeb-real/id1\.mp4 is not named like a video of Celeb-real"),
    ],
)  # fmt: skip
def test_wrong_lines_are_refused(tree, line, sentence):
    root = with_list(tree(ON_DISK), [LINES[0], line])
    with pytest.raises(ValueError, match=sentence):
        celeb_df.list_videos(root)


def test_wrong_file_name_is_refused(tree):
    root = with_list(tree([*ON_DISK, "Celeb-synthesis/copy of id1_id0_0007.mp4"]), LINES)
    with pytest.raises(ValueError, match=r"copy of id1_id0_0007\.mp4 is not named like"):
        celeb_df.list_videos(root)


def test_missing_list_says_where_it_comes_from(tree):
    with pytest.raises(
        FileNotFoundError, match=r"List_of_testing_videos\.txt is missing; it comes"
    ):
        celeb_df.list_videos(tree(ON_DISK))


def test_the_448_line_list_is_recognised(tree):
    lines = [f"1 Celeb-real/id1_{n:04d}.mp4" for n in range(108)]
    lines += [f"0 Celeb-synthesis/id1_id2_{n:04d}.mp4" for n in range(340)]
    root = with_list(tree(["Celeb-real/readme.txt"]), lines)
    notes = celeb_df.notes(root, list(celeb_df.list_videos(root)))
    assert any("448 lines: this is the widespread copy without the 70 YouTube" in n for n in notes)
    assert any("readme.txt" in note for note in notes)


def test_a_list_of_another_length_is_told(tree):
    root = with_list(tree(ON_DISK), LINES)
    notes = celeb_df.notes(root, list(celeb_df.list_videos(root)))
    assert notes[:2] == [
        "List_of_testing_videos.txt: 1 means real; all 3 lines agree with their folders "
        "(2 real, 1 fake)",
        "List_of_testing_videos.txt has 3 lines, the official list has 518",
    ]


def test_published_list_without_a_single_video(real):
    root = real / "Celeb-DF-v2"
    rows = list(celeb_df.list_videos(root))
    assert Counter((row.split, row.label) for row in rows) == {
        ("test", False): 178,
        ("test", True): 340,
    }
    assert len({row.cluster_id for row in rows if row.label}) == 52
    assert celeb_df.notes(root, rows) == [
        "List_of_testing_videos.txt: 1 means real; all 518 lines agree with their folders "
        "(178 real, 340 fake)",
        "train: none of the 6,011 official videos is here",
        "test: none of the 518 official videos is here",
    ]
