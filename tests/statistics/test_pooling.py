"""Pooling by hand, where plain averages of probabilities would saturate, and on whole tables."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from deepbench.statistics import pooling
from deepbench.statistics.pooling import POOLS

KEYS = ["video_id", "frame", "face"]


def pooled(rule, probs, quality=None):
    quality = np.ones(len(probs)) if quality is None else np.array(quality)
    return expit(np.array(POOLS[rule](logit(np.array(probs)), quality)))


def test_mean_is_the_mean_of_probabilities():
    assert pooled("mean", [0.2, 0.4, 0.9]) == pytest.approx(0.5)


def test_majority_is_the_share_of_frames_called_fake():
    assert pooled("majority", [0.6, 0.9, 0.1]) == pytest.approx(2 / 3)
    assert pooled("majority", [0.6, 0.9]) == 1.0


def test_confidence_weighs_sure_frames_more():
    # weights max(p, 1 - p) = .9, .6, .5
    expected = (0.9 * 0.9 + 0.6 * 0.4 + 0.5 * 0.5) / (0.9 + 0.6 + 0.5)
    assert pooled("confidence", [0.9, 0.4, 0.5]) == pytest.approx(expected)


def test_median_is_the_median_of_probabilities_also_of_an_even_number():
    assert pooled("median", [0.9, 0.1, 0.4]) == pytest.approx(0.4)
    assert pooled("median", [0.9, 0.1, 0.6, 0.4]) == pytest.approx(0.5)


def test_max_is_the_most_fake_frame():
    assert pooled("max", [0.2, 0.7, 0.1]) == pytest.approx(0.7)


def test_quality_weighs_large_and_sharp_faces_more():
    assert pooled("quality", [0.2, 0.8], [1.0, 3.0]) == pytest.approx(0.65)
    assert pooled("quality", [0.2, 0.8], [10.0, 30.0]) == pytest.approx(0.65)
    # side times contrast: 100 px at a variance of 15, 50 px at 8, and a flat crop
    weights = pooling.quality(np.array([100.0, 50.0, 50.0]), np.array([15.0, 8.0, 0.0]))
    assert weights == pytest.approx([400.0, 150.0, 50.0])


@pytest.mark.parametrize("rule", sorted(set(POOLS) - {"quality"}))
def test_only_the_rule_of_that_name_looks_at_quality(rule, rng):
    logits = rng.normal(size=7)
    assert POOLS[rule](logits, np.ones(7)) == POOLS[rule](logits, rng.uniform(1, 9, 7))


@pytest.mark.parametrize("rule", sorted(set(POOLS) - {"majority"}))
def test_sure_frames_do_not_saturate(rule):
    weak, strong = (POOLS[rule](np.full(4, logit), np.ones(4)) for logit in (60.0, 61.0))
    assert weak == pytest.approx(60.0)
    assert strong == pytest.approx(61.0)


@pytest.mark.parametrize("rule", POOLS)
def test_one_frame_keeps_its_side(rule):
    one = np.ones(1)
    assert POOLS[rule](1.5 * one, one) > 0 > POOLS[rule](-1.5 * one, one)


def scores(*entries):
    rows = pd.DataFrame(entries, columns=[*KEYS, "detector", "fake_logit"])
    return rows.astype({"fake_logit": "float32"})


def faces(*entries):
    return pd.DataFrame(entries, columns=[*KEYS, "box", "sharpness"])


FACES = faces(
    ("a", 0, 0, np.array([0, 0, 100, 49], "float32"), 15.0),
    ("a", 0, 1, np.array([10, 20, 40, 50], "float32"), 3.0),
    ("a", 9, 0, np.array([0, 0, 60, 60], "float32"), 8.0),
    ("b", 0, 0, np.array([0, 0, 50, 50], "float32"), 0.0),
)
SCORES = scores(
    ("a", 0, 0, "one", -1.0),
    ("a", 0, 1, "one", 2.0),
    ("a", 9, 0, "one", 0.5),
    ("b", 0, 0, "one", -3.0),
    ("a", 0, 0, "two", 1.0),
    ("a", 0, 1, "two", 1.0),
)


def test_the_highest_face_of_a_frame_counts_with_its_own_size_and_sharpness():
    table = pooling.by_frame(SCORES, FACES)
    assert table.to_dict("list") == {
        "detector": ["one", "one", "one", "two"],
        "video_id": ["a", "a", "b", "a"],
        "frame": [0, 9, 0, 0],
        "fake_logit": [2.0, 0.5, -3.0, 1.0],
        # of equal faces the first, of 100 by 49 pixels
        "side": [30.0, 60.0, 50.0, 70.0],
        "sharpness": [3.0, 8.0, 0.0, 15.0],
    }
    assert (table.dtypes[["fake_logit", "side", "sharpness"]] == "float64").all()


@pytest.mark.parametrize("rule", POOLS)
def test_by_video_applies_the_rule_to_each_video_and_detector(rule, rng):
    table = pd.DataFrame(
        {
            "detector": rng.choice(["one", "two"], 300),
            "video_id": rng.choice(list("abcdefg"), 300),
            "frame": np.arange(300),
            "fake_logit": rng.normal(size=300),
            "side": rng.uniform(40, 400, 300),
            "sharpness": rng.uniform(0, 90, 300),
        }
    )
    found = pooling.by_video(table, rule).set_index(["detector", "video_id"])
    assert len(found) == 14
    for key, frames in table.groupby(["detector", "video_id"]):
        weights = pooling.quality(frames["side"].to_numpy(), frames["sharpness"].to_numpy())
        expected = POOLS[rule](frames["fake_logit"].to_numpy(), weights)
        assert found.loc[key, "fake_logit"] == pytest.approx(expected)
        assert found.loc[key, "frames_used"] == len(frames)


def test_no_frames_give_no_videos():
    table = pooling.by_video(pooling.by_frame(SCORES[:0], FACES[:0]), "quality")
    assert list(table.columns) == ["detector", "video_id", "fake_logit", "frames_used"]
    assert table.empty


@pytest.mark.parametrize(
    ("spoiled", "found"),
    [
        (FACES[1:], "side nan, sharpness nan"),
        (FACES.assign(sharpness=np.nan), "side 30.0, sharpness nan"),
        (FACES.assign(box=[np.zeros(4, "float32")] * 4), "side 0.0, sharpness 3.0"),
    ],
)
def test_a_score_without_a_face_of_known_size_is_refused_not_lost(spoiled, found):
    one = SCORES if "30" in found or "0.0" in found else SCORES[SCORES["face"] == 0]
    with pytest.raises(ValueError, match=rf"no face of known size.*a frame 0 \({found}\).*repro"):
        pooling.by_frame(one, spoiled)


def test_an_unknown_rule_lists_the_rules():
    with pytest.raises(ValueError, match=r"unknown pooling rule 'average'.*mean, majority"):
        pooling.by_video(pooling.by_frame(SCORES, FACES), "average")
