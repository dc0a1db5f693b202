"""Metrics against hand-worked cases, scikit-learn and definitions spelt out."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn import metrics as sk

from deepbench.statistics.metrics import COUNTS, DECISIONS, METRICS, confusion, evaluate

EVERY = METRICS | DECISIONS
CASES = json.loads((Path(__file__).parents[1] / "data/metrics_cases.json").read_text("utf-8"))
RANKS_ONLY = ["auc", "ap", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5"]


def value(name, labels, logits):
    labels, logits = np.asarray(labels, bool), np.asarray(logits, float)
    return EVERY[name](labels, logits, np.ones((1, len(labels))))[0]


def random_samples(count):
    """Small samples with ties, rare classes and weights."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 40))
        labels = rng.random(n) < rng.choice([0.1, 0.5, 0.9])
        logits = np.round(rng.normal(labels * 1.0, 1.5), int(rng.integers(0, 3)))
        yield labels, logits, rng.integers(0, 4, (5, n)).astype(float)


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
    for name in weighted.keys() - {"ece"}:  # its bins are set before weighting
        assert weighted[name][0] == pytest.approx(repeated[name][0], rel=1e-9), name


def test_everything_at_once_is_each_by_itself():
    for labels, logits, weights in random_samples(20):
        for at in (0.0, 0.5):
            together = evaluate(labels, logits, weights, at)
            assert set(together) == {*METRICS, *DECISIONS, *COUNTS}
            alone = {name: metric(labels, logits, weights) for name, metric in METRICS.items()}
            margin = logits - at
            alone |= {name: metric(labels, margin, weights) for name, metric in DECISIONS.items()}
            for name, values in alone.items():
                np.testing.assert_allclose(together[name], values, rtol=1e-12, err_msg=name)


def test_a_new_metric_is_a_name_and_a_function(monkeypatch):
    called = lambda labels, logits, weights: weights @ (logits > 0).astype(float)  # noqa: E731
    monkeypatch.setitem(METRICS, "above_zero", called)
    monkeypatch.setitem(DECISIONS, "called_fake", called)
    found = evaluate(np.array([True, False, True]), np.array([1.0, 2, -1]), np.ones((1, 3)), 1.5)
    assert found["above_zero"] == [2]
    assert found["called_fake"] == [1]


def test_the_order_of_items_does_not_matter(rng):
    for labels, logits, weights in random_samples(20):
        shuffled = rng.permutation(len(labels))
        here = evaluate(labels, logits, weights, 0.3)
        there = evaluate(labels[shuffled], logits[shuffled], weights[:, shuffled], 0.3)
        for name in here:
            np.testing.assert_allclose(here[name], there[name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", RANKS_ONLY)
def test_only_ranks_matter(name):
    for labels, logits, weights in random_samples(20):
        np.testing.assert_array_equal(
            METRICS[name](labels, logits, weights), METRICS[name](labels, logits**3 - 7, weights)
        )


def test_auc_is_the_share_of_pairs_ordered_rightly():
    for labels, logits, weights in random_samples(20):
        fakes, reals = logits[labels], logits[~labels]
        ordered = np.sign(fakes[:, None] - reals) / 2 + 0.5
        for row, found in zip(weights, METRICS["auc"](labels, logits, weights), strict=True):
            pairs = np.outer(row[labels], row[~labels])
            if pairs.sum() == 0:
                assert np.isnan(found)
            else:
                assert found == pytest.approx((pairs * ordered).sum() / pairs.sum(), rel=1e-12)


def test_tpr_is_the_best_of_all_thresholds_within_the_limit():
    for labels, logits, _ in random_samples(20):
        if labels.all() or not labels.any():
            continue
        for name, limit in (("tpr_at_fpr_1", 0.01), ("tpr_at_fpr_5", 0.05)):
            allowed = [
                (logits[labels] > at).mean()
                for at in [*logits, -np.inf]
                if (logits[~labels] > at).mean() <= limit
            ]
            assert value(name, labels, logits) == max(allowed)


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_published_cases(case):
    labels = np.array(case["label"], bool)
    logits = logit(np.array(case["prob"], np.float32).astype(float))
    expected = {name: case["expected"][name] for name in ("auc", "ap", "acc")}
    found = {name: value(name, labels, logits) for name in ("auc", "ap")}
    assert found | {"acc": value("accuracy", labels, logits)} == pytest.approx(expected, rel=1e-9)


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
    defined_on_fakes = {"log_loss", "brier", "ece", "accuracy", "precision", "recall", "f1"}
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


def test_an_infinite_loss_that_is_not_drawn_does_not_count():
    labels, logits = np.array([True, True]), np.array([-np.inf, 0.0])
    found = METRICS["log_loss"](labels, logits, np.array([[0.0, 2.0], [1.0, 1.0]]))
    assert found.tolist() == [pytest.approx(np.log(2)), np.inf]


def test_confusion_by_hand(sample):
    counts = confusion(np.array([True, True, False, True]), np.array([2.0, -1, 1, 0]), np.eye(4))
    assert np.array(counts).tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1]]
    labels, logits = sample
    (tn, fp), (fn, tp) = sk.confusion_matrix(labels, logits > 0.5)
    found = evaluate(labels, logits, np.ones((1, 300)), 0.5)
    assert [found[name][0] for name in COUNTS] == [tp, fp, tn, fn]


def test_ece_by_hand():
    # 20 items make two bins: of ten at 0.2 three are fake, of ten at 0.9 all are
    labels = np.arange(20) >= 7
    logits = logit(np.repeat([0.2, 0.9], 10))
    assert value("ece", labels, logits) == pytest.approx((0.1 + 0.1) / 2)
    # weights shift the share of fakes, not the bins
    weights = np.r_[np.ones(10), np.full(10, 3.0)][None]
    assert METRICS["ece"](labels, logits, weights)[0] == pytest.approx((0.1 * 10 + 0.1 * 30) / 40)


def test_ece_of_a_few_items_is_of_their_mean():
    assert value("ece", [1, 0, 0], logit([0.6, 0.5, 0.1])) == pytest.approx(1.2 / 3 - 1 / 3)


def test_ece_keeps_tied_scores_in_one_bin():
    labels = np.arange(200) % 2 == 0
    assert value("ece", labels, np.zeros(200)) == pytest.approx(0.0)


def test_ece_uses_15_bins_of_equally_many_items(rng):
    labels, logits = rng.random(3000) < 0.5, np.sort(rng.normal(size=3000))[::-1]
    bins = np.split(expit(logits) - labels, 15)
    expected = sum(abs(part.mean()) for part in bins) / 15
    assert value("ece", labels, logits) == pytest.approx(expected)


def test_ece_sees_overconfidence(rng):
    prob = rng.random(20_000)
    labels = rng.random(20_000) < prob
    assert value("ece", labels, logit(prob)) < 0.02
    assert value("ece", labels, 3 * logit(prob)) > 0.1


def seconds(name, labels, logits):
    start = time.process_time()
    assert np.isfinite(value(name, labels, logits))
    return time.process_time() - start


def test_a_million_scores_take_under_two_seconds(rng):
    labels = rng.random(1_000_000) < 0.8
    logits = rng.normal(labels * 1.0).astype(np.float32)
    assert seconds("auc", labels, logits) < 2


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_a_million_scores_take_under_two_seconds_for_every_metric(name, rng):
    labels = rng.random(1_000_000) < 0.8
    assert seconds(name, labels, rng.normal(labels * 1.0).astype(np.float32)) < 2
