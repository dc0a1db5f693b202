"""Where the time goes: wall and processor time per step, and on what machine."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from threading import Lock, get_ident
from typing import NamedTuple

import torch
from torch import nn

LIBRARIES = (
    *("torch", "torchvision", "timm", "transformers", "facenet-pytorch"),
    *("av", "numpy", "opencv-python-headless"),
)


class Spent(NamedTuple):
    """Seconds of the clock and of the processor; the latter counts all threads."""

    wall: float
    cpu: float

    def __add__(self, other: object) -> "Spent":
        assert isinstance(other, Spent)
        return Spent(self.wall + other.wall, self.cpu + other.cpu)

    def part(self, share: float) -> "Spent":
        """That share of it."""
        return Spent(self.wall * share, self.cpu * share)


@dataclass
class Clock:
    """What the steps of one road took."""

    steps: dict[str, Spent] = field(default_factory=dict)
    forward: dict[str, float] = field(default_factory=dict)  # seconds of the processor, by step

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what runs inside towards a step."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.add(name, Spent(time.perf_counter() - wall, time.process_time() - cpu))

    def add(self, name: str, spent: Spent) -> None:
        """Count towards a step."""
        self.steps[name] = self.steps.get(name, Spent(0, 0)) + spent

    def total(self) -> Spent:
        """All steps together."""
        return sum(self.steps.values(), Spent(0, 0))


class Inside:
    """Processor seconds spent within the forward passes of networks, while it is entered.

    `clock` is `time.process_time` where one forward pass runs at a time, on all threads, and
    `time.thread_time` where several run side by side, on one thread each.
    """

    def __init__(self, modules: list[nn.Module], clock: Callable[[], float]) -> None:
        self.seconds = 0.0
        self._modules, self._clock = modules, clock
        self._began: dict[int, float] = {}
        self._lock = Lock()

    def __enter__(self) -> "Inside":
        self._hooks = [m.register_forward_pre_hook(self._start) for m in self._modules]
        self._hooks += [m.register_forward_hook(self._stop) for m in self._modules]
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _start(self, module: nn.Module, inputs: object) -> None:
        self._began[get_ident()] = self._clock()

    def _stop(self, module: nn.Module, inputs: object, output: object) -> None:
        with self._lock:
            self.seconds += self._clock() - self._began.pop(get_ident())


def machine() -> dict[str, object]:
    """What the figures hold for."""
    facts: dict[str, object] = {
        "cpu": _cpu_name(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
    }
    return facts | {name: version(name) for name in LIBRARIES}


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
