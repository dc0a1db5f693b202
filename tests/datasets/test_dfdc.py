import json
from collections import Counter

import pytest

from deepbench.datasets import dfdc

PART = "train/dfdc_train_part_0"
METADATA = {
    "aa.mp4": {"label": "REAL", "split": "train"},
    "bb.mp4": {"label": "FAKE", "split": "train", "original": "aa.mp4"},
    "cc.mp4": {"label": "FAKE", "split": "train", "original": "elsewhere.mp4"},
}
CLIPS = [f"{PART}/{name}" for name in METADATA]


def put(root, path, content):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return root


def test_training_part_and_test_set(tree):
    root = put(tree([*CLIPS, "test/x.mp4", "test/y.mp4"]), f"{PART}/metadata.json", METADATA)
    put(root, "test/labels.csv", "filename,label\nx.mp4,1\ny.mp4,0\n")
    rows = list(dfdc.list_videos(root))
    assert [(r.video_id, r.label, r.method, r.cluster_id) for r in rows] == [
        ("dfdc/test/x", True, "fake", "dfdc/x"),
        ("dfdc/test/y", False, "real", "dfdc/y"),
        ("dfdc/train/aa", False, "real", "dfdc/aa"),
        ("dfdc/train/bb", True, "fake", "dfdc/aa"),
        ("dfdc/train/cc", True, "fake", "dfdc/elsewhere"),
    ]
    assert rows[2].path == "train/dfdc_train_part_0/aa.mp4"
    assert rows[0].path == "test/x.mp4"


@pytest.mark.parametrize("home", ["", "videos/"])
def test_labels_beside_the_clips_or_above_them(tree, home):
    root = put(tree([f"{home}x.mp4"]), "labels.csv", "filename,label\nx.mp4,1\nlost.mp4,0\n")
    rows = list(dfdc.list_videos(root))
    assert [(row.path, row.split, row.label) for row in rows] == [
        ("lost.mp4", "test", False),
        (f"{home}x.mp4", "test", True),
    ]


def test_official_validation_and_test_folders(tree):
    root = put(tree([]), "validation/labels.csv", "\ufefffilename,label\r\nv.mp4,0\r\n")
    put(root, "test/metadata.json", {"t.mp4": {"is_fake": 1}, "u.mp4": {"is_fake": 0}})
    rows = list(dfdc.list_videos(root))
    assert [(row.video_id, row.label) for row in rows] == [
        ("dfdc/test/t", True),
        ("dfdc/test/u", False),
        ("dfdc/val/v", False),
    ]


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("labels.csv", "x.mp4,1\n", "not with the header filename,label; add that line"),
        ("labels.csv", "\n", r"begins with \[\], not with the header"),
        ("labels.csv", "filename,label\nx.mp4,FAKE\n", r"line 2 says 'FAKE' .* 1 \(fake\)"),
        ("labels.csv", "filename,label\nx.mp4\n", "line 2 says None"),
        ("labels.csv", "filename,label\nx.mp4,1\nx.mp4,0\n", "line 3 .* each video has one line"),
        ("metadata.json", {"x.mp4": {"label": "fake?"}}, "says 'fake.' for x.mp4; label is REAL"),
        ("metadata.json", {"x.mp4": "FAKE"}, r"of 1 names, first 'x.mp4' \('FAKE'\)"),
        ("metadata.json", {"x.mp4": {}}, "says None for x.mp4"),
        ("metadata.json", {"x.mp4": {"label": "REAL", "split": "train", "original": "y.mp4"}},
         "says REAL for x.mp4 and names y.mp4 as its original: a real clip has none"),
        ("metadata.json", {"x.mp4": {"label": "REAL"}}, "says split '' for x.mp4; it is one of"),
        ("metadata.json", {"x.mp4": {"label": "REAL", "split": "a"}}, "says split 'a'"),
        ("dataset.json", {}, "preview set, another data set; name it dfdc_preview"),
    ],
)  # fmt: skip
def test_wrong_label_files_are_refused(tree, path, content, sentence):
    with pytest.raises(ValueError, match=sentence):
        list(dfdc.list_videos(put(tree(["x.mp4"]), path, content)))


def test_contradicting_label_files_are_refused(tree):
    root = put(tree([]), "test/labels.csv", "filename,label\nx.mp4,0\n")
    put(root, "test/metadata.json", {"x.mp4": {"is_fake": 1}})
    with pytest.raises(ValueError, match=r"contradict each other about x\.mp4: in labels.csv 1"):
        dfdc.list_videos(root)


def test_a_part_without_labels_is_refused(tree):
    with pytest.raises(FileNotFoundError, match=r"dfdc_train_part_0 has no metadata\.json"):
        dfdc.list_videos(tree(CLIPS))


def test_one_name_in_two_parts_is_refused(tree):
    root = tree([])
    for part in (0, 1):
        put(root, f"train/dfdc_train_part_{part}/metadata.json", METADATA)
    with pytest.raises(ValueError, match=r"part_1/aa.mp4 and .*part_0/aa.mp4 are one file name"):
        dfdc.list_videos(root)


def test_notes_on_direction_orphans_and_unlabelled(tree):
    orphan = {**METADATA, "dd.mp4": {"label": "FAKE", "split": "train"}}
    root = put(tree([*CLIPS, "test/x.mp4", "test/z.mp4"]), f"{PART}/metadata.json", orphan)
    put(root, "test/labels.csv", "filename,label\nx.mp4,1\n")
    notes = dfdc.notes(root, list(dfdc.list_videos(root)))
    assert notes == [
        "test/labels.csv: 1 means fake",
        "train: 1 fakes name no original clip; each is a cluster by itself, "
        "so that intervals over them are too narrow",
        "train: here against officially: real 1 of 19,154, fake 2 of 100,000",
        "test: here against officially: real 0 of 2,500, fake 1 of 2,500",
        "1 videos have no label and take no part, first test/z.mp4",
    ]


def test_the_first_incomplete_test_archive_is_recognised(tree):
    names = [f"{n:05d}.mp4" for n in range(5000)]
    root = tree(f"test/{name}" for name in names[:3725])
    put(root, "test/labels.csv", "filename,label\n" + "".join(f"{n},1\n" for n in names))
    rows = list(dfdc.list_videos(root))
    assert len(rows) == 5000
    assert any("3,725 clips are the first, incomplete" in note for note in dfdc.notes(root, rows))


def test_published_clip(real):
    rows = list(dfdc.list_videos(real / "DFDC"))
    assert [(r.video_id, r.label, r.cluster_id, r.path) for r in rows] == [
        ("dfdc/train/yhffcuhhjy", True, "dfdc/wdpsifpppf", "yhffcuhhjy.mp4")
    ]
    assert Counter(row.split for row in rows) == {"train": 1}
