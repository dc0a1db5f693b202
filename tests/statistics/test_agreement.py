"""Errors in common by hand and against definitions, and the bound that picking members sets."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from deepbench.statistics.agreement import (
    agree,
    auc_and_accuracy,
    best_picks,
    best_singles,
    family,
)
from deepbench.statistics.ensembles import ENSEMBLES, Development
from deepbench.statistics.intervals import Draws
from deepbench.statistics.metrics import METRICS

LABELS = np.array([True, True, True, True, False, False, False, False])
NOTHING = np.zeros(0)


def wrong_on(*videos):
    """Scores that decide all videos rightly but these."""
    logits = np.where(LABELS, 2.0, -2.0) + np.arange(8) / 100
    logits[list(videos)] *= -1
    return logits


def value(statistics, name, n):
    return statistics(np.ones((1, n)))[name][0]


def test_two_by_two_by_hand():
    found = agree(LABELS, wrong_on(0, 1, 4), wrong_on(1, 4, 5, 6), 0.5)
    assert found[:4] == (3, 2, 1, 2)
    assert found.agreement == pytest.approx(5 / 8)
    # (3 * 2 - 2 * 1) over the root of 5 * 3 * 4 * 4, and over 3 * 2 + 2 * 1
    assert found.error_correlation == pytest.approx(4 / np.sqrt(240))
    assert found.q == pytest.approx(4 / 8)
    assert found.note == ""


def test_phi_is_the_correlation_of_errors_and_ranks_are_spearmans(rng):
    labels = rng.random(300) < 0.7
    one = rng.normal(labels.astype(float)).round(1)  # rounded, so that some tie
    two = one / 2 + rng.normal(size=300).round(1)
    found = agree(labels, one, two, 0.6)
    border = np.log(0.6 / 0.4)
    errors = [(scores > border) != labels for scores in (one, two)]
    assert found.error_correlation == pytest.approx(np.corrcoef(errors)[0, 1])
    assert found.agreement == pytest.approx(np.mean(errors[0] == errors[1]))
    assert found.rank_correlation == pytest.approx(spearmanr(one, two).statistic)


def test_identical_detectors_err_together():
    found = agree(LABELS, wrong_on(0, 5), wrong_on(0, 5), 0.5)
    assert (found.agreement, found.error_correlation, found.q) == (1.0, 1.0, 1.0)
    assert found.rank_correlation == pytest.approx(1.0)


def test_detectors_that_never_err_together_correlate_negatively():
    found = agree(LABELS, wrong_on(0), wrong_on(5), 0.5)
    assert found.error_correlation == pytest.approx(-1 / 7)
    assert found.q == -1.0


def test_independent_errors_do_not_correlate(rng):
    labels = rng.random(20_000) < 0.5
    signs = np.where(labels, 1.0, -1.0)
    one, two = (signs + rng.normal(size=20_000) * 1.5 for _ in range(2))
    found = agree(labels, one, two, 0.5)
    assert abs(found.error_correlation) < 0.03  # four standard errors of 1 / sqrt(n)
    assert abs(found.q) < 0.08


@pytest.mark.parametrize("never", [(), tuple(range(8))])
def test_errors_that_never_or_always_happen_have_no_correlation(never):
    found = agree(LABELS, wrong_on(*never), wrong_on(1), 0.5)
    assert np.isnan([found.error_correlation, found.q]).all()
    assert "always or never wrong" in found.note
    assert found.agreement in (7 / 8, 1 / 8)


def test_a_constant_score_has_no_rank_correlation():
    found = agree(LABELS, np.full(8, 0.3), wrong_on(1), 0.5)
    assert np.isnan(found.rank_correlation)
    assert "gives all videos the same" in found.note


def test_no_common_video_is_undefined_with_a_reason():
    found = agree(np.zeros(0, bool), NOTHING, NOTHING, 0.5)
    assert found[:4] == (0, 0, 0, 0)
    assert np.isnan(found[4:8]).all()
    assert found.note == "no video was scored by both"


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_thresholds_may_be_0_and_1(threshold):
    found = agree(LABELS, wrong_on(0), wrong_on(1), threshold)
    assert found.both_right == found.both_wrong == 4


def test_best_picks_by_hand():
    labels = np.array([True, False])
    picks = best_picks(labels, np.array([[-1.0, 3.0, 0.0], [-2.0, 1.0, 4.0]]))
    np.testing.assert_array_equal(picks, [3.0, -2.0])


def test_the_bound_holds_for_every_member_and_rule_between_them(rng):
    for _ in range(8):
        labels = np.append(rng.random(58) < 0.6, [True, False])
        logits = rng.normal(size=(60, 3)) + labels[:, None] * rng.normal(size=3)
        nobody = Development(np.zeros((0, 3)), np.zeros(0, bool))
        others = [
            ENSEMBLES[rule](logits, weights, nobody)
            for rule in ("weighted_mean", "weighted_log_odds", "median", "max")
            for weights in (np.ones(3), np.array([3.0, 1.0, 0.5]))
        ]
        bound = auc_and_accuracy(labels, best_picks(labels, logits), 0.5)
        for scores in (*logits.T, *others):
            one = auc_and_accuracy(labels, scores, 0.5)
            for metric in ("auc", "accuracy"):
                assert value(bound, metric, 60) >= value(one, metric, 60)


def test_accuracy_of_the_picks_is_the_share_that_some_member_decides_rightly(rng):
    labels = rng.random(40) < 0.5
    logits = rng.normal(size=(40, 3))
    found = value(auc_and_accuracy(labels, best_picks(labels, logits), 0.7), "accuracy", 40)
    border = np.log(0.7 / 0.3)
    assert found == pytest.approx(np.mean(((logits > border) == labels[:, None]).any(axis=1)))


def test_the_best_single_by_each_metric():
    ranks_well = np.where(LABELS, 2.0, 1.0)  # but calls all fake
    decides_well = wrong_on(0)
    scores = {"decides": decides_well, "ranks": ranks_well, "again": ranks_well}
    found = best_singles(LABELS, scores, 0.5)
    assert found["auc"] == ("ranks", 1.0, "tied with again")
    assert found["accuracy"] == ("decides", 7 / 8, "")


def test_nobody_is_best_where_nothing_is_defined():
    reals = np.zeros(3, bool)
    found = best_singles(reals, {"one": np.array([1.0, -1.0, -2.0])}, 0.5)
    assert found["auc"][0] == ""
    assert found["auc"].note == "3 real and 0 fake videos that all scored"
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert best_singles(np.zeros(0, bool), {"one": NOTHING}, 0.5)["accuracy"].name == ""


def test_auc_is_the_metric_of_that_name(rng):
    weights = rng.integers(0, 3, (4, 8)).astype(float)
    found = auc_and_accuracy(LABELS, wrong_on(2, 4), 0.5)(weights)
    np.testing.assert_array_equal(found["auc"], METRICS["auc"](LABELS, wrong_on(2, 4), weights))


def test_a_family_that_no_test_could_pass_says_so():
    p = np.full(10, 0.001)
    p[3] = np.nan
    enough, short = (family(p, Draws(replicates, 0.95, 0)) for replicates in (400, 300))
    assert enough.note == ""
    assert short.note == "9 tests need 360 bootstrap replicates, not 300"
    np.testing.assert_allclose(enough.p_holm, np.where(np.isnan(p), np.nan, 0.009))
