"""Demo weights: the published form, lively scores, the same bytes everywhere, and a mark."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import synthetic
import torch

from deepbench.detectors import f3net
from deepbench.sample import demo_weights

# Run here and in another process; needs torch only.
WRITE = """
import torch
from pathlib import Path
from deepbench.sample import demo_weights
shapes = {"conv1.weight": (8, 3, 3, 3), "bn1.weight": (8,), "fc.weight": (2, 9), "fc.bias": (2,)}
layout = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
layout["bn1.num_batches_tracked"] = torch.empty((), dtype=torch.int64, device="meta")
layout["constant"] = torch.arange(5.0)
"""


ALL = ["xception", "efficientnet_b4", "f3net", "effort"]


@pytest.mark.parametrize("detector", synthetic.slow_but(["effort"], ALL))
def test_scores_are_of_order_one_and_vary(detector, demo_made):
    noise = np.random.default_rng(1).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    crops = np.concatenate([synthetic.images("varied", 4, 256), noise])
    scores = demo_made(detector).network(crops)
    assert 0.1 < scores[:4].std() < 3
    assert 0.1 < scores.std() < 3
    assert abs(scores).max() < 10


def test_same_seed_same_bytes_elsewhere(tmp_path):
    here = {}
    exec(WRITE, here)
    paths = [tmp_path / "a" / "x.pth", tmp_path / "b" / "y" / "z.pth"]
    for path in paths:
        demo_weights.write(here["layout"], 7, path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert sorted(p.name for p in tmp_path.rglob("*.pth")) == ["x.pth", "z.pth"]
    demo_weights.write(here["layout"], 8, paths[0])
    assert paths[0].read_bytes() != first


@pytest.mark.slow
def test_same_seed_same_bytes_in_another_process(tmp_path):
    here = {}
    exec(WRITE, here)
    ours, theirs = tmp_path / "ours.pth", tmp_path / "theirs.pth"
    demo_weights.write(here["layout"], 7, ours)
    code = f"{WRITE}\ndemo_weights.write(layout, 7, Path({str(theirs)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert ours.read_bytes() == theirs.read_bytes()


def test_given_values_are_written_as_they_are(tmp_path):
    layout = {
        name: tensor
        for name, tensor in f3net.layout().items()
        if name.startswith(("FAD_head", "backbone.bn1"))
    }
    demo_weights.write(layout, 0, tmp_path / "f3.pth")
    state = torch.load(tmp_path / "f3.pth", weights_only=True)
    assert list(state) == list(layout)
    assert all(torch.equal(state[name], value) for name, value in f3net.constants().items())
    assert state["backbone.bn1.num_batches_tracked"] == 0
    assert not any("demo" in name for name in state)


def test_values_follow_their_rules(tmp_path):
    shapes = {"a.running_var": (4000,), "a.running_mean": (4000,), "b.pointwise.weight": (400, 100)}
    layout = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    demo_weights.write(layout, 0, tmp_path / "x.pth")
    state = torch.load(tmp_path / "x.pth", weights_only=True)
    found = [(v.mean().item(), v.std().item()) for v in state.values()]
    np.testing.assert_allclose(found, [(1, 0.25), (0, 0.1), (0, 0.1)], atol=0.01)
    assert state["a.running_var"].min() > 0.5


def test_the_mark_stays_with_copies_and_leaves_with_the_file(small_effort, tmp_path):
    path = tmp_path / "xception_best.pth"
    shutil.copy(small_effort, path)
    assert demo_weights.is_demo(path)
    torch.save(torch.load(small_effort, weights_only=True), path)
    assert not demo_weights.is_demo(path)
    path.write_bytes(b"no archive")
    assert not demo_weights.is_demo(path)
