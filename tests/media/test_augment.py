"""Random changes of crops: what each does, how far it goes, and that a seed decides all."""

import numpy as np
import pytest

from deepbench.media import augment
from deepbench.media.augment import Placing

SIDE = 64


@pytest.fixture
def crop():
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def spot(row, column):
    """A bright place on black."""
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[row, column] = 255
    return picture


def place_of(picture):
    return tuple(int(i) for i in np.unravel_index(picture[..., 0].argmax(), (SIDE, SIDE)))


def test_a_seed_decides_all(crop):
    once, again, other = (augment.augmented(crop, np.random.default_rng(s)) for s in (4, 4, 5))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
    assert once.dtype == np.uint8
    assert once.shape == crop.shape


def test_no_change_is_no_resampling(crop):
    np.testing.assert_array_equal(augment.placed(crop, Placing()), crop)


def test_a_flip_is_exact(crop):
    np.testing.assert_array_equal(augment.placed(crop, Placing(flipped=True)), crop[:, ::-1])


def test_shifts_zooms_and_turns_go_where_they_say():
    assert place_of(augment.placed(spot(20, 30), Placing(right=1 / 8, down=-1 / 4))) == (4, 38)
    assert abs(place_of(augment.placed(spot(20, 31), Placing(zoom=2)))[0] - 8) <= 1
    row, column = place_of(augment.placed(spot(31, 51), Placing(degrees=20)))
    # 20 pixels right of the centre, turned against the clock
    assert abs(row - (31.5 - 20 * np.sin(np.deg2rad(20)))) <= 1
    assert abs(column - (31.5 + 20 * np.cos(np.deg2rad(20)))) <= 1


def test_nothing_black_comes_in_from_outside():
    grey = np.full((SIDE, SIDE, 3), 99, np.uint8)
    far = augment.placed(grey, Placing(20.0, 0.8, 0.2, -0.2, flipped=True))
    np.testing.assert_array_equal(far, grey)


def test_places_keep_to_their_ranges_and_each_change_happens_to_half():
    rng = np.random.default_rng(1)
    drawn = [augment.placing(rng) for _ in range(2000)]
    turns, zooms, rights, downs, flips = (np.array(column) for column in zip(*drawn, strict=True))
    for values, none, reach in (
        (turns, 0, augment.ROTATION),
        (rights, 0, augment.SHIFT),
        (downs, 0, augment.SHIFT),
        (zooms, 1, 0.2),
    ):
        assert abs(values - none).max() <= reach
        assert abs(values - none).max() > 0.95 * reach
        assert (values == none).mean() == pytest.approx(0.5, abs=0.05)
    assert flips.mean() == pytest.approx(0.5, abs=0.05)


def test_light_noise_and_compression_keep_to_their_ranges():
    grey = np.full((SIDE, SIDE, 3), 100, np.uint8)
    rng = np.random.default_rng(2)
    drawn = [augment.recorded(grey, rng) for _ in range(400)]
    means = np.array([picture.mean() for picture in drawn])
    spreads = np.array([picture.std() for picture in drawn])
    assert 84 < means.min() < 87
    assert 113 < means.max() < 116
    assert spreads.max() < 1.2 * 255 * augment.NOISE
    untouched = [(picture == grey).all() for picture in drawn]
    # neither light nor noise: a quarter; JPEG leaves a plain grey as it is
    assert np.mean(untouched) == pytest.approx(0.25, abs=0.06)
