"""Checkpoints and networks that several tests share, made once."""

import dataclasses
from pathlib import Path

import pytest
import synthetic
import torch

from deepbench.apps import selftest
from deepbench.core import plugins
from deepbench.detectors import checkpoint, effort
from deepbench.sample import demo_weights


@pytest.fixture(scope="session")
def published_file(tmp_path_factory):
    """Path of a synthetic checkpoint in a detector's published form, whose logits are known."""
    made = {}

    def get(detector):
        detector = synthetic.FILE_OF.get(detector, detector)
        if detector not in made:
            state = synthetic.state_dict(synthetic.manifest(detector), "public-1")
            assert synthetic.digest(state) == synthetic.reference(detector)["checkpoint_sha256"]
            card = plugins.load("detectors", detector).CARD
            made[detector] = tmp_path_factory.mktemp(detector) / card.weights
            prefix = "module." if detector == "effort" else ""
            torch.save({prefix + key: value for key, value in state.items()}, made[detector])
        return made[detector]

    return get


@pytest.fixture(scope="session")
def network_of(published_file):
    """A detector with its synthetic weights, at its own or another input size."""
    made = {}

    def get(detector, size=None):
        if detector not in made:
            component = plugins.load("detectors", detector)
            made[detector] = component.load(published_file(detector), "cpu", "float32")
        own = made[detector].preprocessing
        wanted = dataclasses.replace(own, size=size or own.size)
        return dataclasses.replace(made[detector], preprocessing=wanted)

    return get


@pytest.fixture
def load_spoilt(published_file, monkeypatch):
    """Load a detector from its synthetic checkpoint, changed by a function on its way in."""

    def load(detector, spoil, size=256):
        path = published_file(detector)
        # mapped, not read: most of these loads end early
        state = torch.load(path, weights_only=True, mmap=True)
        spoil(state)
        monkeypatch.setattr(checkpoint, "read", lambda origin: state)
        component = plugins.load("detectors", detector)
        own = dataclasses.replace(component.CARD.preprocessing, size=size)
        return component.load(path, "cpu", "float32", own)

    return load


@pytest.fixture(scope="session")
def demo_made():
    """A detector with demo weights, as the self-test makes it."""
    made = {}

    def get(detector):
        if detector not in made:
            made[detector] = selftest.make(detector, full=False)
        return made[detector]

    return get


@pytest.fixture(scope="session")
def small_effort(tmp_path_factory) -> Path:
    """A checkpoint in Effort's form of a small ViT."""
    path = tmp_path_factory.mktemp("small") / "effort_small.pth"
    demo_weights.write(effort.layout(synthetic.SMALL_VIT), 3, path)
    return path


@pytest.fixture
def small_state(small_effort):
    """The small checkpoint's tensors under its published names, for a test to spoil."""
    return torch.load(small_effort, weights_only=True)
