"""Batches side by side: on a CPU as fast as one after the other, and with the same last bits."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

import torch

Batch = TypeVar("Batch")
Made = TypeVar("Made")


def side_by_side(
    work: Callable[[Batch], Made], batches: Iterable[Batch], device: torch.device
) -> Iterator[Made]:
    """What `work` makes of each batch, in the order of the batches.

    On a CPU each batch runs in one thread and several batches side by side: as fast as sharing one
    batch among the threads, and the last bits no longer depend on how many there are.
    """
    threads = torch.get_num_threads()
    workers = threads if device.type == "cpu" else 1
    source = iter(batches)
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            # as many batches at a time as there are workers bounds what is in memory
            while several := list(itertools.islice(source, workers)):
                yield from pool.map(work, several)
    finally:
        torch.set_num_threads(threads)


def size(wanted: Literal["auto"] | int, device: torch.device) -> int:
    """Crops per batch: as wanted, or 8 on a CPU and 32 elsewhere."""
    if wanted == "auto":
        return 8 if device.type == "cpu" else 32
    return wanted
