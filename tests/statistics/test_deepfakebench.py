"""DeepfakeBench's figures to the last digit, and why they are not this project's."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepbench.core import tables
from deepbench.core.tables import VideoRow
from deepbench.statistics import deepfakebench

CASES = json.loads((Path(__file__).parents[1] / "data/metrics_cases.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_its_metrics_to_the_last_digit(case):
    found = deepfakebench.evaluate(
        case["image"], np.array(case["label"], bool), np.array(case["prob"], np.float32)
    )
    assert found._asdict() == case["expected"]


def test_the_cases_are_those_where_its_grouping_matters():
    separators = {"\\" in path for case in CASES["cases"] for path in case["image"]}
    assert separators == {True, False}
    merged = next(case for case in CASES["cases"] if case["name"] == "mixed_names")
    folders = {path.rpartition("/")[0] for path in merged["image"]}
    groups = deepfakebench.group(
        merged["image"], np.array(merged["label"], bool), np.array(merged["prob"], np.float32)
    )
    assert len(groups.labels) < len(folders)


def test_equally_named_folders_merge_and_one_real_frame_makes_a_real_video():
    paths = ["a/000_003/1.png", "b/000_003/1.png", "b\\007\\2.png", "c/007/9.png"]
    found = deepfakebench.group(
        paths, np.array([True, True, True, False]), np.array([0.25, 0.75, 1, 0.5], np.float32)
    )
    assert found == deepfakebench.Videos([1, 0], [0.5, 0.75])


def test_one_half_is_real():
    paths = ["a/r/0.png", "a/f/0.png"]
    probs = np.array([0.5, np.nextafter(np.float32(0.5), np.float32(1))], np.float32)
    assert deepfakebench.evaluate(paths, np.array([False, True]), probs).acc == 1


@pytest.mark.parametrize(
    ("paths", "labels", "sentence"),
    [
        (["a/0/0.png", "a/1/0.png"], [False, False], "stops: 2 real and 0 fake frames"),
        (["a/0/0.png", "b/0/1.png"], [False, True], "1 real and 0 fake videos as it groups them"),
    ],
)
def test_one_class_stops_it(paths, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        deepfakebench.evaluate(paths, np.array(labels), np.array([0.1, 0.2], np.float32))


def test_first_frames_not_spread_frames():
    frames = [f"v/{n:03d}.png" for n in (90, 0, 100, 1000, 10)]
    assert deepfakebench.first_k_frames(frames, 3) == ["v/000.png", "v/010.png", "v/090.png"]
    assert deepfakebench.first_k_frames(frames, 8)[-1] == "v/1000.png"
    windows = ["a/b\\v\\2.png", "a/b\\v\\1.png"]
    assert deepfakebench.first_k_frames(windows, 1) == ["a/b\\v\\1.png"]


METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")


def rows():
    for i in range(6):
        for method in ("real", *METHODS):
            name = f"{i:03d}" if method == "real" else f"{i:03d}_{5 - i:03d}"
            yield VideoRow(
                f"ff/{method}/{name}", "ff", "test", method != "real", method, f"ff/{i}", "video",
                f"{method}/c23/videos/{name}.mp4", "c23",
            )  # fmt: skip
        for label in (False, True):
            kind = "fake" if label else "real"
            yield VideoRow(
                f"own/{kind}/{i}", "own", "val" if i == 5 else "test", label, kind, f"own/{i}",
                "frames", f"{kind}/clip.{i if i != 4 or label else 1}",
            )  # fmt: skip


@pytest.fixture
def manifest():
    return tables.from_rows(tables.MANIFEST, list(rows()))


@pytest.fixture
def scores(manifest, rng):
    per_frame = manifest.loc[manifest.index.repeat(3), ["video_id", "label"]]
    logits = per_frame["label"] * 2.0 - 1 + rng.normal(0, 2, len(per_frame))
    table = per_frame[["video_id"]].assign(
        frame=np.tile(np.arange(3, dtype="int32"), len(manifest)), face=np.int16(0),
        detector="net", fake_logit=logits.astype("float32"),
    )  # fmt: skip
    # a second, less suspect face does not count
    return pd.concat([table, table.assign(face=np.int16(1), fake_logit=np.float32(-9))])


def cell(table, metric, dataset="ff"):
    chosen = table.query("scorer == 'net' and dataset == @dataset and metric == @metric")
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_merged_videos_are_counted(manifest, scores):
    table = deepfakebench.published_protocol(manifest, scores)
    assert list(table.columns) == deepfakebench.COLUMNS
    auc = cell(table, "video AUC")
    assert auc["why_different"] == (
        "24 fakes of 4 methods share 6 folder names and are merged: 30 videos become 12"
    )
    assert auc["value_here"] != auc["value_deepfakebench"]


def test_the_merged_figure_is_that_of_its_code(manifest, scores):
    first = scores[(scores["face"] == 0) & scores["video_id"].str.startswith("ff/")]
    label = ~first["video_id"].str.contains("/real/").to_numpy()
    paths = [f"x/{v.split('/')[-1]}/{f}.png" for v, f in zip(first["video_id"], first["frame"])]  # noqa: B905
    probs = 1 / (1 + np.exp(-first["fake_logit"].to_numpy()))
    expected = deepfakebench.evaluate(paths, label, probs)
    table = deepfakebench.published_protocol(manifest, scores)
    found = table[table["dataset"] == "ff"]["value_deepfakebench"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_reals_and_fakes_of_one_name_are_told(manifest, scores):
    why = cell(deepfakebench.published_protocol(manifest, scores), "video AUC", "own")
    # clip.1 is twice among the reals, clip.4 only among the fakes
    assert why["why_different"] == (
        "4 fakes of 1 method and 5 reals share 4 folder names and are merged: "
        "10 videos become 5, of which 4 hold both and count as real"
    )


def test_what_is_the_same_is_said_to_be(manifest, scores):
    table = deepfakebench.published_protocol(manifest, scores)
    assert cell(table, "frame AUC")["why_different"] == "the same"
    same = table["why_different"] == "the same"
    gap = (table["value_here"] - table["value_deepfakebench"]).abs()
    assert (gap[same] < 1e-9).all()


def test_the_equal_error_rates_differ_by_interpolation(manifest):
    few = tables.from_rows(tables.MANIFEST, list(rows())[:2])
    logits = pd.DataFrame({"frame": range(6), "fake_logit": [-2, 0, 2, -1, 1, 3]})
    parts = [
        logits[:n].assign(video_id=v, face=0, detector="net")
        for v, n in zip(few["video_id"], (6, 5), strict=True)
    ]
    eer = cell(deepfakebench.published_protocol(few, pd.concat(parts)), "frame EER")
    assert eer["value_here"] != eer["value_deepfakebench"]
    assert "between the two points of the ROC curve" in eer["why_different"]


def test_saturated_probabilities_are_counted(manifest, scores):
    sure = scores.assign(fake_logit=np.where(scores["face"] == 0, scores["fake_logit"] + 40, -9))
    auc = cell(deepfakebench.published_protocol(manifest, sure), "frame AUC")
    assert auc["value_deepfakebench"] == 0.5
    assert auc["why_different"].startswith("there scores are float32 probabilities: 89 of 90 ")


def test_one_class_is_nan_with_a_reason(manifest, scores):
    reals = manifest[manifest["dataset"].eq("own") & ~manifest["label"]]
    acc = cell(deepfakebench.published_protocol(reals, scores), "frame accuracy", "own")
    assert np.isnan(acc["value_deepfakebench"])
    assert acc["value_here"] > 0
    assert acc["why_different"] == "DeepfakeBench stops: 15 real and 0 fake frames"


def test_compressions_are_kept_apart(manifest, scores):
    both = manifest[manifest["dataset"] == "ff"]
    both = both.assign(compression=np.where(both["method"] == "FaceSwap", "c40", "c23"))
    table = deepfakebench.published_protocol(both, scores)
    assert set(table["dataset"]) == {"ff c23", "ff c40"}
    assert cell(table, "video AUC", "ff c40")["why_different"].startswith("DeepfakeBench stops")


def test_nothing_scored_is_an_empty_table(manifest, scores):
    table = deepfakebench.published_protocol(manifest, scores[:0])
    assert list(table.columns) == deepfakebench.COLUMNS
    assert table.empty
