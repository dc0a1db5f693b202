"""Numbers about maps, on maps whose answers are known."""

import numpy as np
import pytest

from deepbench.statistics import saliency
from deepbench.statistics.intervals import Draws, Sample

CORNER = np.zeros((8, 8), bool)
CORNER[:4, :4] = True


def test_area_is_the_mean_height():
    assert saliency.area(np.array([1.0, 0.5, 0.0])) == 0.5
    assert saliency.area(np.array([1.0, 0.0, 0.0, 0.0, 0.0])) == 0.125


def test_rank_correlation_sees_order_only(rng):
    cells = rng.random((4, 4))
    assert saliency.rank_correlation(cells, np.exp(9 * cells)) == pytest.approx(1)
    assert saliency.rank_correlation(cells, -cells) == pytest.approx(-1)
    assert np.isnan(saliency.rank_correlation(cells, np.zeros((4, 4))))
    assert np.isnan(saliency.rank_correlation(np.full((4, 4), np.nan), cells))


def test_pointing_looks_at_the_centre_of_the_highest_cell():
    cells = np.zeros((2, 2))
    cells[0, 0] = 1
    assert saliency.pointing(cells, CORNER) == 1
    cells[1, 0] = 2
    assert saliency.pointing(cells, CORNER) == 0


def test_pointing_at_random_hits_as_often_as_the_mask_is_large():
    mask = np.zeros((64, 64), bool)
    mask[8:40, 16:40] = True
    hits = [saliency.pointing(np.eye(64)[i].reshape(8, 8), mask) for i in range(64)]
    assert np.mean(hits) == mask.mean()


def test_iou_of_the_mask_itself_of_half_of_it_and_of_elsewhere():
    assert saliency.iou(CORNER.astype(float), CORNER) == 1
    below = np.roll(CORNER, 2, axis=0).astype(float)
    assert saliency.iou(below, CORNER) == pytest.approx(8 / 24)
    assert saliency.iou((~CORNER).astype(float), CORNER) == 0


def test_ties_count_as_far_as_chance_would_take_them():
    # one place is known, the other 15 of the mask's size come from 63 that tie, 15 in the mask
    cells = np.zeros((8, 8))
    cells[0, 0] = 1
    common = 1 + 15 * 15 / 63
    assert saliency.iou(cells, CORNER) == pytest.approx(common / (32 - common))


def test_chance_iou_is_what_random_maps_have(rng):
    share = CORNER.mean()
    found = [saliency.iou(rng.random((8, 8)), CORNER) for _ in range(4000)]
    assert np.mean(found) == pytest.approx(saliency.chance_iou(np.array([share]))[0], abs=0.01)


def test_against_chance_gives_means_and_the_interval_of_the_difference(rng):
    labels, clusters = np.repeat([False, True], 20), np.arange(40).astype(str)
    chance = rng.random(40)
    found = saliency.against(
        chance + 0.3, chance, Sample(labels, clusters), Draws(200, 0.95, seed=0)
    )
    assert found.value == pytest.approx(chance.mean() + 0.3)
    assert found.chance == pytest.approx(chance.mean())
    assert found.difference.value == pytest.approx(0.3)
    assert found.difference.low == pytest.approx(0.3)
    assert found.difference.high == pytest.approx(0.3)


def test_few_clusters_have_no_interval_but_a_reason():
    sample = Sample(np.ones(4, bool), np.array(["a", "a", "b", "b"]))
    found = saliency.against(np.ones(4), np.zeros(4), sample, Draws(200, 0.95, seed=0))
    assert found.difference.value == 1
    assert np.isnan(found.difference.low)
    assert "2 independent clips" in found.difference.note
