"""The bootstrap keeps clusters whole and repeats itself from its seed."""

import numpy as np

from deepbench.statistics import intervals
from deepbench.statistics.intervals import cluster_weights, percentile
from deepbench.statistics.metrics import auc


def test_members_of_a_cluster_are_always_drawn_together(rng):
    clusters = np.array(["a", "b", "a", "c", "b"])
    weights = cluster_weights(clusters, 200, rng)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, 1], weights[:, 4])
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert (weights[:, 0] != weights[:, 1]).any()


def test_the_same_seed_gives_the_same_draw():
    clusters = np.arange(20).astype(str)
    draws = [cluster_weights(clusters, 10, np.random.default_rng(7)) for _ in range(2)]
    np.testing.assert_array_equal(*draws)


def test_a_few_replicates_at_a_time_give_the_same_values(monkeypatch):
    labels, logits = np.arange(40) % 2 == 0, np.sin(np.arange(40.0))
    clusters = np.repeat(np.arange(20), 2).astype(str)

    def values():
        rng = np.random.default_rng(3)
        statistics = lambda weights: {"auc": auc(labels, logits, weights)}  # noqa: E731
        return intervals.bootstrap(statistics, clusters, 25, rng)["auc"]

    at_once = values()
    monkeypatch.setattr(intervals, "WEIGHTS_AT_A_TIME", 300)
    np.testing.assert_array_equal(values(), at_once)
    assert at_once.shape == (25,)


def test_nothing_to_draw_from_gives_nan(rng):
    weights = cluster_weights(np.array([], dtype=str), 5, rng)
    assert weights.shape == (5, 0)
    assert np.isnan(percentile(np.full(5, np.nan), 0.95)).all()


def test_undefined_replicates_are_left_out():
    assert percentile(np.array([np.nan, 1.0, 1.0]), 0.95) == (1.0, 1.0)


def test_intervals_cover_as_often_as_they_say(rng):
    # fakes N(1, 1), reals N(0, 1): the true AUC is Phi(1 / sqrt 2) = 0.7602
    hits = 0
    for _ in range(100):
        labels = np.repeat([True, False], 60)
        logits = rng.normal(labels.astype(float))
        weights = cluster_weights(np.arange(120).astype(str), 400, rng)
        low, high = percentile(auc(labels, logits, weights), 0.95)
        hits += low <= 0.7602 <= high
    assert 87 <= hits <= 100


def test_clustered_data_get_wider_intervals(rng):
    people = np.repeat(np.arange(30), 10)
    labels = np.tile([True, False], 150)
    logits = rng.normal(size=30)[people] * 3 * np.where(labels, 1, -1) + rng.normal(size=300)

    def width(clusters):
        low, high = percentile(auc(labels, logits, cluster_weights(clusters, 500, rng)), 0.95)
        return high - low

    assert width(people.astype(str)) > 1.5 * width(np.arange(300).astype(str))
