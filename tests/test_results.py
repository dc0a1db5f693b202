"""Results: the right cells, counts and intervals, and nothing undefined as a number."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepbench import results
from deepbench.core import params, tables
from deepbench.core.params import Ensemble, External
from deepbench.core.tables import VideoRow
from deepbench.statistics.metrics import COUNTS, DECISIONS, METRICS

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


def test_every_metric_has_its_row_and_extras_are_of_videos(table):
    every = {*METRICS, *DECISIONS, *COUNTS}
    extras = {"auc_delong", "auc_lost_best", "auc_lost_worst"}
    for _, rows in table.groupby(["dataset", "method"]):
        assert set(rows.loc[rows["level"] == "frame", "metric"]) == every
        assert set(rows.loc[rows["level"] == "video", "metric"]) == every | extras
    assert (table["note"] != "").where(table["low"].isna(), True).all()


def test_the_confusion_matrix_counts_and_has_no_interval(table):
    counts = [value(table, name) for name in COUNTS]
    assert [row["value"] for row in counts] == [5, 0, 3, 0]
    assert {row["note"] for row in counts} == {"no interval: a count"}


def test_lost_videos_bound_the_auc(table):
    # 5 of 6 fakes scored: 15 of 18 pairs are known, and all are ordered rightly
    best, worst = value(table, "auc_lost_best"), value(table, "auc_lost_worst")
    assert best["value"] == 1.0
    assert worst["value"] == pytest.approx(15 / 18)
    assert worst["note"] == "no interval: a bound"
    swap = [value(table, name, method="FaceSwap") for name in ("auc", "auc_lost_worst")]
    assert swap[0]["value"] == swap[1]["value"]
    none = value(table, "auc_lost_best", dataset="reals")
    assert np.isnan(none["value"])
    assert none["note"] == "undefined with 2 real and 0 fake"


def many(clips, per_clip, rng):
    """A data set whose fakes of one clip resemble one another; each clip has one real."""
    rows, logits = [], []
    for clip in range(clips):
        shared = rng.normal()
        for copy in range(per_clip + 1):
            fake = copy > 0
            method = "swap" if fake else "real"
            name = f"big/{clip:02d}-{copy}"
            rows.append(VideoRow(name, "big", "test", fake, method, f"c{clip:02d}", "video", name))
            logits.append(fake * (1.0 + 2 * shared) + rng.normal() * 0.7)
    manifest = tables.from_rows(tables.MANIFEST, rows)
    videos = pd.DataFrame({"video_id": manifest["video_id"], "scorer": "net", "fake_logit": logits})
    videos["fake_prob"] = 1 / (1 + np.exp(-videos["fake_logit"]))
    return manifest, videos.assign(frames_used=1, problem="")[list(tables.VIDEOS.columns)]


@pytest.fixture
def big(rng, frames):
    manifest, videos = many(30, 6, rng)
    other = videos.assign(scorer="web", fake_logit=videos["fake_logit"] * 2)
    both = pd.concat([videos, other])
    return results.evaluate(manifest, both, frames[:0], FAST, {"net": "a", "web": "b"})


def test_the_plain_interval_is_too_narrow_where_clips_are_alike(big):
    auc = value(big, "auc", dataset="big")
    assert auc["low"] < auc["plain_low"] < auc["value"] < auc["plain_high"] < auc["high"]
    delong = value(big, "auc_delong", dataset="big")
    assert delong["value"] == pytest.approx(auc["value"])
    assert np.isnan([delong["plain_low"], delong["plain_high"]]).all()
    # DeLong takes videos as independent, too
    assert delong[["low", "high"]].tolist() == pytest.approx(
        auc[["plain_low", "plain_high"]].tolist(), abs=0.02
    )


def test_scorers_of_the_same_videos_get_the_same_draws(big):
    # web ranks and decides as net does
    ends = ["value", "low", "high", "plain_low", "plain_high"]
    for name in ("auc", "ap", "eer", "accuracy", "f1"):
        one, other = (value(big, name, dataset="big", scorer=s) for s in ("net", "web"))
        assert one[ends].tolist() == other[ends].tolist(), name


def test_the_order_of_the_tables_does_not_matter(rng, frames):
    manifest, videos = many(8, 2, rng)
    here = results.evaluate(manifest, videos, frames[:0], FAST, DIGESTS)
    backwards = results.evaluate(manifest, videos[::-1], frames[:0], FAST, DIGESTS)
    pd.testing.assert_frame_equal(here, backwards)


def test_too_few_clips_get_neither_interval(table):
    few = table[(table["dataset"] == "set") & table["metric"].isin(["auc", "auc_delong"])]
    assert few["value"].notna().all()
    ends = few[["low", "high", "plain_low", "plain_high"]]
    assert ends.isna().all(axis=None)
    assert (
        few["note"]
        .str.fullmatch(r"no interval from [23] independent clips of a class, fewer than 5")
        .all()
    )


def test_summary_is_json_with_null_for_undefined(table, big):
    summary = results.summary(table)
    assert summary["set"]["net"]["auc"] == 1.0
    assert summary["reals"]["net"]["auc"] is None
    figures = results.summary(big)["big"]["web"]
    assert list(figures) == [*results.HEADLINE, "auc_low", "auc_high"]
    assert figures["auc_low"] < figures["auc"] < figures["auc_high"]


def test_roc_runs_from_corner_to_corner(manifest, videos):
    curves = results.roc(manifest, videos.dropna())
    assert set(curves) == {"set-net"}
    assert curves["set-net"].iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]


RUNS = [
    {"detector": detector, "weights_sha256": digit * 64}
    for detector, digit in (("net", "a"), ("web", "b"))
    for _ in range(2)
]


FILE = {"scorer": "bench", "file": "data/scores/bench.csv", "sha256": "c" * 64}


def with_scorers(**ensembles):
    videos = SHIPPED.videos.model_copy(update={"ensembles": ensembles})
    external = {"bench": External(path="data/scores/bench.csv")}
    return SHIPPED.model_copy(update={"videos": videos, "external": external})


SCORERS = with_scorers(
    both=Ensemble(rule="weighted_mean", weights={"net": 1.0, "web": 2.0}),
    one=Ensemble(rule="max", weights={"net": 0.0, "web": 1.0, "bench": 1.0}),
    outside=Ensemble(rule="median", weights={"bench": 1.0}),
)


def test_a_scorer_is_named_after_its_checkpoints_and_files():
    assert results.digests([*RUNS, FILE], SCORERS) == {
        "net": "a" * 12,
        "web": "b" * 12,
        "bench": "c" * 12,
        "both": "net aaaaaaaaaaaa + web bbbbbbbbbbbb",
        "one": "web bbbbbbbbbbbb + bench cccccccccccc",
        "outside": "bench cccccccccccc",
    }


def test_two_checkpoints_of_one_detector_are_refused():
    other = {"detector": "net", "weights_sha256": "c" * 64}
    with pytest.raises(ValueError, match=r"net ran with checkpoints a{12} and c{12} on different"):
        results.digests([*RUNS, other], with_scorers())


def test_an_ensemble_of_unknown_members_is_refused():
    with pytest.raises(ValueError, match=r"ensemble one: no scores of \['bench'\]; make them"):
        results.digests(RUNS, SCORERS)


def test_the_protocol_says_each_scorers_own_rule_and_source():
    own = (
        f"test split, {SCORERS.faces.frames} uniform frames, face: track, crop: aligned, "
        "input: published, float32, "
        "pooling: mean"
    )
    read = "bench read from data/scores/bench.csv"
    assert results.protocol(SCORERS, "net") == own
    assert results.protocol(SCORERS, "both") == f"{own}, rule: weighted_mean of net 1 + web 2"
    assert results.protocol(SCORERS, "one") == f"{own}, {read}, rule: max of web + bench"
    # nothing of frames or crops is known of scores from elsewhere
    assert results.protocol(SCORERS, "bench") == f"test split, {read}"
    assert results.protocol(SCORERS, "outside") == f"test split, {read}, rule: median of bench"


def test_a_scorer_from_a_file_names_its_file(manifest, videos, frames):
    settings = FAST.model_copy(update={"external": SCORERS.external})
    bench = videos.assign(scorer="bench")
    table = results.evaluate(manifest, bench, frames[:0], settings, {"bench": "c" * 12})
    assert set(table["protocol"]) == {
        "test split, bench read from data/scores/bench.csv, file: cccccccccccc"
    }


def test_a_scorer_without_a_checkpoint_is_refused(manifest, videos, frames):
    with pytest.raises(ValueError, match=r"no checkpoint is named for \['net'\]; make the scores"):
        results.evaluate(manifest, videos, frames, FAST, {"other": "c0ffee"})
