"""Detectors in OpenVINO give torch's scores, or an error that says what to do."""

import builtins
import importlib.util

import numpy as np
import pytest
import synthetic
import torch
from torch import nn

from deepbench.core import plugins
from deepbench.core.plugins import Preprocessing
from deepbench.detectors import likeness, openvino_runtime, precision
from deepbench.detectors.batches import side_by_side
from deepbench.detectors.network import Network

installed = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="the extra openvino is not installed"
)
SIZES = {"efficientnet_b4": 96, "xception": 96, "f3net": 256, "f3net_sobel": 96}


@installed
@pytest.mark.parametrize("detector", synthetic.slow_but(["efficientnet_b4"], SIZES))
def test_scores_are_those_of_torch(detector, network_of):
    network = network_of(detector, SIZES[detector])
    other = openvino_runtime.converted(network, "float32")
    crops = synthetic.images("public-1", 3, SIZES[detector])
    wanted = network(crops)
    np.testing.assert_allclose(other(crops), wanted, rtol=0, atol=1e-4)
    parts = side_by_side(other, [crops[:1], crops[1:]], other.device)
    np.testing.assert_allclose(np.concatenate(list(parts)), wanted, rtol=0, atol=1e-4)


@installed
def test_effort_is_taken_over_and_lower_precision_is_told(small_effort):
    full = plugins.load("detectors", "effort").load(small_effort, "cpu", "float32")
    crops = synthetic.images("public-1", 2, 224)
    other = openvino_runtime.converted(full, "float32")
    np.testing.assert_allclose(other(crops), full(crops), rtol=0, atol=1e-4)
    assert openvino_runtime.converted(full, "bfloat16").dtype is torch.bfloat16


@installed
def test_the_way_through_openvino_is_compared_and_remembered(small_effort, tmp_path):
    card = plugins.load("detectors", "effort").CARD
    wanted = precision.Wanted(
        "effort", small_effort, "cpu", card.preprocessing, "float32", openvino=True
    )
    crops = synthetic.images("any", 32, 224)
    chosen = precision.choose(wanted, lambda: crops, tmp_path)
    assert (chosen.verdict.runtime, chosen.verdict.accepted) == ("openvino", True)
    assert chosen.verdict.max_dp < 1e-4
    assert chosen.verdict.why.startswith("on 32 crops float32 in OpenVINO shifts")
    again = precision.choose(wanted, likeness.no_crops, tmp_path)
    assert again.verdict == chosen.verdict
    assert np.array_equal(again.network(crops[:4]), chosen.network(crops[:4]))


class Looks(nn.Module):
    """Does what no graph can say."""

    def forward(self, x):
        return torch.from_numpy(x.numpy()).mean((1, 2))[:, :2]


@installed
def test_a_network_beyond_graphs_is_refused():
    plain = Preprocessing(8, (0.0,) * 3, (1.0,) * 3)
    network = Network(Looks().eval(), plain, torch.device("cpu"), torch.float32, "")
    with pytest.raises(ValueError, match=r"cannot take over .*; take it out of scores\.openvino"):
        openvino_runtime.converted(network, "float32")


def test_a_gpu_is_refused():
    with pytest.raises(ValueError, match=r"for CPUs, but the device is 'cuda'; leave .* empty"):
        openvino_runtime.check("cuda")


def test_the_missing_extra_is_named(monkeypatch):
    found = builtins.__import__

    def missing(name, *rest):
        if name == "openvino":
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"pip install 'deepbench\[openvino\]'"):
        openvino_runtime.check("cpu")
