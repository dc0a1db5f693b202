import json

import pytest

from deepbench.datasets import dfdc_preview

ENTRIES = {
    "original_videos/10/10_A_001.mp4": {"label": "real", "set": "test", "target_id": 10},
    "original_videos/20/20_A_001.mp4": {"label": "real", "set": "train"},
    "method_A/10_20/10_20_A_001.mp4": {"label": "fake", "set": "test", "target_id": 10},
    "method_B/20_10/20_10_A_001.mp4": {"label": "fake", "set": "train", "swapped_id": 10},
}


def put(root, entries):
    (root / "dataset.json").write_text(json.dumps(entries), "utf-8")
    return root


def test_rows(tree):
    rows = list(dfdc_preview.list_videos(put(tree(ENTRIES), ENTRIES)))
    assert [(r.video_id, r.split, r.label, r.method, r.cluster_id) for r in rows] == [
        ("dfdc_preview/method_A/10_20/10_20_A_001", "test", True, "method_A", "dfdc_preview/10"),
        ("dfdc_preview/method_B/20_10/20_10_A_001", "train", True, "method_B", "dfdc_preview/20"),
        ("dfdc_preview/original_videos/10/10_A_001", "test", False, "real", "dfdc_preview/10"),
        ("dfdc_preview/original_videos/20/20_A_001", "train", False, "real", "dfdc_preview/20"),
    ]
    assert [row.path for row in rows] == sorted(ENTRIES)


def test_notes_compare_with_the_official_counts(tree):
    root = put(tree(ENTRIES), ENTRIES)
    assert dfdc_preview.notes(root, list(dfdc_preview.list_videos(root))) == [
        "train: here against officially: real 1 of 855",
        "test: here against officially: real 1 of 276",
        "train: 1 fakes of both methods are here, officially 3,618",
        "test: 1 fakes of both methods are here, officially 501",
    ]


@pytest.mark.parametrize(
    ("name", "entry", "sentence"),
    [
        ("method_A/a.mp4", {"label": "FAKE", "set": "test"}, "says label 'FAKE', set 'test'"),
        ("method_A/a.mp4", {"label": "fake", "set": "val"}, "not real.fake, train.test; use"),
        ("method_A/a.mp4", {"label": "real", "set": "test"}, "says real for method_A/a.mp4; reals"),
        ("original_videos/a.mp4", {"label": "fake", "set": "test"}, "says fake for original_v"),
        ("method_C/a.mp4", {"label": "fake", "set": "test"}, "fakes in method_A and method_B"),
    ],
)
def test_wrong_entries_are_refused(tree, name, entry, sentence):
    with pytest.raises(ValueError, match=sentence):
        dfdc_preview.list_videos(put(tree([]), {name: entry}))


def test_missing_dataset_json_says_where_it_comes_from(tree):
    with pytest.raises(FileNotFoundError, match=r"dataset\.json is missing; it holds the labels"):
        dfdc_preview.list_videos(tree([]))
