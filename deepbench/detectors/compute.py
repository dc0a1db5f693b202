"""What a network costs in arithmetic, and what the machine could do of it."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from deepbench.detectors.network import Network

SIDE = 2048  # of the matrices: large enough for the full rate, small enough for a second
CALLS = 8


def parameters(network: Network) -> int:
    """Numbers that training can change."""
    return sum(p.numel() for p in network.module.parameters())


def gflop(network: Network) -> float:
    """Billions of floating-point operations for one crop; a multiplication and an addition are two.

    Matrix products, convolutions and attention are counted, as everyone does; NaN where torch
    cannot look inside the network.
    """
    size = network.preprocessing.size
    prepared = network.prepare(np.zeros((1, size, size, 3), np.uint8))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.module(prepared)
    return float(counter.get_total_flops() / 1e9) or float("nan")


def gemm_gflops(
    device: torch.device, dtype: torch.dtype, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Billions of operations per second that a large matrix product reaches, the best of some."""
    generator = torch.Generator().manual_seed(0)
    left, right = (
        torch.randn(SIDE, SIDE, generator=generator).to(device=device, dtype=dtype)
        for _ in range(2)
    )
    seconds = []
    with torch.inference_mode():
        for _ in range(CALLS + 1):
            start = clock()
            # the last element comes to the CPU, so that a GPU has finished
            (left @ right)[-1, -1].item()
            seconds.append(clock() - start)
    return 2 * SIDE**3 / min(seconds[1:]) / 1e9


def threads() -> int:
    """CPU threads that torch uses for one operation."""
    return torch.get_num_threads()


def device_name(device: torch.device) -> str:
    """`cpu`, or the model of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def device_peak(device: torch.device) -> float:
    """Most memory that torch has held on a GPU, in megabytes; NaN without one."""
    if device.type != "cuda":
        return float("nan")
    return torch.cuda.max_memory_allocated(device) / 1e6
