"""Every video comes out once per scorer, scored or with a reason."""

import numpy as np
import pytest
from scipy.special import logit

from deepbench import videos
from deepbench.core import params, tables
from deepbench.core.tables import VideoRow

SETTINGS = params.Videos(
    pooling="mean",
    rule="weighted_mean",
    min_detectors=2,
    ensembles={"equal": {"one": 1.0, "two": 1.0}, "tilted": {"one": 3.0, "two": 1.0, "three": 0.0}},
)


@pytest.fixture
def manifest():
    rows = [VideoRow(v, "set", "test", False, "real", v, "video", v) for v in "abc"]
    return tables.from_rows(tables.MANIFEST, rows)


@pytest.fixture
def ledger():
    problems = {"a": "", "b": "no face found in 8 frames", "c": ""}
    counts = dict.fromkeys(list(tables.LEDGER.columns)[1:-1], 0)
    rows = [{"video_id": v, **counts, "problem": p} for v, p in problems.items()]
    return tables.from_rows(tables.LEDGER, rows)


def scores(*entries):
    keys = ["video_id", "frame", "face", "detector"]
    rows = [dict(zip([*keys, "fake_logit"], (*e[:4], logit(e[4])), strict=True)) for e in entries]
    return tables.from_rows(tables.SCORES, rows)


@pytest.fixture
def pooled(manifest, ledger):
    table = scores(
        ("a", 0, 0, "one", 0.2),
        ("a", 0, 1, "one", 0.6),
        ("a", 9, 0, "one", 0.8),
        ("a", 0, 0, "two", 0.1),
        ("c", 0, 0, "one", 0.9),
    )
    return videos.pool(manifest, ledger, table, ["one", "two", "three"], "mean")


def cell(table, scorer, video):
    return table.set_index(["scorer", "video_id"]).loc[(scorer, video)]


def test_every_video_appears_once_per_detector_even_without_any_score(pooled):
    assert pooled.groupby("scorer").size().to_dict() == {"one": 3, "two": 3, "three": 3}
    tables.check(tables.VIDEOS, pooled)


def test_the_highest_face_of_a_frame_counts(pooled):
    a = cell(pooled, "one", "a")
    assert a["fake_prob"] == pytest.approx(0.7, abs=1e-6)
    assert a["frames_used"] == 2


def test_a_lost_video_is_nan_with_the_ledgers_reason(pooled):
    b = cell(pooled, "one", "b")
    assert np.isnan(b["fake_prob"])
    assert b["problem"] == "no face found in 8 frames"
    assert cell(pooled, "two", "c")["problem"] == "its faces have no score"


def test_an_ensemble_is_the_weighted_mean_of_probabilities(pooled):
    fused = videos.combine(pooled, SETTINGS)
    assert cell(fused, "equal", "a")["fake_prob"] == pytest.approx(0.4, abs=1e-6)
    assert cell(fused, "tilted", "a")["fake_prob"] == pytest.approx(0.55, abs=1e-6)
    tables.check(tables.VIDEOS, fused)


def test_too_few_detectors_is_nan_with_a_sentence(pooled):
    c = cell(videos.combine(pooled, SETTINGS), "equal", "c")
    assert np.isnan(c["fake_prob"])
    expected = "1 of 2 detectors scored it, 2 are needed: its faces have no score"
    assert c["problem"] == expected


def test_every_nan_has_a_reason_also_when_all_members_scored(pooled):
    strict = SETTINGS.model_copy(update={"min_detectors": 3})
    fused = videos.combine(pooled, strict)
    assert fused["fake_logit"].isna().all()
    assert (fused["problem"] != "").all()


def test_one_detector_is_enough_where_the_settings_say_so(pooled):
    relaxed = SETTINGS.model_copy(update={"min_detectors": 1})
    c = cell(videos.combine(pooled, relaxed), "equal", "c")
    assert c["fake_prob"] == pytest.approx(0.9, abs=1e-6)
    assert c["problem"].startswith("1 of 2 detectors scored it")


def test_an_unknown_pooling_rule_lists_the_rules(manifest, ledger):
    with pytest.raises(ValueError, match=r"unknown pooling rule 'median'.*mean, majority"):
        videos.pool(manifest, ledger, scores(), ["one"], "median")
