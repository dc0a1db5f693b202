"""Fixtures that several rooms share."""

import os

import numpy as np
import pytest

# set before anything imports matplotlib or a hub client
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture
def rng():
    return np.random.default_rng(20261122)
