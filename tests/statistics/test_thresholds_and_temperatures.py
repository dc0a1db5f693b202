"""Thresholds, temperatures, bins and abstention against counts made by hand."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest

from deepbench.statistics import calibration
from deepbench.statistics.calibration import FEWEST_IN_BIN, RATES, TEMPERATURES

CRITERIA = ["eer", "balanced_accuracy", "fpr 0.01", "fpr 0.25"]
REALS = np.array([-4.0, -3, -2, 1])
FAKES = np.array([-1.0, 0, 2, 3, 4])


def joined(reals, fakes):
    labels = np.repeat([False, True], [len(reals), len(fakes)])
    return labels, np.concatenate([reals, fakes]).astype(float)


def chosen(reals, fakes, rates=(0.01, 0.25)):
    return calibration.thresholds(*joined(reals, fakes), list(rates))


def fpr(reals, threshold):
    return np.mean(np.asarray(reals) > threshold)


def test_thresholds_by_hand():
    found = chosen(REALS, FAKES)
    assert list(found) == CRITERIA
    # halves: above -1, 0 and 1 are 1/4 of the reals and 1/5, 2/5, 2/5 of the fakes missed
    assert found["eer"].logit == -0.5
    # 1/4 and 0/5 wrong: between -2 and -1
    assert found["balanced_accuracy"].logit == -1.5
    assert found["fpr 0.25"].logit == -1.5
    # above the highest real, halfway to the next fake
    assert found["fpr 0.01"].logit == 1.5


def test_equal_error_is_between_the_classes_where_they_part():
    found = chosen([-2, -1], [1, 2])
    assert found["eer"].logit == found["balanced_accuracy"].logit == 0.0


def test_of_equally_good_thresholds_the_highest_is_taken():
    # above 0: 1 of 2 reals and no fake wrong; above 2: no real and 1 of 2 fakes wrong
    assert chosen([0, 2], [1, 3])["balanced_accuracy"].logit == 2.5


def test_a_rate_beyond_the_reals_is_told():
    found = chosen(REALS, FAKES)
    assert found["fpr 0.01"].note == (
        "chosen on 4 development reals, too few for a rate of 0.01: it lies above all of them"
    )
    assert found["fpr 0.25"].note == "chosen on 4 development reals"


def test_a_rate_that_the_reals_just_resolve_is_kept():
    found = chosen(np.arange(100.0), [200.0], [0.01, 0.29])
    assert found["fpr 0.01"].logit == 98.5
    assert found["fpr 0.29"].logit == 70.5
    assert "too few" not in found["fpr 0.01"].note


def test_a_higher_rate_never_raises_the_threshold(rng):
    rates = [0.001, 0.01, 0.05, 0.1, 0.3, 0.7, 0.99]
    for _ in range(50):
        reals, fakes = rng.normal(0, 1, rng.integers(1, 60)).round(1), rng.normal(1, 1, 30).round(1)
        found = chosen(reals, fakes, rates)
        limits = np.array([found[f"fpr {rate:g}"].logit for rate in rates])
        assert (np.diff(limits) <= 0).all()
        reached = [fpr(reals, limit) for limit in limits]
        assert (np.array(reached) <= rates).all()
        # lowest: below the next score down, the rate is passed
        scores = np.unique(np.concatenate([reals, fakes]))
        for limit, rate in zip(limits, rates, strict=True):
            assert fpr(reals, scores[scores < limit].max() - 1e-9) > rate


def test_thresholds_are_the_best_of_all(rng):
    for _ in range(50):
        reals, fakes = rng.normal(0, 1, 23).round(1), rng.normal(1, 1, 31).round(1)
        found = chosen(reals, fakes)
        cuts = np.append(np.unique(np.concatenate([reals, fakes])) + 0.05, 99)
        wrong = np.array([[fpr(reals, c), 1 - fpr(fakes, c)] for c in cuts])

        def at(name, reals=reals, fakes=fakes, found=found):
            t = found[name].logit
            return np.array([fpr(reals, t), 1 - fpr(fakes, t)])

        assert at("balanced_accuracy").mean() == pytest.approx(wrong.mean(axis=1).min())
        best = np.abs(np.diff(wrong, axis=1)).min()
        assert abs(np.diff(at("eer"))[0]) == pytest.approx(best)


def test_rounding_flips_no_decision(rng):
    reals, fakes = rng.normal(0, 1, 200), rng.normal(1, 1, 200)
    labels, logits = joined(reals, fakes)
    noisy = logits * (1 + rng.uniform(-1e-9, 1e-9, 400))
    for threshold in chosen(reals, fakes).values():
        np.testing.assert_array_equal(logits > threshold.logit, noisy > threshold.logit)
    assert labels.sum() == 200


def test_the_order_of_the_videos_does_not_matter(rng):
    labels, logits = joined(rng.normal(0, 1, 40).round(1), rng.normal(1, 1, 40).round(1))
    order = rng.permutation(80)
    assert calibration.thresholds(labels, logits, [0.1]) == calibration.thresholds(
        labels[order], logits[order], [0.1]
    )


def test_infinite_scores_fall_on_their_side():
    # majority pooling: all frames agree
    inf = np.inf
    found = chosen([-inf, -1, -inf], [inf, 1, inf])
    assert found["eer"].logit == 0.0
    assert chosen([-inf, -inf], [inf, inf])["eer"].logit == 0.0
    # halfway in probability: 0.9375 lies between 7 of 8 frames and all
    above = chosen([0, logit(7 / 8)], [inf, inf])["fpr 0.01"].logit
    assert expit(above) == pytest.approx(15 / 16)
    below = chosen([-inf, -inf], [logit(1 / 8), 0])["fpr 0.01"].logit
    assert expit(below) == pytest.approx(1 / 16)
    assert chosen([inf, 0], [inf, inf])["fpr 0.01"].logit == inf


def test_a_real_above_all_fakes_leaves_nothing_called_fake():
    found = chosen([0, 50.0], [10, 20])["fpr 0.01"].logit
    assert np.isfinite(found)
    assert found > 50


@pytest.mark.parametrize(("reals", "fakes"), [([], [1, 2]), ([1, 2], []), ([], [])])
def test_one_class_chooses_nothing_and_says_why(reals, fakes):
    labels, logits = joined(reals, fakes)
    why = f"not chosen: the development split has scores of {len(reals)} real and {len(fakes)} fake"
    found = calibration.thresholds(labels, logits, [0.05])
    assert list(found) == ["eer", "balanced_accuracy", "fpr 0.05"]
    assert all(np.isnan(t.logit) and t.note == why for t in found.values())
    scale = calibration.temperature(labels, logits)
    assert np.isnan(scale.value)
    assert scale.note == why.replace("scores", "finite scores")


def test_an_operating_point_by_hand():
    labels = np.array([False, False, False, True, True])
    called = np.array([True, False, False, True, False])
    weights = np.array([[1.0, 1, 1, 1, 1], [0, 2, 2, 3, 1], [1, 1, 1, 0, 0]])
    found = calibration.operating_point(labels, called, weights)
    assert list(found) == list(RATES)
    np.testing.assert_allclose(found["fpr"], [1 / 3, 0, 1 / 3])
    np.testing.assert_allclose(found["tpr"], [1 / 2, 3 / 4, np.nan])
    np.testing.assert_allclose(found["accuracy"], [3 / 5, 7 / 8, 2 / 3])
    np.testing.assert_allclose(found["balanced_accuracy"], [7 / 12, 7 / 8, np.nan])


@pytest.mark.parametrize("truth", [0.2, 1.0, 4.0])
def test_temperature_finds_how_over_confident_a_scorer_is(rng, truth):
    honest = rng.normal(0, 2, 20_000)
    labels = rng.random(20_000) < expit(honest)
    found = calibration.temperature(labels, honest * truth)
    assert found.value == pytest.approx(truth, rel=0.05)
    assert found.note == ""


def test_temperature_is_at_the_minimum_and_scales_with_the_scores():
    labels, logits = joined(REALS, FAKES)
    found = calibration.temperature(labels, logits).value

    def loss(scale):
        return np.mean(np.logaddexp(0, np.where(labels, -logits, logits) / scale))

    assert loss(found) < min(loss(found * 1.01), loss(found / 1.01))
    assert calibration.temperature(labels, logits * 3).value == pytest.approx(3 * found, rel=1e-5)


def test_nothing_limits_the_confidence_of_a_faultless_scorer():
    for scale in (1.0, 1000.0):
        found = calibration.temperature(*joined([-2 * scale, -scale], [scale, 2 * scale]))
        assert found.value == TEMPERATURES[0]
        assert found.note == (
            "ran to its bound of 0.05; "
            "no development video is on the wrong side of 0.5: nothing limits it"
        )


def test_a_scorer_worse_than_chance_runs_to_the_other_bound():
    found = calibration.temperature(*joined([1, 2], [-1, -2]))
    assert (found.value, found.note) == (TEMPERATURES[1], "ran to its bound of 20")


def test_infinite_scores_are_left_out_of_the_fit():
    labels, logits = joined(REALS, FAKES)
    more = calibration.temperature(
        np.append(labels, [True, False]), np.append(logits, [np.inf] * 2)
    )
    assert more.value == calibration.temperature(labels, logits).value
    assert more.note == "fitted without 2 videos of infinite log-odds"


def test_bins_hold_every_video_once_and_nearly_equally_many(rng):
    for n in (1, 4, 5, 9, 10, 57, 1000):
        logits = rng.normal(0, 2, n)
        labels = rng.random(n) < 0.5
        bins = calibration.reliability(labels, logits, 10, 0.95)
        assert bins.n.sum() == n
        assert len(bins.n) == max(1, min(10, n // FEWEST_IN_BIN))
        assert bins.n.max() - bins.n.min() <= 1
        assert bins.n @ bins.fake_prob == pytest.approx(expit(logits).sum())
        assert bins.n @ bins.share_fake == pytest.approx(labels.sum())
        assert (np.diff(bins.fake_prob) > 0).all()
        assert ((bins.low <= bins.share_fake) & (bins.share_fake <= bins.high)).all()


def test_equal_scores_share_a_bin_whatever_their_order(rng):
    logits = np.repeat([-2.0, 0, 0.5, 3], [3, 20, 4, 13])
    labels = rng.random(40) < expit(logits)
    order = rng.permutation(40)
    bins = calibration.reliability(labels, logits, 8, 0.95)
    again = calibration.reliability(labels[order], logits[order], 8, 0.95)
    for one, other in zip(bins, again, strict=True):
        np.testing.assert_allclose(one, other)
    assert bins.n.sum() == 40
    assert bins.n.max() >= 20


def test_no_videos_make_no_bins():
    bins = calibration.reliability(np.zeros(0, bool), np.zeros(0), 10, 0.95)
    assert all(len(column) == 0 for column in bins)


def test_wilson_agrees_with_scipy():
    hits, n = np.array([0.0, 1, 5, 17, 20]), np.array([5, 5, 5, 40, 20])
    found = calibration.wilson(hits, n, 0.9)
    for place, (k, of) in enumerate(zip(hits.astype(int), n, strict=True)):
        ends = binomtest(int(k), int(of)).proportion_ci(0.9, "wilson")
        assert found.low[place] == pytest.approx(ends.low, abs=1e-12)
        assert found.high[place] == pytest.approx(ends.high)


def test_abstention_by_hand():
    labels = np.array([True, False, True, False])
    logits = np.array([4.0, 3, -2, -1])  # right, wrong, wrong, right
    found = calibration.abstention(labels, logits, np.array([0.25, 0.3, 0.5, 0.75, 1]))
    assert found.n.tolist() == [1, 2, 2, 3, 4]
    np.testing.assert_allclose(found.error_rate, [0, 1 / 2, 1 / 2, 2 / 3, 1 / 2])
    np.testing.assert_allclose(found.fake_share, [1, 1 / 2, 1 / 2, 2 / 3, 1 / 2])


def test_equally_sure_videos_count_in_part():
    labels = np.array([True, True, False, False])
    logits = np.array([5.0, 1, 1, -1])  # of three equally sure, one is wrong
    found = calibration.abstention(labels, logits, np.array([0.5]))
    assert found.n.tolist() == [2]
    np.testing.assert_allclose(found.error_rate, [1 / 6])
    np.testing.assert_allclose(found.fake_share, [(1 + 1 / 3) / 2])


def test_coverages_are_not_rounded_up_by_a_last_digit():
    labels, logits = np.ones(10, bool), np.arange(1.0, 11)
    found = calibration.abstention(labels, logits, np.arange(1, 11) / 10)
    assert found.n.tolist() == list(range(1, 11))


def test_to_decide_all_is_the_error_rate(rng):
    labels, logits = rng.random(101) < 0.3, rng.normal(0, 1, 101).round(1)
    found = calibration.abstention(labels, logits, np.array([1.0]))
    assert found.error_rate[0] == pytest.approx(np.mean((logits > 0) != labels))
    assert found.fake_share[0] == pytest.approx(labels.mean())


def test_nothing_to_decide_is_undefined():
    found = calibration.abstention(np.zeros(0, bool), np.zeros(0), np.array([0.5, 1]))
    assert found.n.tolist() == [0, 0]
    assert np.isnan(found.error_rate).all()
    assert np.isnan(found.fake_share).all()
