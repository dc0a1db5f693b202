"""The fast precision is taken only where real crops have shown that it gives the same scores."""

import hashlib
import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import synthetic
import torch
from torch import nn

from deepbench.core import plugins, tables
from deepbench.core.plugins import Preprocessing
from deepbench.detectors import likeness, network, precision

PLAIN = Preprocessing(8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class Brightness(nn.Module):
    """Log-odds are brightness times `gain`; on the fast way the first of a batch has an error."""

    def __init__(self, gain, error=0.0):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))  # its dtype is the input's
        self.fc = nn.Linear(1, 2)
        self.gain, self.error = gain, error

    def forward(self, x):
        logit = self.gain * x[:, 0, 0, 0].float()
        if x.dtype is not torch.float32:
            logit[0] += self.error
        return torch.stack([0 * logit, logit], dim=1)


@pytest.fixture
def wanted(tmp_path, monkeypatch):
    """A made-up detector, wanted in bfloat16, and how often it was loaded in what."""
    weights = tmp_path / "w.pth"
    weights.write_bytes(b"abc")
    plan = SimpleNamespace(gain=2.0, error=0.0, loaded=[])

    def load(path, device, dtype, preprocessing):
        plan.loaded.append(dtype)
        module = Brightness(plan.gain, plan.error)
        return network.ready(module, preprocessing, device, dtype, ["fc"], "")

    monkeypatch.setattr(precision.plugins, "load", lambda kind, name: SimpleNamespace(load=load))

    def get(**changes):
        facts = {"detector": "xception", "weights": weights, "device": "cpu", "openvino": False}
        facts |= {"preprocessing": PLAIN, "precision": "bfloat16"}
        return precision.Wanted(**facts | changes), plan

    return get


def greys(count):
    """Crops of rising brightness."""
    levels = np.linspace(0, 255, count).round().astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, 8, 8, 3)).copy()


def test_a_fast_way_with_the_same_scores_is_taken(wanted, tmp_path):
    what, plan = wanted()
    chosen = precision.choose(what, lambda: greys(40), tmp_path)
    assert plan.loaded == ["float32", "bfloat16"]
    assert chosen.network.dtype is torch.bfloat16
    verdict = chosen.verdict
    assert (verdict.used, verdict.accepted, verdict.crops) == ("bfloat16", True, 40)
    assert verdict.max_dp < 0.01
    assert verdict.rho >= 0.999
    assert verdict.why.startswith("on 40 crops bfloat16 shifts a probability by at most 0.00")


def test_a_shifted_probability_keeps_float32(wanted, tmp_path):
    what, plan = wanted()
    plan.error = 0.1
    chosen = precision.choose(what, lambda: greys(40), tmp_path)
    assert chosen.network.dtype is torch.float32
    verdict = chosen.verdict
    assert (verdict.requested, verdict.used, verdict.accepted) == ("bfloat16", "float32", False)
    assert 0.01 < verdict.max_dp < 0.026
    assert "on 40 crops bfloat16 shifts a probability by at most 0.0" in verdict.why


def test_lost_ranks_keep_float32(wanted, tmp_path):
    what, plan = wanted()
    plan.gain = 1e-3  # all probabilities are even, and bfloat16 ties their order
    plan.error = 1e-3
    verdict = precision.choose(what, lambda: greys(64), tmp_path).verdict
    assert not verdict.accepted
    assert verdict.max_dp < 0.01
    assert verdict.rho < 0.999
    assert "rank correlation 0." in verdict.why


def test_the_same_score_for_all_crops_has_no_ranks_and_keeps_float32(wanted, tmp_path):
    what, plan = wanted()
    plan.gain = 0.0
    verdict = precision.choose(what, lambda: greys(40), tmp_path).verdict
    assert (verdict.accepted, verdict.rho, verdict.max_dp) == (False, None, 0.0)
    assert verdict.why.endswith("gives no ranks, for all scores are the same")


def test_a_score_that_is_no_number_keeps_float32(wanted, tmp_path):
    what, plan = wanted()
    plan.error = float("inf")
    verdict = precision.choose(what, lambda: greys(40), tmp_path).verdict
    assert (verdict.accepted, verdict.rho, verdict.max_dp) == (False, None, None)
    assert "not finite" in verdict.why


def test_too_few_crops_keep_float32_until_there_are_more(wanted, tmp_path):
    what, plan = wanted()
    verdict = precision.choose(what, lambda: greys(31), tmp_path).verdict
    assert (verdict.used, verdict.accepted, verdict.crops) == ("float32", False, 0)
    assert verdict.why == "only 31 crops to try bfloat16 on, 32 are needed"
    assert plan.loaded == ["float32"]
    assert precision.choose(what, lambda: greys(32), tmp_path).verdict.accepted


def test_a_verdict_is_found_out_once(wanted, tmp_path):
    what, plan = wanted()
    first = precision.choose(what, lambda: greys(40), tmp_path / "memory").verdict
    plan.loaded.clear()
    again = precision.choose(what, pytest.fail, tmp_path / "memory")
    assert again.verdict == first
    assert again.network.dtype is torch.bfloat16
    assert plan.loaded == ["bfloat16"]
    (file,) = (tmp_path / "memory").iterdir()
    assert file.suffix == ".json"
    assert json.loads(file.read_text("utf-8"))["why"] == first.why


@pytest.mark.parametrize("change", ["weights", "preprocessing", "precision", "libraries"])
def test_another_checkpoint_input_or_library_is_found_out_anew(
    change, wanted, tmp_path, monkeypatch
):
    what, _ = wanted()
    precision.choose(what, lambda: greys(40), tmp_path)
    if change == "weights":
        what.weights.write_bytes(b"other")
        what, _ = wanted(weights=what.weights)
    elif change == "preprocessing":
        what, _ = wanted(preprocessing=Preprocessing(8, (0.0,) * 3, (1.0,) * 3))
    elif change == "precision":
        what, _ = wanted(precision="float16")
    else:
        monkeypatch.setattr(precision.digests, "versions", lambda *names: {"torch": "1.0"})
    called = []
    precision.choose(what, lambda: called.append(1) or greys(40), tmp_path)
    assert called


def test_several_detectors_are_chosen_as_each_would_be(wanted, tmp_path):
    exact, _ = wanted(detector="f3net", precision="float32")
    known, _ = wanted()
    untried, _ = wanted(detector="effort")
    alone = precision.choose(known, lambda: greys(64), tmp_path).verdict
    threads = []

    def crops():
        threads.append(torch.get_num_threads())
        return greys(64)

    usual = torch.get_num_threads()
    chosen = precision.choose_all([untried, exact, known], crops, tmp_path)
    assert chosen["f3net"].verdict.why == "as set"
    assert chosen["xception"].verdict == alone
    assert chosen["effort"].verdict.used == "bfloat16"
    # one was to be tried, with all threads
    assert threads == [usual]
    assert torch.get_num_threads() == usual
    assert {w.sha256 for w in (untried, exact, known)} == {hashlib.sha256(b"abc").hexdigest()}


def test_float32_as_set_is_not_compared(wanted, tmp_path):
    what, plan = wanted(precision="float32")
    verdict = precision.choose(what, pytest.fail, tmp_path / "memory").verdict
    assert (verdict.used, verdict.accepted, verdict.why) == ("float32", True, "as set")
    assert plan.loaded == ["float32"]
    assert not (tmp_path / "memory").exists()


def test_auto_on_a_machine_without_anything_faster(wanted, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "fastest", lambda device: "float32")
    what, _ = wanted(precision="auto")
    verdict = precision.choose(what, pytest.fail, tmp_path).verdict
    assert (verdict.requested, verdict.used) == ("auto", "float32")
    assert verdict.why == "this machine has no faster one"


@pytest.mark.parametrize(
    ("amx", "avx512", "best"),
    [(True, True, "bfloat16"), (False, True, "bfloat16"), (False, False, "float32")],
)
def test_cpus_are_told_by_their_instructions(amx, avx512, best, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    assert precision.fastest("cpu") == best


@pytest.mark.parametrize(
    ("capability", "best"), [((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float16")]
)
def test_gpus_are_told_by_their_generation(capability, best, monkeypatch):
    asked = []
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda device: asked.append(device) or capability
    )
    assert precision.fastest("cuda:1") == best
    assert asked == ["cuda:1"]


def test_apple_gpus_run_in_float16():
    assert precision.fastest("mps") == "float16"


def test_crops_come_evenly_from_all_shards(tmp_path):
    rows = []
    for i in range(130):
        png = cv2.imencode(".png", np.full((8, 8, 3), i, np.uint8))[1].tobytes()
        row = (f"v{i // 10}", i % 10, 0.0, 0, [0.0] * 4, [0.0] * 10, 1.0, 0.0, png)
        rows.append(dict(zip(tables.FACES.columns, row, strict=True)))
    for number, part in enumerate((rows[:50], rows[50:51], rows[51:])):
        frame = tables.from_rows(tables.FACES, part)
        tables.write(tables.FACES, frame, tmp_path / f"faces-{number:05d}.parquet")
    found = likeness.sample(tmp_path)[:, 0, 0, 0].astype(int)
    assert len(found) == 64
    assert (found[0], found[-1]) == (0, 129)
    assert set(np.diff(found)) <= {2, 3}


def test_a_table_without_faces_has_no_crops(tmp_path):
    tables.write(tables.FACES, tables.from_rows(tables.FACES, []), tmp_path / "faces-00000.parquet")
    assert len(likeness.sample(tmp_path)) == 0


@pytest.mark.parametrize("detector", synthetic.slow_but(["efficientnet_b4"], ["f3net", "xception"]))
def test_folded_norms_leave_the_logits_as_they_are(detector, published_file, network_of):
    component = plugins.load("detectors", detector)
    full = network_of(detector)
    crops = synthetic.images("public-1", 2, 256)
    own = component.load(published_file(detector), "cpu", "float32")
    pairs = network.folding.fold(own.module, own.prepare(crops[:1]))
    norms = [m for m in full.module.modules() if isinstance(m, nn.BatchNorm2d)]
    left = [m for m in own.module.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(pairs) == len(norms)
    assert not left
    np.testing.assert_allclose(own(crops), full(crops), rtol=0, atol=1e-4)


class Twice(nn.Module):
    """One convolution before a norm, and once more without it; a norm that no convolution feeds."""

    def __init__(self):
        super().__init__()
        self.shared, self.alone = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.first, self.second, self.third = (nn.BatchNorm2d(3) for _ in range(3))

    def forward(self, x):
        x = self.first(self.shared(x)) + self.second(self.shared(x))
        return self.third(torch.relu(self.alone(x)))


def test_what_is_used_twice_or_follows_no_convolution_is_not_folded():
    module = Twice().eval()
    for norm in (module.first, module.second, module.third):
        norm.running_mean.uniform_()
    x = torch.rand(1, 3, 4, 4)
    with torch.inference_mode():
        before = module(x)
        assert network.folding.fold(module, x) == []
        assert torch.equal(module(x), before)
