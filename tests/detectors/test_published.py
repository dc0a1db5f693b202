"""The four detectors against the logits of the published code, and against their cards."""

import dataclasses

import cv2
import numpy as np
import pytest
import synthetic
import torch

from deepbench.core import plugins
from deepbench.detectors import (
    efficientnet_b4,
    effort,
    f3net,
    f3net_sobel,
    fusion,
    legacy_xception,
)

NAMES = plugins.names("detectors")
CNNS = ["xception", "efficientnet_b4", "f3net"]
# Small crops where the full size would only take longer; F3-Net has one size.
QUICK = {"xception": 96, "efficientnet_b4": 96, "f3net": 256}
SIZES = [("xception", 256), ("efficientnet_b4", 256), ("f3net", 256)]
SIZES += [("xception", 224), ("efficientnet_b4", 224), ("effort", 224)]
CASES = [*SIZES[:3], *(pytest.param(*case, marks=pytest.mark.slow) for case in SIZES[3:])]
PUBLISHED = [*CNNS, "effort"]


def expected(detector, size):
    case = next(c for c in synthetic.reference(detector)["cases"] if c["size"] == size)
    logits = np.array(case["logits"])
    return logits[:, 1] - logits[:, 0]


@pytest.mark.parametrize(("detector", "size"), CASES)
def test_logits_of_the_published_code(detector, size, network_of):
    crops = synthetic.images("public-1", 4, size)
    scores = network_of(detector, size)(crops)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected(detector, size), rtol=0, atol=1e-4)


@pytest.mark.parametrize("detector", PUBLISHED)
def test_every_reference_size_is_tested(detector):
    sizes = {case["size"] for case in synthetic.reference(detector)["cases"]}
    assert sizes == {size for name, size in SIZES if name == detector}


@pytest.mark.parametrize("detector", CNNS)
def test_bgr_gives_other_scores(detector, network_of):
    crops = synthetic.images("public-1", 1, 256)
    right = expected(detector, 256)[:1]
    assert abs(network_of(detector)(crops[..., ::-1].copy()) - right).max() > 1e-2


@pytest.mark.parametrize("detector", synthetic.slow_but(CNNS[:2], CNNS))
def test_batch_of_three_equals_one_by_one(detector, network_of):
    network = network_of(detector, QUICK[detector])
    crops = synthetic.images("any", 3, QUICK[detector])
    single = np.concatenate([network(crops[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(network(crops), single, rtol=0, atol=1e-5)


@pytest.mark.parametrize("detector", CNNS)
def test_black_image_has_a_score(detector, network_of):
    network = network_of(detector, QUICK[detector])
    assert np.isfinite(network(np.zeros((1, 256, 256, 3), np.uint8))).all()


@pytest.mark.parametrize("detector", synthetic.slow_but(["xception"], CNNS))
@pytest.mark.parametrize("precision", synthetic.slow_but(["bfloat16"], ["bfloat16", "float16"]))
def test_half_precision_stays_close(detector, precision, published_file, network_of):
    full = network_of(detector, QUICK[detector])
    crops = synthetic.images("public-1", 1, QUICK[detector])
    half = plugins.load("detectors", detector).load(
        published_file(detector), "cpu", precision, full.preprocessing
    )
    scores = half(crops)
    assert scores.dtype == np.float32
    assert half.dtype is getattr(torch, precision)
    assert 0 < abs(scores - full(crops)).max() < 0.15


def test_f3net_transforms_in_float32_at_any_precision(published_file):
    network = plugins.load("detectors", "f3net").load(published_file("f3net"), "cpu", "bfloat16")
    stored = torch.load(published_file("f3net"), weights_only=True)
    kept = network.module.FAD_head.state_dict()
    assert all(torch.equal(value, stored[f"FAD_head.{name}"]) for name, value in kept.items())
    assert network.module.backbone.conv1.weight.dtype is torch.bfloat16
    crops = synthetic.images("any", 1, 256)
    assert network.prepare(crops).dtype is torch.float32


ANY_SIZE = ["xception", "efficientnet_b4", "f3net_sobel"]


@pytest.mark.parametrize("detector", synthetic.slow_but(["xception"], ANY_SIZE))
def test_imagenet_profile_runs_and_differs(detector, published_file, network_of):
    profile = plugins.PROFILES["imagenet_224"]
    network = plugins.load("detectors", detector).load(
        published_file(detector), "cpu", "float32", profile
    )
    crops = synthetic.images("public-1", 1, 256)
    assert network.prepare(crops).shape == (1, 3, 224, 224)
    assert abs(network(crops) - network_of(detector)(crops)).max() > 0.1


def test_f3net_refuses_another_size(published_file):
    with pytest.raises(ValueError, match=r"input size 224.*256 x 256.*profile: published"):
        plugins.load("detectors", "f3net").load(
            published_file("f3net"), "cpu", "float32", plugins.PROFILES["imagenet_224"]
        )


def test_input_is_cubic_resize_and_statistics(network_of):
    crops = synthetic.images("any", 1, 200)
    resized = cv2.resize(crops[0], (256, 256), interpolation=cv2.INTER_CUBIC)
    wanted = (resized.astype(np.float32) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(
        network_of("xception").prepare(crops)[0].numpy(), wanted.transpose(2, 0, 1), atol=1e-6
    )


def test_no_crops_no_scores(network_of):
    scores = network_of("xception")(np.empty((0, 256, 256, 3), np.uint8))
    assert scores.shape == (0,)
    assert scores.dtype == np.float32


@pytest.mark.parametrize("detector", ["xception", "f3net"])
def test_grad_cam_layer_is_within_reach(detector, network_of):
    module = network_of(detector).module
    backbone = module.backbone if detector == "f3net" else module
    seen = []
    handle = backbone.act4.register_forward_hook(lambda m, i, out: seen.append(out.shape))
    network_of(detector)(synthetic.images("any", 1, 256))
    handle.remove()
    assert seen == [(1, 2048, 8, 8)]


@pytest.mark.parametrize("detector", NAMES)
def test_card_is_complete(detector):
    card = plugins.load("detectors", detector).CARD
    fields = {field.name: getattr(card, field.name) for field in dataclasses.fields(card)}
    empty = [name for name, value in fields.items() if not value and name != "sha256"]
    assert not empty
    assert card.sha256 == "" or len(card.sha256) == 64
    assert set(card.trained_on) <= set(plugins.names("datasets"))
    assert card.crop in ("aligned", "padded", "margin")


@pytest.mark.parametrize("detector", NAMES)
def test_card_counts_the_parameters(detector):
    build = {
        "xception": legacy_xception.build,
        "efficientnet_b4": efficientnet_b4.build,
        "f3net": f3net.build,
        "f3net_sobel": f3net_sobel.build,
        "effort": lambda: effort.build(effort.VIT_L14),
        "fusion": lambda: fusion.build(fusion.FULL),
    }
    card = plugins.load("detectors", detector).CARD
    assert card.parameters == sum(p.numel() for p in build[detector]().parameters())


@pytest.mark.parametrize("detector", [name for name in NAMES if name != "fusion"])
def test_layout_is_that_of_the_published_file(detector):
    prefix = "module." if detector == "effort" else ""
    rows = synthetic.manifest(synthetic.FILE_OF.get(detector, detector))
    published = {prefix + key: (tuple(shape), dtype) for key, shape, dtype, _ in rows}
    layout = plugins.load("detectors", detector).layout()
    found = {k: (tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in layout.items()}
    assert found == published
