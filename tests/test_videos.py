"""Every video comes out once per scorer, scored or with a reason; no rule reaches a test label."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from deepbench import videos
from deepbench.core import params, tables
from deepbench.core.tables import VideoRow
from deepbench.statistics.ensembles import ENSEMBLES

SHIPPED = params.load(Path(__file__).parents[1] / "params.yaml")
ALL = {"one": 1, "two": 1, "three": 1}


def settings(ensembles, **changed):
    """Three detectors and one scorer from elsewhere."""
    blocks = SHIPPED.model_dump()
    blocks |= {"detectors": list(ALL), "external": {"bench": {"path": "bench.csv"}}}
    blocks["frequency"] |= {"scorer": False}
    blocks["videos"] |= {"min_detectors": 2, "ensembles": ensembles} | changed
    return params.Params.model_validate(blocks)


def mean(**weights):
    return {"rule": "weighted_mean", "weights": weights}


EQUAL = settings({"equal": mean(one=1, two=1), "tilted": mean(one=3, two=1, three=0)})


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
    faces = table[["video_id", "frame", "face"]].drop_duplicates()
    box = [np.array([0, 0, 80, 80], "float32")] * len(faces)
    return videos.pool(manifest, ledger, faces.assign(box=box, sharpness=30.0), table, EQUAL, {})


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


def test_an_ensemble_is_the_weighted_mean_of_probabilities(pooled, manifest):
    fused = videos.combine(pooled, manifest, EQUAL)
    assert cell(fused, "equal", "a")["fake_prob"] == pytest.approx(0.4, abs=1e-6)
    assert cell(fused, "tilted", "a")["fake_prob"] == pytest.approx(0.55, abs=1e-6)
    assert cell(fused, "equal", "a")["frames_used"] == 2
    tables.check(tables.VIDEOS, fused)


def test_too_few_detectors_is_nan_with_a_sentence(pooled, manifest):
    c = cell(videos.combine(pooled, manifest, EQUAL), "equal", "c")
    assert np.isnan(c["fake_prob"])
    expected = "1 of 2 detectors scored it, 2 are needed: its faces have no score"
    assert c["problem"] == expected


def test_one_detector_is_enough_where_the_settings_say_so(pooled, manifest):
    relaxed = settings({"equal": mean(one=1, two=1)}, min_detectors=1)
    c = cell(videos.combine(pooled, manifest, relaxed), "equal", "c")
    assert c["fake_prob"] == pytest.approx(0.9, abs=1e-6)
    assert c["problem"].startswith("1 of 2 detectors scored it: its faces")


def test_no_ensembles_give_an_empty_table(pooled, manifest):
    fused = videos.combine(pooled, manifest, settings({}))
    tables.check(tables.VIDEOS, fused)
    assert fused.empty


@pytest.fixture
def study(rng):
    """A manifest of two data sets with both splits, and everybody's scores of all its videos."""
    rows = [
        VideoRow(f"{d}/{s}/{i}", d, s, i % 4 > 0, "x" if i % 4 else "real", f"{d}{i}", "video", "")
        for d in ("faceforensics", "dfdc")
        for s in ("val", "test")
        for i in range(24)
    ]
    manifest = tables.from_rows(tables.MANIFEST, rows)
    parts = [
        pd.DataFrame(
            {
                "video_id": manifest["video_id"],
                "scorer": name,
                "fake_logit": rng.normal(size=len(manifest)) + manifest["label"],
                "fake_prob": 0.5,
                "frames_used": np.int32(8),
                "problem": "",
            }
        )
        for name in (*ALL, "bench")
    ]
    return manifest, pd.concat(parts)


EVERY_RULE = settings({rule: {"rule": rule, "weights": {**ALL, "bench": 1}} for rule in ENSEMBLES})


def flipped(manifest, rows):
    label = manifest["label"] ^ rows
    return manifest.assign(label=label, method=np.where(label, "x", "real"))


def test_no_ensemble_rule_can_reach_a_test_label(study):
    """Nor any label but those of the development split."""
    manifest, pooled = study
    learnt_from = (manifest["dataset"] == "faceforensics") & (manifest["split"] == "val")
    before = videos.combine(pooled, manifest, EVERY_RULE)
    after = videos.combine(pooled, flipped(manifest, ~learnt_from), EVERY_RULE)
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    assert before["fake_logit"].notna().all()


def test_development_labels_change_the_stack_and_nothing_else(study):
    manifest, pooled = study
    learnt_from = (manifest["dataset"] == "faceforensics") & (manifest["split"] == "val")
    before = videos.combine(pooled, manifest, EVERY_RULE)
    after = videos.combine(pooled, flipped(manifest, learnt_from), EVERY_RULE)
    changed = before["scorer"][before["fake_logit"] != after["fake_logit"]]
    assert set(changed) == {"stack"}


def test_development_is_the_val_split_of_one_data_set(study):
    manifest, pooled = study
    wide = pooled.pivot(index="video_id", columns="scorer", values="fake_logit")
    known = videos.development(wide[["two", "bench"]], manifest, "faceforensics")
    ids = [f"faceforensics/val/{i}" for i in range(24)]
    np.testing.assert_array_equal(known.logits, wide.loc[ids, ["two", "bench"]])
    assert known.labels.tolist() == [i % 4 > 0 for i in range(24)]
    nothing = videos.development(wide, manifest, "")
    assert (nothing.logits.shape, nothing.labels.shape) == ((0, 4), (0,))


def test_a_scorer_from_elsewhere_is_a_member_like_the_others(study):
    manifest, pooled = study
    fused = videos.combine(pooled, manifest, settings({"both": mean(one=1, bench=3)}))
    lone = pooled[pooled["video_id"] == "dfdc/test/3"].set_index("scorer")["fake_logit"]
    odds = np.exp(lone[["one", "bench"]])
    expected = (odds / (1 + odds)) @ [0.25, 0.75]
    assert cell(fused, "both", "dfdc/test/3")["fake_prob"] == pytest.approx(expected)


def spoil(pooled, scorer, where, value, problem=""):
    rows = (pooled["scorer"] == scorer) & where
    changed = {
        "fake_logit": pooled["fake_logit"].mask(rows, value),
        "problem": pooled["problem"].mask(rows, problem),
    }
    return pooled.assign(**changed)


def test_the_stack_says_which_videos_it_cannot_score(study):
    manifest, pooled = study
    lost = pooled["video_id"] == "dfdc/test/3"
    pooled = spoil(pooled, "bench", lost, np.nan, "not in bench.csv")
    fused = videos.combine(pooled, manifest, EVERY_RULE)
    row = cell(fused, "stack", "dfdc/test/3")
    assert np.isnan(row["fake_logit"])
    assert row["problem"] == (
        "the stack needs finite scores of all its detectors; "
        "3 of 4 detectors scored it: not in bench.csv"
    )
    others = fused[fused["scorer"] != "stack"]
    assert others["fake_logit"].notna().all()
    said = others.loc[others["video_id"] == "dfdc/test/3", "problem"]
    assert (said == "3 of 4 detectors scored it: not in bench.csv").all()


@pytest.mark.parametrize("rule", ["stack", "rank_mean"])
def test_without_development_scores_every_row_says_what_was_missing(study, rule):
    manifest, pooled = study
    pooled = spoil(pooled, "bench", pooled["video_id"].str.contains("/val/"), np.nan, "not in it")
    fused = videos.combine(pooled, manifest, EVERY_RULE)
    rows = fused[fused["scorer"] == rule]
    assert rows["fake_logit"].isna().all()
    assert rows["problem"].str.startswith(f"{rule} needs 10 development videos").all()
    assert rows["problem"].str.contains("found 0").all()


def test_certain_of_opposite_things_is_nan_with_a_sentence(study):
    manifest, pooled = study
    here = pooled["video_id"] == "dfdc/test/3"
    pooled = spoil(spoil(pooled, "one", here, np.inf), "two", here, -np.inf)
    row = cell(videos.combine(pooled, manifest, EVERY_RULE), "weighted_log_odds", "dfdc/test/3")
    assert np.isnan(row["fake_logit"])
    assert row["problem"] == "its detectors are certain (infinite log-odds) of opposite things"


def test_what_befell_the_video_is_told_whichever_member_says_it(study):
    manifest, pooled = study
    here = pooled["video_id"] == "dfdc/test/3"
    for detector in ALL:
        pooled = spoil(pooled, detector, here, 1.0, "a face in 7 of 8 frames")
    bench_first = settings({"e": mean(bench=1, one=1)})
    fused = videos.combine(pooled, manifest, bench_first)
    assert cell(fused, "e", "dfdc/test/3")["problem"] == "a face in 7 of 8 frames"
    assert (fused["problem"] != "").sum() == 1


def test_every_nan_has_a_reason(study, rng):
    manifest, pooled = study
    holes = np.where(rng.uniform(size=len(pooled)) < 0.4, np.nan, pooled["fake_logit"])
    holes[rng.uniform(size=len(holes)) < 0.1] = np.inf
    holes[rng.uniform(size=len(holes)) < 0.1] = -np.inf
    problem = np.where(np.isnan(holes), "no face", "")
    fused = videos.combine(pooled.assign(fake_logit=holes, problem=problem), manifest, EVERY_RULE)
    undefined = fused["fake_logit"].isna()
    assert undefined.any()
    assert (fused.loc[undefined, "problem"] != "").all()
    assert (fused.groupby("scorer").size() == len(manifest)).all()
