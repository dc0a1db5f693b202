"""Fixtures that several rooms share."""

import os

import numpy as np
import pytest
import small_disks

# set before anything imports matplotlib or a hub client
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# tests run side by side: one thread each instead of all waiting for one another
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a few megabytes, which can grow and become read-only."""
    with small_disks.Disk(tmp_path) as disk:
        yield disk


@pytest.fixture
def rng():
    return np.random.default_rng(20261122)
