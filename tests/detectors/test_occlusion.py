"""Deletion and insertion on a network that looks where we know."""

import numpy as np
import planted
import pytest
import torch
from scipy.special import expit

from deepbench.detectors import explain, occlusion


@pytest.fixture(scope="module")
def patch():
    """The planted crop's map and its curves in eight steps."""
    network, crop = planted.network(), planted.patched()
    found = explain.grad_cam(network, crop[None])
    subject = occlusion.subject(crop, found.maps[0], np.random.default_rng(1))
    (curves,) = occlusion.curves(network, [subject], 8, 3)
    return found, subject, curves


def test_deletion_falls_and_insertion_rises_at_once(patch):
    found, _, curves = patch
    deletion, insertion, random = (expit(c) for c in curves)
    assert deletion[0] == pytest.approx(expit(found.fake_logit[0]))
    assert deletion[0] > 0.9
    assert deletion[-1] < 0.2
    # the patch is a sixteenth of the crop: an eighth holds it and what blends into it
    assert deletion[1] < 0.25
    assert insertion[1] > 0.8
    assert random[1] > 0.5
    assert (insertion[0], insertion[-1]) == (deletion[-1], deletion[0])
    assert (random[0], random[-1]) == (deletion[0], deletion[-1])
    assert all(len(c) == 9 for c in curves)


def test_every_state_is_made_of_the_crop_and_its_blur(patch):
    _, subject, _ = patch
    blur = occlusion.blurred(subject.crop)
    states = [state.picture() for state in occlusion._wanted(subject, 4)]
    assert np.array_equal(states[0], subject.crop)
    assert np.array_equal(states[1], blur)
    quarter = subject.order < 256 * 256 / 4
    assert quarter.sum() == 256 * 256 / 4
    assert np.array_equal(states[2], np.where(quarter[..., None], blur, subject.crop))
    # insertion of the same quarter: the other way round
    assert np.array_equal(states[5], np.where(quarter[..., None], subject.crop, blur))
    assert len(states) == 2 + 3 * 3


def test_an_order_goes_from_most_to_least_and_ties_go_by_the_other_map():
    importance = np.array([[0.0, 0.5], [0.0, 1.0]], np.float32)
    ties = np.array([[3.0, 0.0], [4.0, 1.0]], np.float32)
    assert occlusion.order(importance, ties).tolist() == [[3, 1], [2, 0]]


def test_a_random_order_has_the_grain_of_the_map_and_its_own_seed():
    crop, cells = planted.smooth(), np.zeros((8, 8), np.float32)
    cells[0, 0] = 1
    one, same, other = (
        occlusion.subject(crop, cells, np.random.default_rng(seed)).random for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    # neighbours go at nearly the same time, as they do in an enlarged map
    assert np.abs(np.diff(one, axis=1)).mean() < one.size / 50
    assert np.array_equal(np.sort(one, axis=None), np.arange(one.size))


def test_threads_and_batches_do_not_change_a_curve(patch):
    _, subject, curves = patch
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        again = occlusion.curves(planted.network(), [subject, subject], 8, 7)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    for made in again:
        np.testing.assert_allclose(np.stack(made), np.stack(curves), rtol=0, atol=1e-5)


def test_no_crop_has_no_curve():
    assert occlusion.curves(planted.network(), [], 4, 8) == []
