"""DeepfakeBench's lists, as rearrange.py writes them: nested, repeated, with Windows paths."""

import json

import pytest

from deepbench.core import blocks
from deepbench.datasets import deepfakebench
from deepbench.manifest import build

FF = "FaceForensics++"


def frames(folder, count=2, slash="/"):
    return [f"{folder}/{n:03d}.png".replace("/", slash) for n in range(count)]


def video(label, folder, count=2, slash="/"):
    return {"label": label, "frames": frames(folder, count, slash)}


def ff_lists(prefix="", slash="/"):
    real = f"{prefix}{FF}/original_sequences/youtube/c23/frames"
    fake = f"{prefix}{FF}/manipulated_sequences/Deepfakes/c23/frames"
    videos = {
        "FF-real": {n: video("FF-real", f"{real}/{n}", slash=slash) for n in ("000", "003")},
        "FF-DF": {"000_003": video("FF-DF", f"{fake}/000_003", slash=slash)},
    }
    return {
        FF: {k: {"train": {"c23": {}}, "test": {"c23": v, "c40": {}}} for k, v in videos.items()}
    }


def on_disk(tree, content, *files):
    return write(tree([*files, "other.txt"]), content)


def write(root, content, name="list.json"):
    (root / name).write_text(json.dumps(content), "utf-8")
    return root


def all_frames():
    plain = ff_lists()[FF]
    return [f for kind in plain.values() for v in kind["test"]["c23"].values() for f in v["frames"]]


@pytest.mark.parametrize(
    ("prefix", "slash"),
    [("", "/"), ("./", "/"), ("", "\\"), ("/data/me/rgb/", "/"), ("I:/x/", "\\"), ("../rgb/", "/")],
)
def test_rows_whatever_stands_before_the_paths(tree, prefix, slash):
    root = on_disk(tree, ff_lists(prefix, slash), *all_frames())
    rows = list(deepfakebench.list_videos(root))
    assert [(r.video_id, r.label, r.method, r.path, r.cluster_id) for r in rows] == [
        (
            f"deepfakebench/{FF}/manipulated_sequences/Deepfakes/c23/000_003", True, "FF-DF",
            f"{FF}/manipulated_sequences/Deepfakes/c23/frames/000_003", "deepfakebench/000_003",
        ),
        (
            f"deepfakebench/{FF}/original_sequences/youtube/c23/000", False, "real",
            f"{FF}/original_sequences/youtube/c23/frames/000", "deepfakebench/000_003",
        ),
        (
            f"deepfakebench/{FF}/original_sequences/youtube/c23/003", False, "real",
            f"{FF}/original_sequences/youtube/c23/frames/003", "deepfakebench/003",
        ),
    ]  # fmt: skip
    assert {(r.split, r.media, r.compression) for r in rows} == {("test", "frames", "c23")}
    assert deepfakebench.notes(root, rows) == []


def test_both_originals_join_their_fakes(tree):
    content = ff_lists()
    test = content[FF]["FF-DF"]["test"]["c23"]
    test["003_000"] = video("FF-DF", f"{FF}/manipulated_sequences/Deepfakes/c23/frames/003_000")
    rows = list(deepfakebench.list_videos(on_disk(tree, content)))
    assert len(rows) == 4
    assert {row.cluster_id for row in rows} == {"deepfakebench/000_003"}


def celeb_lists():
    real = {n: video("CelebDFv2_real", f"C/Celeb-real/frames/{n}") for n in ("id1_0007", "id1_1")}
    real["00170"] = video("CelebDFv2_real", "C/YouTube-real/frames/00170")
    fake = {"id1_id2_0007": video("CelebDFv2_fake", "C/Celeb-synthesis/frames/id1_id2_0007")}
    test = {"id1_0007": real["id1_0007"]}
    return {
        "Celeb-DF-v2": {
            "CelebDFv2_real": {"train": real, "val": test, "test": test},
            "CelebDFv2_fake": {"train": fake, "val": {}, "test": fake},
        }
    }


def test_a_video_of_several_splits_is_a_test_video(tree):
    root = on_disk(tree, celeb_lists())
    rows = list(deepfakebench.list_videos(root))
    assert [(r.video_id.rpartition("/")[2], r.split, r.cluster_id) for r in rows] == [
        ("id1_0007", "test", "deepfakebench/id1"),
        ("id1_1", "train", "deepfakebench/id1"),
        ("id1_id2_0007", "test", "deepfakebench/id1"),
        ("00170", "train", "deepfakebench/00170"),
    ]
    assert deepfakebench.notes(root, rows) == [
        "2 videos are listed in several splits and count in the first of test, val and train"
    ]


def test_the_bare_val_entry_of_dfdc_is_read(tree):
    real, fake = video("DFDC_Real", "D/test/frames/aa"), video("DFDC_Fake", "D/test/frames/bb")
    content = {
        "DFDC": {
            "DFDC_Real": {"test": {"aa": real}, "val": real, "train": {}},
            "DFDC_Fake": {"test": {"bb": fake}, "val": fake, "train": {}},
        }
    }
    rows = list(deepfakebench.list_videos(on_disk(tree, content)))
    assert [(r.path, r.split, r.label) for r in rows] == [
        ("D/test/frames/aa", "test", False),
        ("D/test/frames/bb", "test", True),
    ]


def test_what_lists_and_folders_do_not_share_is_told(tree):
    content = celeb_lists()
    content["Celeb-DF-v2"]["CelebDFv2_fake"]["test"]["id3_id4_0001"] = video(
        "CelebDFv2_fake", "", 0
    )
    root = on_disk(tree, content, *frames("C/Celeb-real/frames/id1_0007", 3))
    rows = list(deepfakebench.list_videos(root))
    assert "CelebDFv2_fake/frames/id3_id4_0001" in {row.path for row in rows}
    assert deepfakebench.notes(root, rows)[1:] == [
        "1 videos are listed without frames, first ['CelebDFv2_fake/frames/id3_id4_0001']",
        "1 videos have other frames on disk, which are read, than listed, "
        "first ['C/Celeb-real/frames/id1_0007']",
    ]


def test_a_subset_of_another_list_adds_nothing(tree):
    root = write(on_disk(tree, ff_lists()), {"FF-DF": ff_lists()[FF]}, "FF-DF.json")
    assert len(list(deepfakebench.list_videos(root))) == 3


def test_lists_of_two_data_sets_are_refused(tree):
    root = write(on_disk(tree, ff_lists()), celeb_lists(), "Celeb-DF-v2.json")
    with pytest.raises(ValueError, match=r"reals of 2 data sets \(CelebDFv2_real, FF-real\)"):
        deepfakebench.list_videos(root)


def test_lists_that_contradict_each_other_are_refused(tree):
    def of(label):
        return {"DFDC": {label: {"test": {"v": video(label, "D/test/frames/v")}}}}

    root = write(on_disk(tree, of("DFDC_Fake")), of("DFDC_Real"), "other.json")
    with pytest.raises(ValueError, match=r"v is DFDC_Fake, but other\.json.* is DFDC_Real: the sa"):
        deepfakebench.list_videos(root)


@pytest.mark.parametrize(
    ("label", "folder", "holds"),
    [
        ("FF-NT", "manipulated_sequences/Deepfakes/c23/frames/000_003", "Deepfakes, .* FF-DF"),
        ("FF-real", "manipulated_sequences/X/c23/frames/000_003", "manipulated_seq.* FF-DF or"),
        ("FF-DF", "original_sequences/youtube/c23/frames/000", "original_sequences, .* FF-real or"),
        ("CelebDFv2_real", "Celeb-synthesis/frames/id1_id2_0001", "Celeb-synthesis, .* FF-DF or"),
        ("DFDCP_FakeA", "method_B/frames/x", "method_B, which holds DFDCP_FakeB"),
    ],
)
def test_labels_that_contradict_their_folders_are_refused(tree, label, folder, holds):
    content = {"X": {label: {"test": {"v": video(label, folder)}}}}
    with pytest.raises(ValueError, match=f"is labelled {label}, but its frames lie in {holds}"):
        deepfakebench.list_videos(on_disk(tree, content))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({FF: {"a": {"test": {"v": video("FF-XY", "a/v")}}}},
         r"list.json: FaceForensics\+\+ / a / test / v is labelled 'FF-XY'; known are FF-real"),
        ({FF: {"a": {"dev": {}}}}, r"has a split 'dev', not \['test', 'val', 'train'\]"),
        ([1, 2], "list.json holds a list where DeepfakeBench's lists have names; only its lists"),
        ({FF: {"a": {"test": {"v": ["a/v/0.png"]}}}}, "test / v holds a list where"),
        ({FF: {"a": {"test": {"v": {"label": "FF-DF", "frames": ["a/v/0.png", "a/w/0.png"]}}}}},
         r"v has frames in 2 folders: \['a/v', 'a/w'\]"),
    ],
)  # fmt: skip
def test_wrong_lists_are_refused(tree, content, sentence):
    with pytest.raises(ValueError, match=sentence):
        deepfakebench.list_videos(on_disk(tree, content))


def test_the_manifest_takes_its_test_videos(tree):
    root = on_disk(tree, ff_lists(), *all_frames())
    wanted = blocks.Manifest(
        splits=["test"], compressions=["c23"], methods=[], allow_incomplete=True
    )
    made = build("deepfakebench", root, wanted)
    assert len(made.videos) == 3
    fakes = made.counts.set_index("method").loc["FF-DF"]
    assert (fakes["expected"], fakes["found"]) == (140, 1)
