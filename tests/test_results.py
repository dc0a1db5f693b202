"""Results: the right cells, counts and intervals, and nothing undefined as a number."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepbench import results
from deepbench.core import params, tables
from deepbench.core.tables import VideoRow

SHIPPED = params.load(Path(__file__).parents[1] / "params.yaml")
FAST = SHIPPED.model_copy(
    update={"results": SHIPPED.results.model_copy(update={"replicates": 200})}
)
DIGESTS = {"net": "c0ffee123456"}


def rows():
    for i in range(12):
        method = ["real", "Deepfakes", "FaceSwap"][i % 3]
        split = "val" if i >= 9 else "test"
        label = method != "real"
        yield VideoRow(f"set/{i:02d}", "set", split, label, method, f"c{i // 3}", "video", f"{i}")
    for i in range(2):
        yield VideoRow(f"reals/{i}", "reals", "test", False, "real", f"r{i}", "image", f"{i}")


@pytest.fixture
def manifest():
    return tables.from_rows(tables.MANIFEST, list(rows()))


@pytest.fixture
def videos(manifest, rng):
    logits = np.where(manifest["label"], 2.0, -2.0) + rng.normal(0, 0.1, len(manifest))
    logits[1] = np.nan  # one Deepfakes video was lost
    frame = pd.DataFrame({"video_id": manifest["video_id"], "scorer": "net", "fake_logit": logits})
    frame["fake_prob"] = 1 / (1 + np.exp(-logits))
    return frame.assign(frames_used=8, problem="")[list(tables.VIDEOS.columns)]


@pytest.fixture
def frames(manifest):
    fake = manifest["label"].astype(float) * 2 - 1
    one = manifest[["video_id"]].assign(frame=0, face=0, detector="net", fake_logit=fake)
    # a second, less suspect face in the same frame must not count
    return pd.concat([one, one.assign(face=1, fake_logit=-9.0)]).astype({"fake_logit": "float32"})


@pytest.fixture
def table(manifest, videos, frames):
    return results.evaluate(manifest, videos, frames, FAST, DIGESTS)


def value(table, metric, **where):
    where = {"scorer": "net", "dataset": "set", "method": "all", "level": "video"} | where
    chosen = table[(table[list(where)] == pd.Series(where)).all(axis=1)]
    return chosen.set_index("metric").loc[metric]


def test_only_the_test_split_counts_and_the_lost_are_told(table):
    auc = value(table, "auc")
    assert (auc["n_real"], auc["n_fake"], auc["n_missing"]) == (3, 5, 1)
    assert auc["value"] == 1.0
    assert "test split" in auc["protocol"]
    assert auc["protocol"].endswith(", weights: c0ffee123456")


def test_each_manipulation_stands_against_the_reals(table):
    assert value(table, "auc", method="FaceSwap")[["n_real", "n_fake"]].tolist() == [3, 3]
    assert value(table, "auc", method="Deepfakes")["n_missing"] == 1


def test_frame_level_takes_the_highest_face(table):
    auc = value(table, "auc", level="frame")
    assert auc["value"] == 1.0
    assert auc["n_fake"] == 6


def test_a_video_without_frames_is_missing_at_frame_level_too(manifest, videos, frames):
    some = frames[frames["video_id"] != "set/01"]
    table = results.evaluate(manifest, videos, some, FAST, {"net": "abc"})
    assert value(table, "auc", level="frame")["n_missing"] == 1


def test_one_class_is_nan_with_a_note(table):
    auc = value(table, "auc", dataset="reals")
    assert np.isnan([auc["value"], auc["low"], auc["high"]]).all()
    assert auc["note"] == "undefined with 2 real and 0 fake"
    assert value(table, "specificity", dataset="reals")["value"] == 1.0


def test_precision_without_calls_says_why(manifest, videos, frames):
    calm = videos.assign(fake_logit=videos["fake_logit"] - 10)
    precision = value(results.evaluate(manifest, calm, frames, FAST, DIGESTS), "precision")
    assert np.isnan(precision["value"])
    assert precision["note"] == "undefined: nothing was called fake"


def test_intervals_hold_their_value_and_repeat(table, manifest, videos, frames):
    known = table.dropna(subset=["value", "low", "high"])
    assert (known["low"] <= known["value"] + 1e-12).all()
    assert (known["value"] <= known["high"] + 1e-12).all()
    pd.testing.assert_frame_equal(table, results.evaluate(manifest, videos, frames, FAST, DIGESTS))


def test_the_table_is_a_results_table(table):
    tables.check(tables.RESULTS, table)


def test_summary_is_json_with_null_for_undefined(table):
    summary = results.summary(table)
    assert summary["set"]["net"]["auc"] == 1.0
    assert summary["reals"]["net"]["auc"] is None


def test_roc_runs_from_corner_to_corner(manifest, videos):
    curves = results.roc(manifest, videos.dropna())
    assert set(curves) == {"set-net"}
    assert curves["set-net"].iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]


RUNS = [
    {"detector": detector, "weights_sha256": digit * 64}
    for detector, digit in (("net", "a"), ("web", "b"))
    for _ in range(2)
]


def test_a_scorer_is_named_after_its_checkpoints():
    ensembles = {"both": {"net": 1.0, "web": 2.0}, "one": {"net": 0.0, "web": 1.0}}
    assert results.digests(RUNS, ensembles) == {
        "net": "a" * 12,
        "web": "b" * 12,
        "both": "net aaaaaaaaaaaa + web bbbbbbbbbbbb",
        "one": "web bbbbbbbbbbbb",
    }


def test_two_checkpoints_of_one_detector_are_refused():
    other = {"detector": "net", "weights_sha256": "c" * 64}
    with pytest.raises(ValueError, match=r"net ran with checkpoints a{12} and c{12} on different"):
        results.digests([*RUNS, other], {})


def test_a_scorer_without_a_checkpoint_is_refused(manifest, videos, frames):
    with pytest.raises(ValueError, match=r"no checkpoint is named for \['net'\]; make the scores"):
        results.evaluate(manifest, videos, frames, FAST, {"other": "c0ffee"})
