"""Bounds of the AUC: no choice of the lost scores can pass them, and two choices reach them."""

import numpy as np
import pytest

from deepbench.statistics.attrition import bounds
from deepbench.statistics.metrics import METRICS


def auc(labels, logits):
    return METRICS["auc"](labels, logits, np.ones((1, len(labels))))[0]


def test_by_hand():
    labels = np.array([True, True, False, False])
    # of four pairs only one is known, and it is ordered rightly
    assert bounds(labels, np.array([True, False, True, False]), 1.0) == (1.0, 0.25)


def test_the_extremes_are_reached_and_never_passed():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        labels = np.arange(20) < 8
        logits = np.round(rng.normal(labels * 1.0), 1)
        scored = rng.random(20) < 0.7
        known = auc(labels[scored], logits[scored])
        best, worst = bounds(labels, scored, known)
        highest = np.where(labels, np.inf, -np.inf)
        assert best == pytest.approx(auc(labels, np.where(scored, logits, highest)))
        assert worst == pytest.approx(auc(labels, np.where(scored, logits, -highest)))
        between = auc(labels, np.where(scored, logits, rng.normal(size=20)))
        assert worst - 1e-12 <= between <= best + 1e-12


def test_nothing_lost_leaves_the_auc_as_it_is():
    labels = np.array([True, False, False, False])
    assert bounds(labels, np.ones(4, bool), 2 / 3) == (2 / 3, 2 / 3)


def test_a_class_that_is_wholly_lost_says_nothing():
    labels = np.array([True, False, False])
    assert bounds(labels, ~labels, float("nan")) == (1.0, 0.0)


def test_one_class_is_undefined():
    assert np.isnan(bounds(np.ones(3, bool), np.ones(3, bool), float("nan"))).all()
