"""What the self-test sees that a strict load cannot, and the cause it names."""

import contextlib
import dataclasses
import hashlib

import numpy as np
import pytest
import synthetic
import torch

from deepbench.core import plugins
from deepbench.detectors import effort, selftest
from deepbench.detectors.network import Network

SIZES = {"xception": 96, "efficientnet_b4": 96, "f3net": 256, "f3net_sobel": 96, "effort": 224}
HEADS = {"efficientnet_b4": "last_layer", "effort": "head", "xception": "fc"}


@pytest.fixture(scope="module")
def small_network(small_effort):
    return effort.load(small_effort, "cpu", "float32")


@pytest.fixture
def case(request, network_of, small_network):
    """A right network, crops for it, its scores, and a card of its size."""
    name = request.param
    network = small_network if name == "effort" else network_of(name, SIZES[name])
    card = plugins.load("detectors", name).CARD
    card = dataclasses.replace(card, preprocessing=network.preprocessing)
    crops = synthetic.images("public-1", 1 if name == "f3net" else 2, SIZES[name])
    return network, crops, network(crops), card


QUICK = ["xception", "efficientnet_b4", "effort"]
every_detector = pytest.mark.parametrize("case", synthetic.slow_but(QUICK, SIZES), indirect=True)


@contextlib.contextmanager
def swapped(network, detector):
    head = network.module.get_submodule(HEADS.get(detector, "backbone.fc"))
    head.load_state_dict({key: value.flip(0) for key, value in head.state_dict().items()})
    yield
    head.load_state_dict({key: value.flip(0) for key, value in head.state_dict().items()})


class Bgr(Network):
    """A network that takes its crops' colours the wrong way round."""

    def prepare(self, crops):
        return super().prepare(crops[..., ::-1].copy())


@every_detector
def test_a_right_network_passes(case):
    network, crops, scores, card = case
    assert selftest.fault(network, crops, scores, card) == ""


@every_detector
def test_swapped_classes_are_named(case, request):
    network, crops, scores, card = case
    with swapped(network, request.node.callspec.params["case"]):
        fault = selftest.fault(network, crops, scores, card)
    assert fault.startswith("scores differ from the stored ones by up to")
    assert fault.endswith("they match with the opposite sign: are the classes swapped?")
    assert selftest.fault(network, crops, scores, card) == ""


@every_detector
def test_bgr_is_named(case):
    network, crops, scores, card = case
    mistaken = Bgr(**vars(network))
    fault = selftest.fault(mistaken, crops, scores, card)
    assert fault.endswith("they match when the colour channels are reversed: BGR instead of RGB?")


@every_detector
def test_imagenet_statistics_are_named(case):
    network, crops, scores, card = case
    imagenet = dataclasses.replace(
        network.preprocessing, mean=plugins.IMAGENET_MEAN, std=plugins.IMAGENET_STD
    )
    other = dataclasses.replace(network, preprocessing=imagenet)
    fault = selftest.fault(other, crops, scores, card)
    assert "they match the card's statistics" in fault
    assert "but the network was given" in fault
    assert "mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)" in fault.partition("given")[2]
    # and the other way round: the stored scores are those of the mistake
    reverse = selftest.fault(network, crops, other(crops), card)
    assert "they match ImageNet statistics" in reverse


def test_the_profile_imagenet_224_is_named(network_of):
    right = network_of("xception", 96)
    card = dataclasses.replace(
        plugins.load("detectors", "xception").CARD, preprocessing=right.preprocessing
    )
    crops = synthetic.images("public-1", 1, 96)
    wrong = dataclasses.replace(right, preprocessing=plugins.PROFILES["imagenet_224"])
    fault = selftest.fault(wrong, crops, right(crops), card)
    assert "they match the card's statistics at 96 px" in fault
    assert "given 224 px" in fault


def test_an_unknown_cause_and_nan_are_faults(small_network):
    card = effort.CARD
    crops = synthetic.images("public-1", 2, 224)
    scores = small_network(crops)
    fault = selftest.fault(small_network, crops, scores + np.float32([0, 0.5]), card)
    assert fault == (
        "scores differ from the stored ones by up to 0.5 (0.0001 allowed); "
        "no common mistake explains them"
    )
    assert selftest.fault(small_network, crops, scores + np.float32(5e-5), card) == ""
    assert "no common mistake" in selftest.fault(small_network, crops, scores * np.nan, card)


def test_images_never_change():
    images = selftest.images(64)
    assert images.shape == (4, 64, 64, 3)
    digest = hashlib.sha256(images.tobytes()).hexdigest()
    assert digest == "676f24d3f874b08ec514a0e3a78a0991e3517bda33f5f2ee2a48475f36de492a"
    contrast = images.std(axis=(1, 2, 3))
    assert contrast.min() > 15


def test_digest_sees_values_names_and_shapes(tmp_path):
    def digest(state, names=("a", "b")):
        torch.save(state, tmp_path / "x.pth")
        return selftest.digest(tmp_path / "x.pth", names)

    state = {"a": torch.ones(2, 3), "b": torch.zeros((), dtype=torch.int64), "c": torch.ones(1)}
    first = digest(state)
    assert digest(state | {"c": torch.zeros(1)}) == first
    others = [state | {"a": torch.ones(3, 2)}, state | {"b": torch.ones((), dtype=torch.int64)}]
    assert len({first, *map(digest, others), digest(state, ("a",))}) == 4


def test_stored_scores_are_read_as_written(tmp_path):
    stored = {"one": selftest.Stored("abc", {"torch": "2.0"}, [0.5, -0.25])}
    selftest.write(stored, tmp_path / "x.json")
    assert selftest.read(tmp_path / "x.json") == stored


def test_other_libraries_are_named():
    now = selftest.installed()
    assert selftest.drift(selftest.Stored("", now, [])) == ""
    older = selftest.Stored("", now | {"torch": "1.13"}, [])
    assert selftest.drift(older) == f"stored with torch 1.13 (installed: {now['torch']})"
