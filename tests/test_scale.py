"""Small versions of what `benchmarks/scale.py` measures."""

import importlib.util
import sys
from pathlib import Path

import pytest

from deepbench.core import processes

SCRIPT = Path(__file__).parents[1] / "benchmarks/scale.py"

IN_HAND = processes.IN_HAND * processes.count("auto")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scale():
    spec = importlib.util.spec_from_file_location("scale", SCRIPT)
    sys.modules["scale"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["scale"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scale")


def test_memory_does_not_grow_with_the_number_of_videos(scale, folder):
    growth = scale.memory(folder, [60, 240])
    assert max(growth.values()) < 0.1


def test_steps_killed_at_random_moments_resume_to_the_same_bytes(scale, folder):
    found = scale.kill(folder, videos=60, times=2, seed=0)
    assert len(found) == 4
    for killed in found:
        assert killed.same
        # what was begun and is not kept is at most a shard, and what was in hand
        assert killed.begun - killed.kept < killed.shard + IN_HAND
        # and what is kept is not made again
        assert killed.resumed == killed.whole - killed.kept


def test_ten_more_videos_compute_ten(scale, folder):
    first, _, grown, scored, again, scored_again = scale.increment(folder, videos=50, more=10)
    assert (first.begun, grown.begun, again.begun) == (50, 10, 0)
    assert scored.begun == 10 * scale.FRAMES
    assert scored_again.begun == 0
    assert again.digested == 0
