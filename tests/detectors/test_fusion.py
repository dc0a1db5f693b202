"""The fusion detector: its two kinds of features, its strict load, its maps."""

import numpy as np
import pytest
import synthetic
import torch

from deepbench.core import plugins
from deepbench.detectors import explain, fusion
from deepbench.detectors.fusion import Form
from deepbench.media import spectrum, treatments

FREQUENCY = Form("", frequency=True)


@pytest.fixture
def state():
    """Tensors of a small form of the detector, without a backbone."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = fusion.Fusion(FREQUENCY, fusion.CARD.preprocessing)
        module.frequency.mean.normal_()
        module.frequency.std.uniform_(0.5, 2)
    return module.state_dict()


@pytest.fixture
def load(tmp_path):
    def from_tensors(tensors, precision="float32", preprocessing=fusion.CARD.preprocessing):
        torch.save(tensors, path := tmp_path / "fusion_best.pth")
        return fusion.load(path, "cpu", precision, preprocessing)

    return from_tensors


@pytest.fixture(scope="module")
def full(demo_made):
    return demo_made("fusion").network


def test_features_are_those_of_the_crop(state, load):
    network, crops = load(state), synthetic.images("fusion", 3, 256)
    expected = spectrum.features(np.stack([treatments.grey(crop) for crop in crops]))
    found = network.module.levels_to_features(network.prepare(crops)).numpy()
    np.testing.assert_array_equal(found, expected)


def test_other_statistics_of_the_input_leave_the_features_as_they_are(state, load):
    network = load(state, preprocessing=plugins.PROFILES["imagenet_224"])
    crops = synthetic.images("fusion", 1, 224)
    found = network.module.levels_to_features(network.prepare(crops)).numpy()
    np.testing.assert_array_equal(found, fusion.frequency_features(crops))


def test_scores_are_three_dense_layers_on_standardised_features(state, load):
    crops = synthetic.images("fusion", 3, 256)
    t = {name: value.double().numpy() for name, value in state.items()}
    x = (fusion.frequency_features(crops) - t["frequency.mean"]) / t["frequency.std"]
    x = np.clip(x, -6, 6)
    x = np.maximum(x @ t["head.0.weight"].T + t["head.0.bias"], 0)
    x = np.maximum(x @ t["head.3.weight"].T + t["head.3.bias"], 0)
    x = x @ t["head.6.weight"].T + t["head.6.bias"]
    np.testing.assert_allclose(load(state)(crops), x[:, 1] - x[:, 0], atol=1e-4)


def test_a_flat_crop_has_a_score(state, load):
    flat = np.full((1, 256, 256, 3), 77, np.uint8)
    assert np.isnan(fusion.frequency_features(flat)).any()
    assert np.isfinite(load(state)(flat)).all()


def test_bfloat16_touches_the_backbone_alone(state, load, full):
    crops = synthetic.images("fusion", 2, 256)
    np.testing.assert_array_equal(load(state, "bfloat16")(crops), load(state)(crops))
    half = load(full.module.state_dict(), "bfloat16")
    assert half.module.backbone.conv1.weight.dtype is torch.bfloat16
    assert half.module.frequency.std.dtype is torch.float32
    assert half.prepare(crops).dtype is torch.float32
    assert 0 < abs(half(crops) - full(crops)).max() < 0.3


def test_crops_one_by_one_have_the_same_scores(full):
    crops = synthetic.images("fusion", 2, 256)
    single = np.concatenate([full(crops[i : i + 1]) for i in range(2)])
    np.testing.assert_allclose(full(crops), single, rtol=0, atol=1e-4)


def test_both_kinds_of_features_count(full):
    crops = synthetic.images("fusion", 2, 256)
    with torch.inference_mode():
        x = full.prepare(crops)
        own = full.module.levels_to_features(x)
        logits = full.module(x)
        swapped_frequency = full.module.fused(x, own.flip(0))
        swapped_pixels = full.module.fused(x.flip(0), own)
    assert (logits - swapped_frequency).abs().max() > 1e-3
    assert (logits - swapped_pixels).abs().max() > 1e-3


def test_maps_show_the_last_places_of_the_backbone(full):
    crops = synthetic.images("fusion", 2, 256)
    found = explain.grad_cam(full, crops)
    assert found.maps.shape == (2, 8, 8)
    np.testing.assert_allclose(found.fake_logit, full(crops), atol=1e-4)
    known = found.maps[~np.isnan(found.maps)]
    assert len(known)
    assert known.min() == 0
    assert known.max() == 1


@pytest.mark.parametrize("form", [Form("resnet50", True), Form("xception", False), FREQUENCY])
def test_a_file_loads_as_the_form_that_it_is(form):
    state = fusion.build(form).state_dict()
    assert fusion.form_of(state) == form
    if form.backbone:
        fusion.build(form).get_submodule(fusion.EXPLAINED[form.backbone])


def test_a_misfit_is_refused(state, load):
    with pytest.raises(ValueError, match=r"missing head\.6\.bias"):
        load({name: value for name, value in state.items() if name != "head.6.bias"})
    with pytest.raises(ValueError, match=r"unexpected extra.*make train-fusion"):
        load(state | {"extra": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"head\.0\.weight has shape \[512, 9\]"):
        load(state | {"head.0.weight": torch.zeros(512, 9)})
    with pytest.raises(ValueError, match=r"frequency\.std.* not positive"):
        load(state | {"frequency.std": torch.zeros(512)})
    with pytest.raises(ValueError, match=r"missing head\.0\.weight.* and \d+ more"):
        load({"something": torch.zeros(1)})


def test_no_file_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="make train-fusion"):
        fusion.load(tmp_path / "none.pth", "cpu", "float32")
