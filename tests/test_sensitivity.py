"""Sensitivity: the settings are what their names say, and the videos' own score is among them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from deepbench import sensitivity
from deepbench.core import blocks, findings, params, tables
from deepbench.core.tables import VideoRow
from deepbench.media.video import frame_indices
from deepbench.statistics import pooling
from deepbench.statistics.pooling import POOLS

SHIPPED = params.load(Path(__file__).parents[1] / "params.yaml")
DETECTORS = ["net", "web"]
STORED = 8


def with_faces(**changes):
    return SHIPPED.model_copy(
        update={
            "detectors": DETECTORS,
            "faces": SHIPPED.faces.model_copy(update={"frames": STORED} | changes),
            "sensitivity": blocks.Sensitivity(frames=[4, 1, 8, 16, 4]),
            "results": SHIPPED.results.model_copy(update={"replicates": 100}),
        }
    )


SETTINGS = with_faces()


def rows():
    for i in range(30):
        method = "Deepfakes" if i % 2 else "real"
        yield VideoRow(
            f"set/{i:02d}", "set", "test", bool(i % 2), method, f"c{i // 2}", "video", "x"
        )
    for i in range(6):
        yield VideoRow(f"set/v{i}", "set", "val", False, "real", f"v{i}", "video", "x")
    for i in range(12):
        method = "Deepfakes" if i % 2 else "real"
        yield VideoRow(f"pics/{i:02d}", "pics", "test", bool(i % 2), method, f"p{i}", "image", "x")


@pytest.fixture(scope="module")
def manifest():
    return tables.from_rows(tables.MANIFEST, list(rows()))


@pytest.fixture(scope="module")
def faces(manifest):
    rng = np.random.default_rng(20261122)
    parts = []
    for place, (name, media) in enumerate(
        zip(manifest["video_id"], manifest["media"], strict=True)
    ):
        for frame in range(1 if media == "image" else STORED):
            side = 50.0 + 3 * place
            parts.append(
                {
                    "video_id": name,
                    "frame": 3 * frame,
                    "face": 0,
                    "box": [10.0, 10, 10 + side, 10 + side],
                    "sharpness": rng.uniform(5, 50),
                }
            )
    return pd.DataFrame(parts).astype({"frame": "int32", "face": "int16", "sharpness": "float32"})


@pytest.fixture(scope="module")
def scores(manifest, faces):
    rng = np.random.default_rng(20261122)
    label = faces["video_id"].map(manifest.set_index("video_id")["label"])
    parts = []
    for detector in DETECTORS:
        logits = 2.0 * label - 1 + rng.normal(0, 3, len(faces))
        part = faces[["video_id", "frame", "face"]].assign(detector=detector, fake_logit=logits)
        parts.append(part.astype({"fake_logit": "float32"}))
    return pd.concat(parts, ignore_index=True)[list(tables.SCORES.columns)]


@pytest.fixture(scope="module")
def table(manifest, scores, faces):
    return sensitivity.vary(manifest, scores, faces, SETTINGS)


def of(table, factor, scorer="net", dataset="set"):
    chosen = (table[["factor", "scorer", "dataset"]] == [factor, scorer, dataset]).all(axis=1)
    return table[chosen].sort_values("place").set_index("setting")


def own_auc(manifest, frames, rule="mean", scorer="net"):
    videos = pooling.by_video(frames, rule)
    videos = videos[videos["detector"] == scorer].merge(manifest, on="video_id")
    videos = videos[(videos["dataset"] == "set") & (videos["split"] == "test")]
    # scikit-learn refuses infinity; only the order counts
    return roc_auc_score(videos["label"], videos["fake_logit"].rank())


def test_the_table_is_a_sensitivity_table_and_complete(table):
    tables.check(findings.SENSITIVITY, table)
    assert len(table) == 2 * len(DETECTORS) * (4 + len(POOLS) + 3 + 3)
    assert not table.duplicated(["factor", "place", "scorer", "dataset"]).any()
    assert of(table, "frames").index.tolist() == ["1", "4", "8", "16"]
    assert of(table, "pooling").index.tolist() == list(POOLS)


def test_all_frames_give_the_videos_own_score(manifest, scores, faces, table):
    frames = pooling.by_frame(scores, faces)
    for scorer in DETECTORS:
        own = own_auc(manifest, frames, scorer=scorer)
        assert of(table, "frames", scorer).loc["8", "value"] == pytest.approx(own)
        assert of(table, "pooling", scorer).loc["mean", "value"] == pytest.approx(own)


def test_every_pooling_rule_is_its_own(manifest, scores, faces, table):
    frames = pooling.by_frame(scores, faces)
    told = of(table, "pooling")["value"]
    for rule in POOLS:
        assert told[rule] == pytest.approx(own_auc(manifest, frames, rule))


def test_the_configured_pooling_is_used_for_the_other_factors(manifest, scores, faces):
    other = SETTINGS.model_copy(
        update={"videos": SETTINGS.videos.model_copy(update={"pooling": "median"})}
    )
    table = sensitivity.vary(manifest, scores, faces, other)
    median = of(table, "pooling").loc["median", "value"]
    assert of(table, "frames").loc["8", "value"] == median
    assert of(table, "pooling").loc["mean", "value"] != median


def test_fewer_frames_are_those_that_the_step_faces_would_have_taken(scores, faces):
    frames = pooling.by_frame(scores, faces)
    for n in range(1, 12):
        kept = sensitivity.thin(frames, n)
        mine = kept[(kept["detector"] == "web") & (kept["video_id"] == "set/00")]
        assert (mine["frame"] // 3).tolist() == frame_indices(STORED, "uniform", n, 1, 1)
        pictures = kept[kept["video_id"].str.startswith("pics")]
        assert len(pictures) == 12 * len(DETECTORS)


def test_one_frame_by_hand(manifest, scores, faces, table):
    frames = pooling.by_frame(scores, faces)
    first = own_auc(manifest, frames[frames["frame"] == 0])
    assert of(table, "frames").loc["1", "value"] == pytest.approx(first)


def test_the_order_of_the_rows_does_not_matter(manifest, scores, faces, table):
    again = sensitivity.vary(
        manifest,
        scores.sample(frac=1, random_state=1),
        faces.sample(frac=1, random_state=2),
        SETTINGS,
    )
    pd.testing.assert_frame_equal(again, table)


@pytest.mark.parametrize(
    ("changes", "n"), [({}, 8), ({"frame_rule": "every_nth", "at_most": 12}, 12)]
)
def test_frames_that_were_never_stored_are_undefined(manifest, scores, faces, changes, n):
    table = sensitivity.vary(manifest, scores, faces, with_faces(**changes))
    told = of(table, "frames").loc["16"]
    assert np.isnan(told[["value", "low", "high"]].to_numpy(float)).all()
    assert told["note"] == f"the run stored {n} frames per video"
    assert (told["n_real"], told["n_fake"]) == (0, 0)


def test_intervals_hold_their_value(table):
    known = of(table, "frames").dropna(subset="value")
    assert (known["low"] <= known["value"]).all()
    assert (known["value"] <= known["high"]).all()
    assert (known["n_real"] + known["n_fake"] == 30).all()


@pytest.mark.parametrize("factor", ["face size", "sharpness"])
def test_thirds_part_the_test_videos(table, factor):
    for dataset, n in (("set", 30), ("pics", 12)):
        told = of(table, factor, dataset=dataset)
        assert (told["n_real"] + told["n_fake"]).tolist() == [n / 3] * 3
        assert told["place"].tolist() == [0, 1, 2]


def test_thirds_of_face_size_by_hand(manifest, scores, faces, table):
    told = of(table, "face size")
    # the sides of the 30 test videos are 50, 53, ... 137
    assert told.index.tolist() == [
        "smallest third: up to 77.0 px",
        "middle third: 77.0 to 107.0 px",
        "largest third: above 107.0 px",
    ]
    small = pooling.by_frame(scores, faces).query("side < 78")
    assert told["value"].iloc[0] == pytest.approx(own_auc(manifest, small))


def test_equal_sizes_stay_together():
    values = pd.Series([5.0, 5, 5, 5, 7, 9], index=list("abcdef"))
    found = sensitivity.thirds(values, ("low", "mid", "high"), "")
    assert [list(third.video_ids) for third in found] == [["a", "b", "c", "d"], [], ["e", "f"]]
    assert [third.name for third in found] == [
        "low: up to 5.0",
        "mid: 5.0 to 5.0",
        "high: above 5.0",
    ]


def test_thirds_hold_every_video_once(rng):
    for n in (0, 1, 2, 3, 4, 50):
        values = pd.Series(rng.normal(0, 1, n).round(1), index=[f"v{i}" for i in range(n)])
        found = sensitivity.thirds(values, ("low", "mid", "high"), " px")
        everyone = [name for third in found for name in third.video_ids]
        assert sorted(everyone) == sorted(values.index)


def test_all_of_one_size_leave_the_other_thirds_empty_with_the_reason(manifest, scores, faces):
    same = faces.assign(box=[[0.0, 0, 90, 90]] * len(faces))
    told = of(sensitivity.vary(manifest, scores, same, SETTINGS), "face size")
    assert (told["n_real"] + told["n_fake"]).tolist() == [30, 0, 0]
    assert told["note"].tolist() == ["", *["undefined with 0 real and 0 fake"] * 2]


def test_a_data_set_without_a_face_is_told(manifest, scores, faces):
    some = ~scores["video_id"].str.startswith("pics")
    told = sensitivity.vary(manifest, scores[some], faces, SETTINGS)
    told = told[(told["dataset"] == "pics") & ~told["note"].str.startswith("the run stored")]
    assert told["value"].isna().all()
    assert (told["note"] == "undefined with 0 real and 0 fake").all()
    assert "smallest third" in set(told["setting"])


def test_a_video_that_one_detector_lost_is_missing_for_it_only(manifest, scores, faces, table):
    gone = (scores["video_id"] == "set/03") & (scores["detector"] == "net")
    told = sensitivity.vary(manifest, scores[~gone], faces, SETTINGS)
    assert (of(told, "pooling")["n_fake"] == 14).all()
    pd.testing.assert_frame_equal(of(told, "pooling", "web"), of(table, "pooling", "web"))


def test_other_splits_change_nothing(manifest, scores, faces, table):
    val = scores["video_id"].isin(manifest.loc[manifest["split"] == "val", "video_id"])
    other = scores.assign(fake_logit=scores["fake_logit"].mask(val, 9.0))
    pd.testing.assert_frame_equal(sensitivity.vary(manifest, other, faces, SETTINGS), table)
