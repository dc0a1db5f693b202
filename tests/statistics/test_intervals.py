"""The bootstrap keeps clusters whole and repeats itself from its seed."""

import numpy as np
import pytest
from scipy.special import ndtr

from deepbench.statistics import intervals
from deepbench.statistics.intervals import Draws, Sample, cluster_weights, estimate, percentile
from deepbench.statistics.metrics import METRICS, auc, evaluator


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


def test_draws_are_those_of_a_bootstrap():
    # of n clusters drawn n times each comes up once on average, with variance 1 - 1/n
    weights = cluster_weights(np.arange(10), 20_000, np.random.default_rng(0))
    np.testing.assert_array_equal(weights.sum(axis=1), 10)
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(weights.var(axis=0), 0.9, atol=0.05)


def test_the_order_of_items_does_not_change_what_is_drawn(rng):
    clusters = np.repeat(["a", "c", "b", "d"], 3)
    order = rng.permutation(12)
    one, other = (
        cluster_weights(c, 50, np.random.default_rng(5)) for c in (clusters, clusters[order])
    )
    np.testing.assert_array_equal(one[:, order], other)


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


@pytest.fixture
def clustered(rng):
    """40 people, each in two videos, both real or both fake; the true AUC is Phi(1 / sqrt 3)."""
    return people(rng, 40, 2)


def people(rng, count, videos):
    clusters = np.repeat(np.arange(count), videos)
    labels = clusters % 2 == 0
    shared, own = rng.normal(size=count)[clusters], rng.normal(size=count * videos)
    return labels, labels + shared + own * 0.5**0.5, clusters


def test_differences_of_two_calls_are_paired(clustered, rng):
    labels, logits, clusters = clustered
    draws, sample = Draws(300, 0.95, 1), Sample(labels, clusters)
    rough = logits + rng.normal(size=80) / 10
    order = np.argsort(rough)
    kept = []

    def keep(labels, logits):
        def statistics(weights):
            kept.append(auc(labels, logits, weights))
            return {"auc": kept[-1]}

        return statistics

    estimate(keep(labels, logits), sample, draws)
    estimate(keep(labels[order], rough[order]), Sample(labels[order], clusters[order]), draws)
    _, first, _, second = kept  # each time the value, then its replicates
    assert np.corrcoef(first, second)[0, 1] > 0.9


def test_estimates_hold_what_the_bootstrap_gives(clustered):
    labels, logits, clusters = clustered
    found = estimate(evaluator(labels, logits, 0.0), Sample(labels, clusters), Draws(500, 0.9, 3))
    once = {name: metric(labels, logits, np.ones((1, 80)))[0] for name, metric in METRICS.items()}
    for name, value in once.items():
        assert found[name].value == pytest.approx(value, rel=1e-12)
        assert found[name].low < value < found[name].high, name
        assert found[name].note == ""
    wider = estimate(evaluator(labels, logits, 0.0), Sample(labels, clusters), Draws(500, 0.99, 3))
    assert wider["auc"].low < found["auc"].low


def test_one_class_still_has_intervals_of_what_is_defined():
    labels, logits = np.zeros(12, bool), np.sin(np.arange(12.0))
    found = estimate(
        evaluator(labels, logits, 0.0), Sample(labels, np.arange(12)), Draws(200, 0.95, 0)
    )
    assert found["auc"].note == "undefined with 12 real and 0 fake"
    assert np.isnan([found["auc"].value, found["auc"].low]).all()
    assert found["specificity"].low < found["specificity"].value < found["specificity"].high
    assert found["specificity"].note == ""


@pytest.mark.parametrize("labels", [[True] * 4 + [False] * 20, [True] * 20 + [False] * 4])
def test_a_class_of_four_clusters_gets_no_interval(labels):
    labels = np.array(labels)
    sample = Sample(labels, np.arange(24))
    found = estimate(evaluator(labels, np.cos(np.arange(24.0)), 0.0), sample, Draws(100, 0.95, 0))
    for name in METRICS:
        assert np.isfinite(found[name].value)
        assert np.isnan([found[name].low, found[name].high, found[name].p]).all()
        assert found[name].note == ("no interval from 4 independent clips of a class, fewer than 5")


def test_nothing_at_all_is_undefined():
    labels, logits = np.zeros(0, bool), np.zeros(0)
    found = estimate(evaluator(labels, logits, 0.0), Sample(labels, labels), Draws(10, 0.95, 0))
    assert found["auc"].note == found["log_loss"].note == "undefined with 0 real and 0 fake"
    assert np.isnan(found["log_loss"].value)


def test_p_by_hand():
    assert intervals.p_value(np.array([1.0, 2.0, 3.0, -1.0])) == pytest.approx(2 * 2 / 5)
    assert intervals.p_value(np.ones(99)) == pytest.approx(0.02)
    assert intervals.p_value(np.zeros(9)) == 1.0
    assert intervals.p_value(np.array([np.nan, 1.0])) == 1.0
    assert np.isnan(intervals.p_value(np.array([np.nan])))


def coverage(simulations, count, videos):
    """How often intervals of both bootstraps hold the true AUC: (of clusters, plain)."""
    truth, hits = ndtr(1 / 3**0.5), np.zeros(2)
    for seed in range(simulations):
        rng = np.random.default_rng(seed)
        labels, logits, clusters = people(rng, count, videos)
        falling = np.argsort(-logits)
        labels, logits, clusters = labels[falling], logits[falling], clusters[falling]
        statistics = lambda w: {"auc": auc(labels, logits, w)}  # noqa: B023, E731
        for kind, units in enumerate((clusters, np.arange(len(labels)))):
            low, high = percentile(intervals.bootstrap(statistics, units, 400, rng)["auc"], 0.95)
            hits[kind] += low <= truth <= high
    return hits / simulations


def test_intervals_cover_and_plain_ones_do_not():
    of_clusters, plain = coverage(60, 60, 4)
    assert 0.85 <= of_clusters <= 1
    assert plain < of_clusters


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_say():
    of_clusters, plain = coverage(500, 160, 4)
    assert 0.93 <= of_clusters <= 0.97
    assert plain < 0.85


def test_clustered_data_get_wider_intervals(rng):
    people = np.repeat(np.arange(30), 10)
    labels = np.tile([True, False], 150)
    logits = rng.normal(size=30)[people] * 3 * np.where(labels, 1, -1) + rng.normal(size=300)

    def width(clusters):
        low, high = percentile(auc(labels, logits, cluster_weights(clusters, 500, rng)), 0.95)
        return high - low

    assert width(people.astype(str)) > 1.5 * width(np.arange(300).astype(str))
