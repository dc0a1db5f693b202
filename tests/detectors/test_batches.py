"""Batches side by side."""

import threading

import pytest
import torch

from deepbench.detectors import batches
from deepbench.detectors.batches import AHEAD, side_by_side

CPU = torch.device("cpu")


@pytest.fixture
def two_threads():
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


def test_no_thread_waits_for_a_long_batch(two_threads):
    others_done = threading.Event()

    def work(batch):
        if batch == 0:
            assert others_done.wait(60)
        if batch == 3:
            others_done.set()
        return batch, torch.get_num_threads()

    assert list(side_by_side(work, range(4), CPU)) == [(batch, 1) for batch in range(4)]
    assert torch.get_num_threads() == 2


def test_only_a_few_batches_are_drawn_ahead(two_threads):
    drawn = []
    made = side_by_side(lambda batch: batch, (drawn.append(i) or i for i in range(50)), CPU)
    assert next(made) == 0
    assert len(drawn) <= 2 * AHEAD + 1
    assert list(made) == list(range(1, 50))


def test_a_failure_is_raised_where_its_result_would_be(two_threads):
    made = side_by_side(lambda batch: 1 // batch, [1, 0, 1], CPU)
    assert next(made) == 1
    with pytest.raises(ZeroDivisionError):
        next(made)
    assert torch.get_num_threads() == 2


def test_the_size_follows_the_device():
    assert batches.size("auto", CPU) == 8
    assert batches.size(3, CPU) == 3
