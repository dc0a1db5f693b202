"""Batches side by side: on a CPU as fast as one after the other, and with the same last bits."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Literal, TypeVar

import torch

Batch = TypeVar("Batch")
Made = TypeVar("Made")

AHEAD = 2  # batches per thread that are under way or wait


def side_by_side(
    work: Callable[[Batch], Made], batches: Iterable[Batch], device: torch.device
) -> Iterator[Made]:
    """What `work` makes of each batch, in the order of the batches.

    On a CPU each batch runs in one thread and several batches side by side: as fast as sharing one
    batch among the threads, and the last bits no longer depend on how many there are.
    """
    source = iter(batches)
    with one_thread_each() as threads:
        workers = threads if device.type == "cpu" else 1
        with ThreadPoolExecutor(workers) as pool:
            # a few batches ahead: no thread waits for another, and memory stays bounded
            running = deque(pool.submit(work, b) for b in itertools.islice(source, AHEAD * workers))
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(work, b) for b in itertools.islice(source, 1))


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Let torch run every operation in one thread; gives how many it would have used."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def size(wanted: Literal["auto"] | int, device: torch.device) -> int:
    """Crops per batch: as wanted, or 8 on a CPU and 32 elsewhere."""
    if wanted == "auto":
        return 8 if device.type == "cpu" else 32
    return wanted
