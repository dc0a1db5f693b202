"""Differences and effect sizes by hand, and intervals against a plain bootstrap."""

import numpy as np
import pytest

from deepbench.statistics import effects
from deepbench.statistics.intervals import Draws, Sample

DRAWS = Draws(2000, 0.95, 0)


def groups(rng, shift, n=40):
    """As many reals as fakes, two to a cluster: a real and its fake."""
    clip = rng.normal(0, 1, (n, 1))
    real, fake = (clip + rng.normal(0, 0.3, (n, 1)) for _ in range(2))
    values = np.vstack([real, fake + shift])
    labels = np.arange(2 * n) >= n
    return values, Sample(labels, np.tile([f"c{i}" for i in range(n)], 2))


def apart(sample):
    """The same videos, each a clip of its own."""
    return Sample(sample.labels, np.array([f"v{i}" for i in range(len(sample.labels))]))


def test_cohens_d_by_hand():
    values = np.array([[1.0], [2], [3], [5], [7]])
    sample = Sample(np.array([False, False, False, True, True]), np.array(list("abcde")))
    (found,) = effects.contrasts(values, sample, DRAWS)
    # reals 2 with squares 2, fakes 6 with squares 2; pooled variance 4 / 3
    told = (found.real.value, found.fake.value, found.difference.value)
    assert told == pytest.approx((2, 6, 4))
    assert found.effect.value == pytest.approx(4 / np.sqrt(4 / 3))
    assert (found.n_real, found.n_fake) == (3, 2)
    assert np.isnan(found.effect.low)
    assert found.note == "no interval from 2 independent clips of a class, fewer than 5"


def test_a_known_shift_is_within_its_interval(rng):
    values, sample = groups(rng, shift=0.8)
    (found,) = effects.contrasts(values, sample, DRAWS)
    assert found.note == ""
    for name in ("real", "fake", "difference", "effect"):
        value, low, high = getattr(found, name)
        assert low < value < high
    assert found.difference.low < 0.8 < found.difference.high
    assert found.difference.low > 0
    assert found.difference.value == pytest.approx(found.fake.value - found.real.value)


def test_intervals_are_those_of_a_plain_bootstrap(rng):
    values, sample = groups(rng, shift=0.5)
    (found,) = effects.contrasts(values, sample, DRAWS)
    x, fake = values[:, 0], sample.labels
    drawn = []
    for _ in range(2000):
        chosen = rng.integers(0, 40, 40)
        real, forged = x[~fake][chosen], x[fake][chosen]
        spread = np.sqrt((real.var(ddof=1) + forged.var(ddof=1)) / 2)
        drawn.append((forged.mean() - real.mean(), (forged.mean() - real.mean()) / spread))
    expected = np.quantile(drawn, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(found.difference[1:], expected[:, 0], atol=0.03)
    np.testing.assert_allclose(found.effect[1:], expected[:, 1], atol=0.03)


def test_pairs_tell_more_than_strangers(rng):
    values, sample = groups(rng, shift=0.3)
    (pairs,) = effects.contrasts(values, sample, DRAWS)
    (strangers,) = effects.contrasts(values, apart(sample), DRAWS)
    assert pairs.effect.value == pytest.approx(strangers.effect.value)
    assert pairs.difference.low > 0 > strangers.difference.low


def test_a_large_offset_costs_no_digits(rng):
    values, sample = groups(rng, shift=0.3)
    (plain,) = effects.contrasts(values, sample, DRAWS)
    (lifted,) = effects.contrasts(values + 1e6, sample, DRAWS)
    np.testing.assert_allclose(lifted.effect, plain.effect, rtol=1e-6)


def test_each_feature_is_told_on_the_videos_that_have_it(rng):
    values, sample = groups(rng, shift=0.8)
    holed = np.hstack([values, values, values])
    holed[:5, 1] = np.nan
    holed[:, 2] = np.nan
    whole, part, none = effects.contrasts(holed, sample, DRAWS)
    assert (whole.n_real, part.n_real, part.n_fake) == (40, 35, 40)
    kept = ~np.isnan(holed[:, 1])
    mine = Sample(sample.labels[kept], sample.clusters[kept])
    assert effects.contrasts(values[kept], mine, DRAWS) == [part]
    assert (none.n_real, none.n_fake) == (0, 0)
    assert np.isnan(none.difference.value)
    assert none.note == "undefined with 0 real and 0 fake"


def test_many_features_are_the_same_as_one_at_a_time(rng):
    values, sample = groups(rng, shift=0.2)
    many = values + rng.normal(0, 1, (len(values), effects.AT_A_TIME + 3))
    together = effects.contrasts(many, sample, DRAWS)
    for place in (0, effects.AT_A_TIME, effects.AT_A_TIME + 2):
        (alone,) = effects.contrasts(many[:, [place]], sample, DRAWS)
        np.testing.assert_allclose(alone.effect, together[place].effect, rtol=1e-12)


def test_the_order_of_the_videos_does_not_matter(rng):
    values, sample = groups(rng, shift=0.2)
    order = rng.permutation(len(values))
    mixed = Sample(sample.labels[order], sample.clusters[order])
    (one,), (other,) = (
        effects.contrasts(values, sample, DRAWS),
        effects.contrasts(values[order], mixed, DRAWS),
    )
    np.testing.assert_allclose(one.difference, other.difference, rtol=1e-9)


@pytest.mark.parametrize("constant", [0.0, 3.7, 1e-7])
def test_what_never_varies_has_no_effect_size(constant):
    labels = np.arange(20) >= 10
    values = np.full((20, 1), constant)
    sample = Sample(labels, np.array([f"c{i}" for i in range(20)]))
    (found,) = effects.contrasts(values, sample, DRAWS)
    assert found.difference == (0, 0, 0)
    assert np.isnan(found.effect).all()
    assert found.note == effects.CONSTANT


@pytest.mark.parametrize("fake", [True, False])
def test_one_class_has_a_mean_and_no_difference(fake):
    values = np.arange(8.0)[:, None]
    sample = Sample(np.full(8, fake), np.array([f"c{i}" for i in range(8)]))
    (found,) = effects.contrasts(values, sample, DRAWS)
    there, gone = (found.fake, found.real) if fake else (found.real, found.fake)
    assert there.value == 3.5
    assert np.isnan([gone.value, found.difference.value, found.effect.value]).all()
    assert found.note == f"undefined with {8 - 8 * fake} real and {8 * fake} fake"


def test_intervals_cover_as_often_as_they_say(rng):
    held = 0
    draws = Draws(200, 0.9, 0)
    for _ in range(100):
        values, sample = groups(rng, shift=0.5, n=30)
        (found,) = effects.contrasts(values, sample, draws)
        held += found.difference.low <= 0.5 <= found.difference.high
    # 90 expected, standard deviation 3
    assert 78 <= held <= 99
