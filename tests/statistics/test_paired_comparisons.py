"""Paired tests: Holm by hand, p against DeLong's, and as many false alarms as promised."""

import numpy as np
import pytest

from deepbench.statistics import comparisons, delong
from deepbench.statistics.comparisons import LOWER_IS_BETTER, compare, holm, ranks
from deepbench.statistics.intervals import Draws, Sample
from deepbench.statistics.metrics import METRICS

DRAWS = Draws(replicates=999, level=0.95, seed=1)
AUC = {"auc": METRICS["auc"]}
THREE = {name: METRICS[name] for name in ("auc", "eer", "log_loss")}


def sample(n, clusters=None):
    names = np.arange(n) if clusters is None else clusters
    return Sample(np.arange(n) % 2 == 0, names.astype(str))


def scores(rng, labels, *gains):
    """One scorer per gain: the higher, the better; their errors are partly the same."""
    shared = rng.normal(size=len(labels))
    return np.array([labels * gain + shared + rng.normal(size=len(labels)) for gain in gains])


def by_pair(family, metric="auc"):
    return {tuple(row.pair): row for row in family if row.metric == metric}


def test_holm_by_hand():
    # 0.01 * 4, 0.02 * 3, 0.03 * 2 (as 0.06 before it), 0.04 * 1 (again 0.06)
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03, 0.02])), [0.06, 0.04, 0.06, 0.06])


def test_holm_stops_at_one_and_keeps_ties_equal():
    np.testing.assert_allclose(holm(np.array([0.7, 0.2, 0.2])), [0.7, 0.6, 0.6])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])


def test_holm_does_not_count_what_was_not_tested():
    corrected = holm(np.array([np.nan, 0.02, np.nan, 0.5]))
    np.testing.assert_allclose(corrected, [np.nan, 0.04, np.nan, 0.5])
    assert np.isnan(holm(np.array([np.nan]))).all()
    assert holm(np.array([])).shape == (0,)


def test_p_and_interval_agree_with_delong_where_videos_are_independent(rng):
    drawn = sample(800)
    logits = scores(rng, drawn.labels, 1.0, 1.3)
    row = compare(AUC, logits, drawn, Draws(8000, 0.95, 1))[0]
    aucs = delong.aucs(drawn.labels, logits)
    assert row.difference.value == pytest.approx(aucs.values[0] - aucs.values[1])
    assert row.p_delong == pytest.approx(delong.p_value(aucs, 0, 1))
    assert 0.01 < row.p_delong < 0.6  # where both say something
    assert row.difference.p == pytest.approx(row.p_delong, rel=0.25)
    deviation = np.sqrt(np.array([1, -1]) @ aucs.covariance @ np.array([1, -1]))
    half = (row.difference.high - row.difference.low) / 2
    assert half == pytest.approx(1.96 * deviation, rel=0.06)


def test_clusters_make_the_bootstrap_doubt_more_than_delong(rng):
    clusters = np.repeat(np.arange(40), 10)
    drawn = sample(400, clusters)
    shared = rng.normal(size=(2, 40))[:, clusters] * np.where(drawn.labels, 1, -1)
    logits = drawn.labels + shared + 0.3 * rng.normal(size=(2, 400))
    row = compare(AUC, logits, drawn, DRAWS)[0]
    assert row.p_delong < row.difference.p


def test_the_same_scores_differ_by_nothing_and_are_tied(rng):
    drawn = sample(100)
    once = scores(rng, drawn.labels, 1.0)
    family = compare(THREE, np.vstack([once, once]), drawn, DRAWS)
    for row in family:
        assert (row.difference.value, row.difference.low, row.difference.high) == (0, 0, 0)
        assert (row.difference.p, row.p_holm) == (1, 1)
    assert family[0].p_delong == 1
    assert [tuple(rank) for rank in ranks(family[:1], 2, DRAWS)] == [
        (1, [1], [], ""),
        (1, [0], [], ""),
    ]


@pytest.mark.parametrize("metric", ["auc", "ap", "eer", "log_loss", "brier"])
def test_a_clearly_better_scorer_is_first_alone_by_every_metric(metric, rng):
    drawn = sample(300)
    signs = np.where(drawn.labels, 1.0, -1.0)
    # by gain over noise: the last is best, the others are equals
    logits = signs * np.array([[0.2], [0.2], [4.0]]) + rng.normal(size=(3, 300))
    family = compare({metric: METRICS[metric]}, logits, drawn, DRAWS)
    assert (family[1].difference.value > 0) == (metric in LOWER_IS_BETTER)
    found = ranks(family, 3, DRAWS)
    assert [rank.rank for rank in found] == [2, 2, 1]
    assert [rank.tied for rank in found] == [[1], [0], []]


def test_swapping_two_scorers_swaps_the_sign_and_nothing_else(rng):
    drawn = sample(120)
    logits = scores(rng, drawn.labels, 0.8, 1.3)
    for one, two in zip(
        compare(THREE, logits, drawn, DRAWS),
        compare(THREE, logits[::-1], drawn, DRAWS),
        strict=True,
    ):
        assert one.difference.value == -two.difference.value
        assert one.difference[1:3] == (-two.difference.high, -two.difference.low)
        np.testing.assert_equal(
            (one.difference.p, one.p_holm, one.p_delong),
            (two.difference.p, two.p_holm, two.p_delong),
        )


def test_the_order_of_scorers_changes_no_p(rng):
    drawn = sample(120)
    logits = scores(rng, drawn.labels, 0.5, 1.0, 1.5, 2.0)
    logits[1, :7] = np.nan
    straight = by_pair(compare(AUC, logits, drawn, DRAWS))
    order = [2, 0, 3, 1]
    mixed = by_pair(compare(AUC, logits[order], drawn, DRAWS))
    for (one, two), row in mixed.items():
        same = straight[tuple(sorted([order[one], order[two]]))]
        assert (row.difference.p, row.p_holm) == (same.difference.p, same.p_holm)
        assert row.p_delong == pytest.approx(same.p_delong)


def test_a_pair_is_compared_on_its_common_items_only(rng):
    drawn = sample(60)
    logits = scores(rng, drawn.labels, 0.5, 1.0, 1.5)
    logits[0, :10] = np.nan
    logits[1, 5:25] = np.nan
    found = by_pair(compare(THREE, logits, drawn, DRAWS))
    assert [(row.n_real, row.n_fake) for row in found.values()] == [(18, 17), (25, 25), (20, 20)]
    both = np.arange(60) >= 25
    alone = compare(THREE, logits[:2, both], Sample(*(part[both] for part in drawn)), DRAWS)
    assert found[0, 1].difference == alone[0].difference
    assert found[0, 1].p_delong == alone[0].p_delong


def test_a_scorer_without_scores_is_not_ranked_and_spoils_no_other(rng):
    drawn = sample(200)
    logits = scores(rng, drawn.labels, 0.2, np.nan, 3.0)
    family = compare(AUC, logits, drawn, DRAWS)
    assert [np.isnan(row.p_holm) for row in family] == [True, False, True]
    assert by_pair(family)[0, 2].p_holm == by_pair(family)[0, 2].difference.p
    first, lost, last = ranks(family, 3, DRAWS)
    assert (first.rank, first.tied, first.untested) == (2, [], [1])
    assert (last.rank, last.tied, last.untested) == (1, [], [1])
    assert (lost.rank, lost.note) == (0, "undefined with 0 real and 0 fake")


def test_too_few_clusters_give_the_value_but_no_test(rng):
    drawn = sample(80, np.repeat(np.arange(4), 20))
    row, *_ = family = compare(AUC, scores(rng, drawn.labels, 0.0, 3.0), drawn, DRAWS)
    assert row.difference.value < 0
    assert np.isnan([*row.difference[1:3], row.difference.p, row.p_holm, row.p_delong]).all()
    assert [rank.rank for rank in ranks(family, 2, DRAWS)] == [0, 0]
    assert "4 independent clips" in ranks(family, 2, DRAWS)[0].note


def test_two_infinite_losses_have_no_difference_and_no_test(rng):
    drawn = sample(100)
    logits = scores(rng, drawn.labels, 1.0, 1.0, 1.0)
    logits[:2, 0] = -np.inf  # a fake surely called real: without it, replicates have a value
    found = compare({"log_loss": METRICS["log_loss"]}, logits, drawn, DRAWS)
    assert np.isnan([found[0].difference.value, found[0].difference.p, found[0].p_holm]).all()
    assert found[0].difference.note
    assert found[1].difference.value == np.inf
    assert ranks(found, 3, DRAWS)[2].rank == 1
    assert ranks(found, 3, DRAWS)[0].untested == [1]


def test_too_few_replicates_for_the_correction_rank_nobody(rng):
    drawn = sample(100)
    family = compare(AUC, scores(rng, drawn.labels, 0.0, 0.0, 5.0), drawn, Draws(100, 0.95, 1))
    assert {(r.rank, r.note) for r in ranks(family, 3, Draws(100, 0.95, 1))} == {
        (0, "3 pairs need 120 bootstrap replicates, not 100")
    }
    enough = Draws(120, 0.95, 1)
    clear = compare(AUC, scores(rng, drawn.labels, 0.0, 0.0, 5.0), drawn, enough)
    assert ranks(clear, 3, enough)[2].rank == 1


def test_one_scorer_has_nobody_to_be_compared_with(rng):
    drawn = sample(50)
    assert compare(THREE, scores(rng, drawn.labels, 1.0), drawn, DRAWS) == []
    assert ranks([], 1, DRAWS) == [(0, [], [], "no other scorer to compare with")]


def test_scorers_with_the_same_items_share_one_bootstrap(rng, monkeypatch):
    drawn = sample(60)
    logits = scores(rng, drawn.labels, *[1.0] * 5)
    calls = []
    real = comparisons.estimate
    monkeypatch.setattr(comparisons, "estimate", lambda *a: calls.append(1) or real(*a))
    compare(THREE, logits, drawn, Draws(50, 0.95, 1))
    assert len(calls) == 1
    logits[4, 0] = np.nan
    compare(THREE, logits, drawn, Draws(50, 0.95, 1))
    assert len(calls) == 3


@pytest.mark.slow
def test_six_equal_scorers_are_told_apart_in_at_most_one_of_twenty_studies(rng):
    families = []
    for seed in range(400):
        drawn = sample(60)
        logits = scores(rng, drawn.labels, *[1.0] * 6)
        families.append(compare(AUC, logits, drawn, Draws(999, 0.95, seed)))
    # one test alone is wrong in 5 %; the 15 of a study share their data, hence the margin
    assert 0.03 < np.mean([row.difference.p < 0.05 for f in families for row in f]) < 0.07
    # 5 % is the promise, and Holm may keep more; three deviations of 400 studies are 3.3 %
    assert 0.005 < np.mean([any(row.p_holm < 0.05 for row in f) for f in families]) < 0.083
