"""Grad-CAM against the pytorch-grad-cam library, and on networks that look where we know."""

import time
import warnings

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from deepbench.core.plugins import Preprocessing
from deepbench.detectors import explain
from deepbench.detectors.network import Network

NAMES = ["xception", "efficientnet_b4", "f3net", "f3net_sobel", "effort"]


def pictures(n, size=256):
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (n, 9, 9, 3), dtype=np.uint8)
    return np.stack([cv2.resize(r, (size, size), interpolation=cv2.INTER_CUBIC) for r in rough])


def library(network, crops):
    """Maps of pytorch-grad-cam for the fake class, before it enlarges them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    def grid(tokens):
        side = round((tokens.shape[1] - 1) ** 0.5)
        return tokens[:, 1:].transpose(1, 2).unflatten(2, (side, side))

    class Unresized(GradCAM):
        def get_target_width_height(self, input_tensor):
            return None

    layer = network.module.get_submodule(network.explained)
    network.module.requires_grad_(True)
    try:
        is_vit = isinstance(layer, nn.LayerNorm)
        cam = Unresized(network.module, [layer], reshape_transform=grid if is_vit else None)
        targets = [ClassifierOutputTarget(1)] * len(crops)
        return cam(input_tensor=network.prepare(crops), targets=targets)
    finally:
        network.module.requires_grad_(False).zero_grad()


@pytest.mark.parametrize("detector", NAMES)
def test_maps_are_those_of_the_library(detector, demo_made):
    network, crops = demo_made(detector).network, pictures(2)
    found = explain.grad_cam(network, crops)
    np.testing.assert_allclose(found.fake_logit, network(crops), rtol=0, atol=1e-4)
    for own, theirs in zip(found.maps, library(network, crops), strict=True):
        if np.isnan(own).all():
            assert np.ptp(theirs) == 0
        else:
            assert np.corrcoef(own.ravel(), theirs.ravel())[0, 1] >= 0.999
            assert (own.min(), own.max()) == (0, 1)


@pytest.mark.parametrize("detector", NAMES)
def test_a_map_leaves_the_network_as_it_was(detector, demo_made):
    network, crops = demo_made(detector).network, pictures(1)
    before = network(crops)
    explain.grad_cam(network, crops)
    assert np.array_equal(network(crops), before)
    assert all(p.grad is None and not p.requires_grad for p in network.module.parameters())


class Spot(nn.Module):
    """Says fake as far as the top left quarter of a picture is bright."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)
        self.places = nn.AvgPool2d(8)

    def forward(self, x):
        quarter = torch.zeros(4, 4)
        quarter[:2, :2] = 1
        bright = (self.places(x * self.scale) * quarter).flatten(1).sum(dim=1)
        return torch.stack([-bright, bright], dim=1)


def spot():
    plain = Preprocessing(32, (0.0,) * 3, (1.0,) * 3)
    return Network(Spot().eval(), plain, torch.device("cpu"), torch.float32, "places")


def test_a_planted_patch_is_found():
    crops = np.zeros((2, 32, 32, 3), np.uint8)
    crops[0, 8:16, :8] = 255
    found = explain.grad_cam(spot(), crops)
    assert np.unravel_index(found.maps[0].argmax(), (4, 4)) == (1, 0)
    assert np.count_nonzero(found.maps[0]) == 1
    assert np.isnan(found.maps[1]).all(), "a black picture has no place that counts"


def test_the_predicted_class_is_the_larger_logit():
    crops = np.zeros((1, 32, 32, 3), np.uint8)
    crops[:, :16] = 200
    fake = explain.grad_cam(spot(), crops).maps
    assert np.array_equal(explain.grad_cam(spot(), crops, "predicted").maps, fake)
    # the same picture speaks against fake once the sign is turned: only "predicted" sees why
    turned = spot()
    turned.module.scale.fill_(-1)
    assert np.isnan(explain.grad_cam(turned, crops, "fake").maps).all()
    assert np.array_equal(explain.grad_cam(turned, crops, "predicted").maps, fake)


def test_threads_share_a_network_without_mixing_their_crops():
    crops = np.zeros((16, 32, 32, 3), np.uint8)
    for i, crop in enumerate(crops):
        crop[8 * (i % 2) : 8 * (i % 2) + 8, 8 * (i // 2 % 2) : 8 * (i // 2 % 2) + 8] = 20 + 10 * i
    one_by_one = [explain.grad_cam(spot(), crop[None]) for crop in crops]
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        found = explain.grad_cams(spot(), crops, "fake", 1)
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(found.maps, np.concatenate([one.maps for one in one_by_one]))
    logits = np.concatenate([one.fake_logit for one in one_by_one])
    assert np.array_equal(found.fake_logit, logits)
    assert len(set(logits.tolist())) == 16


@pytest.mark.parametrize("detector", ["efficientnet_b4", "effort"])
def test_randomised_weights_keep_each_tensors_mean_and_spread(detector, demo_made):
    network = demo_made(detector).network
    before = {name: p.clone() for name, p in network.module.named_parameters()}
    control = explain.randomised(network, seed=3)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        again = explain.randomised(network, seed=3)
    finally:
        torch.set_num_threads(threads)
    same = dict(again.module.named_parameters())
    for name, fresh in control.module.named_parameters():
        old = before[name]
        assert torch.equal(fresh, same[name])
        assert fresh.dtype == old.dtype
        if fresh.numel() > 10_000:
            assert not torch.equal(fresh, old)
            assert fresh.std().item() == pytest.approx(old.std().item(), rel=0.05, abs=1e-8)
            tolerance = 5 * old.std().item() / fresh.numel() ** 0.5
            assert fresh.mean().item() == pytest.approx(old.mean().item(), abs=tolerance)
    assert all(torch.equal(p, before[name]) for name, p in network.module.named_parameters())
    found = explain.grad_cam(control, pictures(1))
    assert np.isfinite(found.fake_logit).all()
    assert not np.array_equal(found.maps, explain.grad_cam(network, pictures(1)).maps)


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["xception", "efficientnet_b4", "f3net"])
def test_a_map_costs_little_more_than_a_score(detector, demo_made):
    network, crops = demo_made(detector).network, pictures(4)
    network(crops), explain.grad_cam(network, crops)
    ratios = []
    for _ in range(5):
        start = time.process_time()
        network(crops)
        middle = time.process_time()
        explain.grad_cam(network, crops)
        ratios.append((time.process_time() - middle) / (middle - start))
    assert np.median(ratios) < 1.3
