"""DeLong by hand, by its definition, against the bootstrap and against simulated truth."""

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import kstest, mannwhitneyu

from deepbench.statistics import delong
from deepbench.statistics.intervals import cluster_weights, percentile
from deepbench.statistics.metrics import auc


def by_definition(labels, logits):
    """AUCs and covariance with the kernel and the sums of the paper, pair by pair."""
    kernels = [
        np.array(
            [[1.0 if x > y else 0.5 if x == y else 0.0 for y in s[~labels]] for x in s[labels]]
        )
        for s in logits
    ]
    values = np.array([kernel.mean() for kernel in kernels])
    m, n = kernels[0].shape
    covariance = np.empty((len(logits), len(logits)))
    for a, (left, at) in enumerate(zip(kernels, values, strict=True)):
        for b, (right, bt) in enumerate(zip(kernels, values, strict=True)):
            s10 = ((left.mean(axis=1) - at) * (right.mean(axis=1) - bt)).sum() / (m - 1)
            s01 = ((left.mean(axis=0) - at) * (right.mean(axis=0) - bt)).sum() / (n - 1)
            covariance[a, b] = s10 / m + s01 / n
    return values, covariance


def scores(rng, items=60, scorers=3, gain=1.0):
    labels = np.arange(items) < items // 3
    common = rng.normal(size=items)
    return labels, gain * labels + common + rng.normal(size=(scorers, items))


def test_by_hand():
    labels = np.array([True, True, False, False])
    found = delong.aucs(labels, np.array([[2.0, 4.0, 1.0, 3.0]]))
    # fakes beat 1/2 and 2/2 of the reals, reals are beaten by 2/2 and 1/2 of the fakes
    assert found.values.tolist() == [0.75]
    assert found.covariance.tolist() == [[0.125 / 2 + 0.125 / 2]]


def test_agrees_with_its_definition_also_with_ties(rng):
    for digits in (0, 1, 8):
        labels, logits = scores(rng)
        logits = np.round(logits, digits)
        values, covariance = by_definition(labels, logits)
        found = delong.aucs(labels, logits)
        np.testing.assert_allclose(found.values, values, rtol=1e-12)
        np.testing.assert_allclose(found.covariance, covariance, rtol=1e-9)


def test_the_auc_is_the_mann_whitney_statistic(rng):
    labels, logits = scores(rng)
    u = mannwhitneyu(logits[0, labels], logits[0, ~labels]).statistic
    assert delong.aucs(labels, logits).values[0] == pytest.approx(u / (20 * 40))


def test_flipping_labels_mirrors_aucs_and_keeps_the_covariance(rng):
    labels, logits = scores(rng)
    here, there = delong.aucs(labels, logits), delong.aucs(~labels, logits)
    np.testing.assert_allclose(here.values, 1 - there.values)
    np.testing.assert_allclose(here.covariance, there.covariance)


def test_interval_and_p_agree_with_a_bootstrap_of_independent_items(rng):
    labels, logits = scores(rng, items=600, scorers=2, gain=0.7)
    found = delong.aucs(labels, logits)
    weights = cluster_weights(np.arange(600), 4000, rng)
    one, other = (auc(labels, scorer, weights) for scorer in logits)
    np.testing.assert_allclose(np.cov(one, other), found.covariance, rtol=0.12)
    _, low, high, note, _ = delong.interval(found, 0, 0.95)
    assert note == ""
    assert [low, high] == pytest.approx(percentile(one, 0.95), abs=0.008)
    z = (found.values[0] - found.values[1]) / np.std(one - other)
    assert delong.p_value(found, 0, 1) == pytest.approx(2 * ndtr(-abs(z)), abs=0.03)


def test_intervals_stay_between_0_and_1_and_hold_their_value():
    labels = np.arange(12) < 6
    logits = np.r_[np.arange(6) + 4.5, np.arange(6)][None]
    value, low, high, _, _ = delong.interval(delong.aucs(labels, logits), 0, 0.95)
    assert 0 < low < value < high < 1
    wide = delong.interval(delong.aucs(labels, logits), 0, 0.99)
    assert wide.low < low < high < wide.high


@pytest.mark.parametrize(
    ("logits", "value", "note"),
    [
        ([3.0, 2.0, 1.0, 0.0], 1.0, "DeLong sees no variance: the classes do not overlap"),
        ([0.0, 1.0, 2.0, 3.0], 0.0, "DeLong sees no variance: the classes do not overlap"),
        ([7.0, 7.0, 7.0, 7.0], 0.5, "DeLong sees no variance: all scores are equal"),
    ],
)
def test_no_variance_is_no_interval(logits, value, note):
    labels = np.array([True, True, False, False])
    found = delong.interval(delong.aucs(labels, np.array([logits])), 0, 0.95)
    assert found.value == value
    assert np.isnan([found.low, found.high]).all()
    assert found.note == note


def test_one_item_of_a_class_is_too_few():
    found = delong.aucs(np.array([True, False, False]), np.zeros((2, 3)))
    assert np.isnan(found.values).all()
    assert np.isnan(delong.p_value(found, 0, 1))
    assert delong.interval(found, 0, 0.95).note == "DeLong needs two items of each class"


def test_p_of_equal_rankings_is_1_and_of_what_never_varies_undefined(rng):
    labels, (one, other, _) = scores(rng)
    logits = np.stack([one, np.exp(one), other, labels * 1.0, 0 * one])
    found = delong.aucs(labels, logits)
    assert delong.p_value(found, 0, 1) == 1.0
    assert delong.p_value(found, 0, 2) == delong.p_value(found, 2, 0) < 1
    assert delong.p_value(found, 3, 3) == 1.0
    assert np.isnan(delong.p_value(found, 3, 4))
    assert delong.p_value(found, 0, 3) < 0.01


@pytest.mark.slow
def test_p_is_uniform_where_nothing_differs_and_intervals_cover():
    p, hits = [], 0
    truth = ndtr(0.5)  # fakes N(1, 2), reals N(0, 2)
    for seed in range(2000):
        labels, logits = scores(np.random.default_rng(seed), items=150, scorers=2)
        found = delong.aucs(labels, logits)
        p.append(delong.p_value(found, 0, 1))
        _, low, high, _, _ = delong.interval(found, 0, 0.95)
        hits += low <= truth <= high
    assert 0.035 < np.mean(np.array(p) < 0.05) < 0.065
    assert kstest(p, "uniform").pvalue > 0.001
    assert 0.935 < hits / 2000 < 0.965
