"""The map of AUC over weights: its corners, its middle, and what is flat."""

from math import comb

import numpy as np
import pytest

from deepbench.statistics.ensembles import ENSEMBLES, Development
from deepbench.statistics.intervals import Draws, Sample, cluster_weights
from deepbench.statistics.metrics import METRICS
from deepbench.statistics.simplex import (
    MOST_POINTS,
    auc_map,
    aucs,
    grid,
    steps_that_fit,
    weighted_means,
)

DRAWS = Draws(200, 0.95, 0)


def sample(n, rng):
    labels = np.arange(n) % 2 == 0
    return Sample(labels, rng.permutation(n // 2).repeat(2).astype(str))


def auc(labels, scores):
    return METRICS["auc"](labels, scores, np.ones((1, len(labels))))[0]


def test_grid_by_hand():
    expected = [[0, 1], [1 / 3, 2 / 3], [2 / 3, 1 / 3], [1, 0]]
    np.testing.assert_allclose(grid(2, 3), expected)


@pytest.mark.parametrize(("members", "steps"), [(1, 4), (2, 10), (4, 10), (5, 3), (6, 1)])
def test_every_weighting_is_there_once(members, steps):
    found = grid(members, steps)
    assert found.shape == (comb(steps + members - 1, steps), members)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found >= 0).all()
    assert len(np.unique(np.rint(found * steps), axis=0)) == len(found)


@pytest.mark.parametrize(
    ("members", "asked", "steps"),
    [(4, 10, 10), (5, 10, 10), (5, 11, 10), (6, 10, 7), (3, 100, 43), (60, 10, 1), (2, 5, 5)],
)
def test_steps_are_cut_to_a_grid_that_fits(members, asked, steps):
    assert steps_that_fit(members, asked) == steps
    assert len(grid(members, steps)) <= MOST_POINTS
    if steps < asked:
        assert comb(steps + members, members - 1) > MOST_POINTS


def test_corners_are_the_detectors_and_the_middle_is_equal_weights(rng):
    items = sample(300, rng)
    logits = rng.normal(size=(300, 4)) * 3 + items.labels[:, None] * [1.0, 2.0, 0.0, 30.0]
    found = auc_map(items, logits, 4, DRAWS)
    nobody = Development(np.zeros((0, 4)), np.zeros(0, bool))
    for weights, value in zip(found.weights, found.auc, strict=True):
        if weights.max() == 1:
            single = auc(items.labels, logits[:, weights.argmax()])
            assert value == pytest.approx(single, abs=1e-12)
        fused = ENSEMBLES["weighted_mean"](logits, weights, nobody)
        assert value == pytest.approx(auc(items.labels, fused), abs=1e-12)
    assert (found.weights == 0.25).all(axis=1).sum() == 1


def test_weighted_means_do_not_tie_sure_scores():
    logits = np.array([[40.0, 50.0], [41.0, 50.0], [np.inf, np.inf], [-np.inf, np.inf]])
    means = weighted_means(logits, np.array([[0.5, 0.5], [1.0, 0.0]]))
    assert means[0, 0] < means[0, 1] < means[0, 2]
    assert means[0, 3] == 0.0
    np.testing.assert_array_equal(means[1, 2:], [np.inf, -np.inf])


def test_aucs_of_replicates_are_the_metric_ties_included(rng):
    items = sample(80, rng)
    scores = rng.integers(0, 6, (5, 80)).astype(float)
    weights = cluster_weights(items.clusters, 30, rng)
    weights[0, items.labels] = 0.0
    found = aucs(items.labels, scores, weights)
    expected = [METRICS["auc"](items.labels, own, weights) for own in scores]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.isnan(found[:, 0]).all()


def test_one_good_detector_makes_a_peak_that_is_not_flat(rng):
    items = sample(2000, rng)
    logits = rng.normal(size=(2000, 3))
    logits[:, 1] += 3.0 * items.labels
    found = auc_map(items, logits, 10, DRAWS)
    best = found.weights[found.auc.argmax()]
    assert best[1] >= 0.8
    assert found.flat[found.auc.argmax()]
    assert not found.flat[found.weights[:, 1] == 0].any()
    assert found.flat.mean() < 0.2


def test_identical_detectors_are_flat_everywhere(rng):
    items = sample(400, rng)
    one = rng.normal(size=400) + items.labels
    found = auc_map(items, np.stack([one] * 3, axis=1), 5, DRAWS)
    assert found.flat.all()
    np.testing.assert_allclose(found.auc, found.auc[0], atol=1e-4)


def test_with_too_few_clusters_nothing_can_be_told_apart(rng):
    labels = np.arange(40) % 2 == 0
    items = Sample(labels, (np.arange(40) // 10).astype(str))
    logits = np.stack([labels * 9.0, labels * -9.0], axis=1) + rng.normal(size=(40, 2))
    found = auc_map(items, logits, 2, DRAWS)
    assert found.auc.max() == 1.0
    assert found.flat.all()


def test_one_class_has_no_auc(rng):
    items = Sample(np.ones(20, bool), np.arange(20).astype(str))
    found = auc_map(items, rng.normal(size=(20, 2)), 2, DRAWS)
    assert np.isnan(found.auc).all()
    assert found.flat.all()


def test_the_seed_decides(rng):
    items = sample(60, rng)
    logits = rng.normal(size=(60, 3)) + items.labels[:, None]
    first, again = (auc_map(items, logits, 6, DRAWS) for _ in range(2))
    np.testing.assert_array_equal(first.flat, again.flat)
