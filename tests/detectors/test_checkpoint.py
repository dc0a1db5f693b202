"""What the door lets in, and what it says to the rest."""

import re

import numpy as np
import pytest
import safetensors.torch
import synthetic
import torch

from deepbench.core import plugins
from deepbench.detectors import effort

CURE = re.escape("Is this the file effort_clip_L14_trainOn_FaceForensic.pth of Effort's repository")
HEAD = "module.head.weight"


def scores(path, detector=effort):
    return detector.load(path, "cpu", "float32")(synthetic.images("any", 2, 224))


@pytest.fixture
def saved(tmp_path):
    """Write anything as a checkpoint."""

    def write(content, name="some.pth"):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return write


def unprefixed(state):
    return {key.removeprefix("module."): value for key, value in state.items()}


def test_forms_that_load_alike(small_effort, small_state, saved, tmp_path):
    right = scores(small_effort)
    safe = tmp_path / "some.safetensors"
    safetensors.torch.save_file(small_state, safe)
    wrapped = {"state_dict": small_state, "epoch": 3}
    paths = [saved(unprefixed(small_state), "a.pth"), saved(wrapped, "b.pth"), safe]
    for path in paths:
        np.testing.assert_array_equal(scores(path), right)


def test_half_precision_file_loads_as_float32(small_effort, small_state, saved):
    halved = saved({key: value.bfloat16() for key, value in small_state.items()})
    network = effort.load(halved, "cpu", "float32")
    assert {p.dtype for p in network.module.parameters()} == {torch.float32}
    np.testing.assert_allclose(scores(halved), scores(small_effort), atol=0.3)


@pytest.mark.parametrize("name", ["some.pth", "some.safetensors"])
def test_a_loaded_network_does_not_change_with_its_file(name, small_effort, small_state, tmp_path):
    path = tmp_path / name
    if path.suffix == ".pth":
        torch.save(small_state, path)
    else:
        safetensors.torch.save_file(small_state, path)
    network = effort.load(path, "cpu", "float32")
    # in place: a file that is replaced would live on until nobody needs it
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    crops = synthetic.images("any", 2, 224)
    np.testing.assert_array_equal(network(crops), scores(small_effort))


def test_file_of_an_old_torch_loads(small_effort, small_state, tmp_path):
    path = tmp_path / "old.pth"
    torch.save(small_state, path, _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(scores(path), scores(small_effort))


def test_keys_without_effect_are_dropped(small_effort, small_state, saved):
    layer = "module.backbone.encoder.layers.0.self_attn.k_proj"
    extra = {
        f"{layer}.S_r": torch.ones(127),
        f"{layer}.U_r": torch.ones(128, 127),
        f"{layer}.V_r": torch.ones(127, 128),
        "module.backbone.embeddings.position_ids": torch.arange(257)[None],
    }
    np.testing.assert_array_equal(scores(saved(small_state | extra)), scores(small_effort))


SPOILT = {
    "dropped": (lambda s: s.pop(HEAD), "1 faults: missing head.weight"),
    "extra": (lambda s: s.update(more=torch.ones(2)), "1 faults: unexpected more"),
    "not quite unused": (
        lambda s: s.update({"module.head.U_r": torch.ones(2)}),
        "1 faults: unexpected head.U_r",
    ),
    "transposed": (lambda s: s.update({HEAD: s[HEAD].T}), "shape [128, 2] instead of [2, 128]"),
    "integers": (lambda s: s.update({HEAD: s[HEAD].long()}), "is torch.int64 instead of"),
    "not finite": (lambda s: s.update({HEAD: s[HEAD] * torch.nan}), "head.weight is not finite"),
    "residual lost": (
        lambda s: s.pop("module.backbone.encoder.layers.1.self_attn.q_proj.U_residual"),
        "1 faults: missing backbone.encoder.layers.1.self_attn.q_proj.U_residual",
    ),
    "many": (
        lambda s: s.update({f"more{i}": torch.ones(1) for i in range(13)}),
        "more9; ... and 3 more",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_misfit_is_refused(case, small_state, saved):
    spoil, message = SPOILT[case]
    spoil(small_state)
    with pytest.raises(ValueError, match=rf"some\.pth: .*{re.escape(message)}.*{CURE}"):
        scores(saved(small_state))


FOUND = {
    "list": ([torch.ones(1)], "holds a list"),
    "empty": ({}, "holds nothing"),
    "training state": ({"epoch": 3, "loss": 0.1}, "holds epoch: int; loss: float"),
    "both prefixes": ({"module.a": torch.ones(1), "a": torch.ones(1)}, "with and without"),
    "another network": ({"conv1.weight": torch.ones(1)}, "it holds conv1.weight"),
}


@pytest.mark.parametrize("case", FOUND)
def test_other_content_is_named(case, saved):
    content, message = FOUND[case]
    with pytest.raises(ValueError, match=rf"{re.escape(message)}.*{CURE}"):
        scores(saved(content))


def test_missing_file_says_where_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"get effort_clip.* from Effort's repository"):
        scores(tmp_path / "nothing.pth")


@pytest.mark.slow
def test_head_of_either_depth_and_no_side_branch(network_of, load_spoilt):
    def rename(state):
        for key in [k for k in state if "last_linear." in k]:
            state[key.replace("last_linear.", "last_linear.1.")] = state.pop(key)
        for key in [k for k in state if "adjust_channel" in k]:
            del state[key]

    crops = synthetic.images("any", 1, 96)
    deeper = load_spoilt("xception", rename, 96)
    np.testing.assert_array_equal(deeper(crops), network_of("xception", 96)(crops))


HEADS = {
    "xception": "backbone.last_linear",
    "efficientnet_b4": "backbone.last_layer",
    "f3net": "backbone.last_linear.1",
    "f3net_sobel": "backbone.last_linear.1",
}


@pytest.mark.parametrize("detector", synthetic.slow_but(["xception"], HEADS))
def test_broken_files_of_the_cnns_are_refused(detector, load_spoilt):
    weight, bias = f"{HEADS[detector]}.weight", f"{HEADS[detector]}.bias"
    broken = {
        rf"missing {bias}\.": lambda s: s.pop(bias),
        r"unexpected backbone\.more\.": lambda s: s.update({"backbone.more": torch.ones(2)}),
        rf"{weight} has shape \[(\d+), 2\] instead of \[2, \1\]\.": lambda s: s.update(
            {weight: s[weight].T}
        ),
    }
    card = plugins.load("detectors", detector).CARD
    for fault, spoil in broken.items():
        with pytest.raises(ValueError, match=rf"1 faults: {fault} Is this the file {card.weights}"):
            load_spoilt(detector, spoil)


@pytest.mark.parametrize("key", ["_DCT_all_T", "filters.2.base"])
@pytest.mark.parametrize("detector", synthetic.slow_but(["f3net"], ["f3net", "f3net_sobel"]))
def test_f3net_constants_are_checked(detector, key, load_spoilt):
    def spoil(state):
        state[f"FAD_head.{key}"] = state[f"FAD_head.{key}"].clone()
        state[f"FAD_head.{key}"][3, 5] += 0.01

    with pytest.raises(ValueError, match=rf"differ from their formula: FAD_head\.{key}"):
        load_spoilt(detector, spoil)


def test_unknown_precision_and_device(small_effort):
    with pytest.raises(ValueError, match=r"unknown precision 'float8'.*Available: float32"):
        effort.load(small_effort, "cpu", "float8")
    with pytest.raises(ValueError, match=r"unknown device 'gpu'.*Available: .*cpu"):
        effort.load(small_effort, "gpu", "float32")
