"""Metrics against hand-worked cases and scikit-learn."""

import numpy as np
import pytest
from scipy.special import logit
from sklearn import metrics as sk

from deepbench.statistics.metrics import DECISIONS, METRICS, evaluate


def value(name, labels, logits):
    labels, logits = np.asarray(labels, bool), np.asarray(logits, float)
    every = METRICS | DECISIONS
    return every[name](labels, logits, np.ones((1, len(labels))))[0]


@pytest.fixture
def sample(rng):
    labels = rng.random(300) < 0.6
    return labels, np.round(rng.normal(labels * 1.0, 1.5), 1)  # rounding makes ties


@pytest.mark.parametrize(
    ("labels", "logits", "expected"),
    [
        ([0, 0, 1, 1], [-2, -1, 1, 2], 1.0),
        ([0, 0, 1, 1], [2, 1, -1, -2], 0.0),
        ([0, 1], [0, 0], 0.5),
        ([0, 0, 1, 1], [1, 3, 2, 4], 0.75),
        ([0, 1, 1], [-np.inf, np.inf, 0], 1.0),
    ],
)
def test_auc_by_hand(labels, logits, expected):
    assert value("auc", labels, logits) == expected


def test_flipping_labels_mirrors_the_auc(sample):
    labels, logits = sample
    assert value("auc", ~labels, logits) == pytest.approx(1 - value("auc", labels, logits))


def test_agrees_with_scikit_learn(sample):
    labels, logits = sample
    prob, called = 1 / (1 + np.exp(-logits)), logits > 0
    expected = {
        "auc": sk.roc_auc_score(labels, logits),
        "ap": sk.average_precision_score(labels, logits),
        "log_loss": sk.log_loss(labels, prob),
        "brier": sk.brier_score_loss(labels, prob),
        "accuracy": sk.accuracy_score(labels, called),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, called),
        "precision": sk.precision_score(labels, called),
        "recall": sk.recall_score(labels, called),
        "specificity": sk.recall_score(~labels, ~called),
        "f1": sk.f1_score(labels, called),
    }
    found = {name: value(name, labels, logits) for name in expected}
    assert found == pytest.approx(expected, rel=1e-12)


def test_integer_weights_are_repetitions(sample, rng):
    labels, logits = sample
    times = rng.integers(0, 4, len(labels))
    weighted = evaluate(labels, logits, times[None].astype(float), 0.0)
    again, ones = np.repeat(labels, times), np.ones((1, times.sum()))
    repeated = evaluate(again, np.repeat(logits, times), ones, 0.0)
    for name in weighted:
        assert weighted[name][0] == pytest.approx(repeated[name][0], rel=1e-9), name


def test_eer_by_hand():
    # one of four reals above, one of four fakes below any threshold between
    assert value("eer", [0, 0, 0, 0, 1, 1, 1, 1], [-4, -3, -2, 2, -1, 1, 3, 4]) == pytest.approx(
        0.25
    )
    assert value("eer", [0, 1], [0, 1]) == 0.0
    assert value("eer", [0, 1], [1, 0]) == 1.0


def test_eer_lies_where_the_error_rates_cross(sample):
    labels, logits = sample
    fpr, tpr, _ = sk.roc_curve(labels, logits, drop_intermediate=False)
    crossing = np.interp(0.0, fpr - (1 - tpr), fpr)
    assert value("eer", labels, logits) == pytest.approx(crossing)


def test_tpr_at_low_fpr_by_hand():
    labels = [0] * 100 + [1] * 4
    logits = [*range(100), 200, 98.5, 95, 0]
    # 1 of 100 reals (99) may lie above: 200 and 98.5 are found
    assert value("tpr_at_fpr_1", labels, logits) == 0.5
    assert value("tpr_at_fpr_5", labels, logits) == 0.75


@pytest.mark.parametrize("name", [*METRICS, *DECISIONS])
def test_undefined_is_nan_never_a_number(name):
    one_class = value(name, [True, True], [1.0, -1.0])
    defined_on_fakes = {"log_loss", "brier", "accuracy", "precision", "recall", "f1"}
    assert np.isnan(one_class) == (name not in defined_on_fakes)
    assert np.isnan(value(name, [], []))


def test_the_threshold_is_strict_and_given_in_log_odds():
    labels, logits = np.array([True, False]), np.array([0.0, -1.0])
    ones = np.ones((1, 2))
    assert evaluate(labels, logits, ones, 0.0)["recall"][0] == 0.0
    below = float(logit(0.4))
    assert evaluate(labels, logits, ones, below)["recall"][0] == 1.0


def test_sure_and_wrong_has_infinite_log_loss():
    assert value("log_loss", [True], [-np.inf]) == np.inf
