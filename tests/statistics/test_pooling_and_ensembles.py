"""Pooling and ensembles by hand, and where plain averages of probabilities would saturate."""

import numpy as np
import pytest
from scipy.special import expit, logit

from deepbench.statistics.ensembles import weighted_mean
from deepbench.statistics.pooling import POOLS


def pooled(rule, probs):
    return expit(np.array(POOLS[rule](logit(np.array(probs)))))


def test_mean_is_the_mean_of_probabilities():
    assert pooled("mean", [0.2, 0.4, 0.9]) == pytest.approx(0.5)


def test_majority_is_the_share_of_frames_called_fake():
    assert pooled("majority", [0.6, 0.9, 0.1]) == pytest.approx(2 / 3)
    assert pooled("majority", [0.6, 0.9]) == 1.0


def test_confidence_weighs_sure_frames_more():
    # weights max(p, 1 - p) = .9, .6, .5
    expected = (0.9 * 0.9 + 0.6 * 0.4 + 0.5 * 0.5) / (0.9 + 0.6 + 0.5)
    assert pooled("confidence", [0.9, 0.4, 0.5]) == pytest.approx(expected)


@pytest.mark.parametrize("rule", ["mean", "confidence"])
def test_sure_frames_do_not_saturate(rule):
    weak, strong = (POOLS[rule](np.full(4, logit)) for logit in (60.0, 61.0))
    assert weak == pytest.approx(60.0)
    assert strong == pytest.approx(61.0)


@pytest.mark.parametrize("rule", POOLS)
def test_one_frame_keeps_its_side(rule):
    assert POOLS[rule](np.array([1.5])) > 0 > POOLS[rule](np.array([-1.5]))


def test_weighted_mean_of_probabilities():
    logits = logit(np.array([[0.2, 0.8], [0.5, 0.9]]))
    fused = expit(weighted_mean(logits, np.array([1.0, 3.0])))
    assert fused == pytest.approx([0.65, 0.8])


def test_a_missing_detector_leaves_the_others_in_proportion():
    logits = logit(np.array([[0.2, np.nan, 0.8], [np.nan, np.nan, np.nan], [np.nan, 0.3, 0.9]]))
    fused = expit(weighted_mean(logits, np.array([1.0, 2.0, 1.0])))
    assert fused[0] == pytest.approx(0.5)
    assert np.isnan(fused[1])
    assert fused[2] == pytest.approx((2 * 0.3 + 0.9) / 3)


def test_weight_zero_never_speaks():
    logits = np.array([[3.0, np.nan], [np.nan, 2.0]])
    fused = weighted_mean(logits, np.array([0.0, 1.0]))
    assert np.isnan(fused[0])
    assert fused[1] == pytest.approx(2.0)
