"""Which precision a detector runs in: the machine's fast one, where it gives the same scores.

A fast way is taken only after real crops have gone both ways. The verdict is remembered per
checkpoint and machine, so that it is the same for every data set.
"""

import dataclasses
import hashlib
import json
import platform
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from deepbench.core import digests, files, plugins
from deepbench.core.plugins import Preprocessing
from deepbench.detectors import openvino_runtime
from deepbench.detectors.batches import one_thread_each, side_by_side
from deepbench.detectors.likeness import FEWEST, Crops, Logits, compare
from deepbench.detectors.network import Network

BATCH = 8

Runtime = Literal["torch", "openvino"]


@dataclass(frozen=True)
class Wanted:
    """A detector, and how it should run."""

    detector: str
    weights: Path
    device: str
    preprocessing: Preprocessing
    precision: str  # `auto` or one of network.PRECISIONS
    openvino: bool = False

    @cached_property
    def sha256(self) -> str:
        """Digest of the checkpoint, whose gigabyte is read for it once."""
        with self.weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Verdict:
    """What a detector runs in, and why."""

    requested: str
    used: str
    runtime: Runtime
    accepted: bool  # False: a faster way was there, and was not taken
    why: str  # half a sentence
    crops: int = 0  # compared; 0 if nothing had to be
    max_dp: float | None = None  # largest shift of a probability, if any could be measured
    rho: float | None = None  # Spearman's rank correlation, if there are ranks


class Chosen(NamedTuple):
    """A detector ready to run, and what was found out before."""

    network: Network
    verdict: Verdict


class Way(NamedTuple):
    """How a network may run."""

    runtime: Runtime
    precision: str

    def __str__(self) -> str:
        return self.precision + (" in OpenVINO" if self.runtime == "openvino" else "")


EXACT = Way("torch", "float32")


def fastest(device: str) -> str:
    """The precision that a device is fastest in."""
    kind = torch.device(device).type
    if kind == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
    if kind == "mps":
        return "float16"  # bfloat16 takes macOS 14
    # torch computes in bfloat16 on any CPU, slowly where instructions for it are missing
    fast = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if fast else "float32"


def choose(wanted: Wanted, crops: Callable[[], Crops], memory: Path) -> Chosen:
    """The detector in the fastest way that is wanted and gives float32's scores.

    Args:
        wanted: the detector.
        crops: makes real crops to compare on; not called if the verdict is known.
        memory: folder of verdicts.

    Raises:
        ValueError: OpenVINO on a device that is no CPU, or for a network it cannot take over.
        ImportError: OpenVINO is wanted and not installed.
    """
    ways = _ways(wanted)
    if not ways:
        why = "this machine has no faster one" if wanted.precision == "auto" else "as set"
        verdict = Verdict(wanted.precision, "float32", "torch", True, why)
        return Chosen(_load(wanted, EXACT), verdict)
    place = _place(wanted, ways, memory)
    if place.exists():
        verdict = Verdict(**json.loads(place.read_text("utf-8")))
        return Chosen(_load(wanted, Way(verdict.runtime, verdict.used)), verdict)
    some = crops()
    if len(some) < FEWEST:
        why = f"only {len(some)} crops to try {ways[0]} on, {FEWEST} are needed"
        verdict = Verdict(wanted.precision, "float32", "torch", False, why)
        return Chosen(_load(wanted, EXACT), verdict)
    chosen = _tried(wanted, ways, some)
    _remember(chosen.verdict, place)
    return chosen


def choose_all(
    several: Sequence[Wanted], crops: Callable[[], Crops], memory: Path
) -> dict[str, Chosen]:
    """`choose` for several detectors, by name; their files are read and hashed side by side."""
    chosen: dict[str, Chosen] = {}

    def load(wanted: Wanted) -> None:
        # what compiles or has yet to be tried comes afterwards, and has all threads
        ways = _ways(wanted)
        if not ways or (not wanted.openvino and _place(wanted, ways, memory).exists()):
            chosen[wanted.detector] = choose(wanted, crops, memory)

    # the largest first, so that no thread is left with it at the end
    ordered = sorted(several, key=lambda wanted: wanted.weights.stat().st_size, reverse=True)
    with one_thread_each() as threads, ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(load, wanted) for wanted in ordered]
        jobs += [pool.submit(getattr, wanted, "sha256") for wanted in ordered]
        for job in jobs:
            job.result()
    for wanted in several:
        if wanted.detector not in chosen:
            chosen[wanted.detector] = choose(wanted, crops, memory)
    return chosen


def _ways(wanted: Wanted) -> list[Way]:
    """What to try, the fastest first."""
    target = fastest(wanted.device) if wanted.precision == "auto" else wanted.precision
    if wanted.openvino:
        openvino_runtime.check(wanted.device)
        # there it is worth while in float32, too
        return [Way("openvino", name) for name in dict.fromkeys([target, "float32"])]
    return [] if target == "float32" else [Way("torch", target)]


def _tried(wanted: Wanted, ways: list[Way], crops: Crops) -> Chosen:
    exact, faults = _load(wanted, EXACT), []
    with tqdm(total=len(crops) * (1 + len(ways)), desc=f"check {wanted.detector}") as bar:
        logits = _logits(exact, crops, bar.update)
        for way in ways:
            fast = _load(wanted, way)
            found = compare(logits, _logits(fast, crops, bar.update))
            told = Verdict(
                wanted.precision,
                way.precision,
                way.runtime,
                accepted=not found.fault,
                why=f"on {len(crops)} crops {way} {found.said}",
                crops=len(crops),
                max_dp=found.max_dp if np.isfinite(found.max_dp) else None,
                rho=found.rho if np.isfinite(found.rho) else None,
            )
            if told.accepted:
                return Chosen(fast, told)
            faults.append(told.why)
    why = "; ".join(faults)
    return Chosen(exact, dataclasses.replace(told, used="float32", runtime="torch", why=why))


def _logits(network: Network, crops: Crops, done: Callable[[float], object]) -> Logits:
    parts = (crops[i : i + BATCH] for i in range(0, len(crops), BATCH))
    found = []
    for part in side_by_side(network, parts, network.device):
        found.append(part)
        done(len(part))
    return np.concatenate(found)


def _load(wanted: Wanted, way: Way) -> Network:
    component = plugins.load("detectors", wanted.detector)
    # OpenVINO lowers the precision itself
    precision = way.precision if way.runtime == "torch" else "float32"
    network: Network = component.load(
        wanted.weights, wanted.device, precision, wanted.preprocessing
    )
    if way.runtime == "openvino":
        return openvino_runtime.converted(network, way.precision)
    return network


def _place(wanted: Wanted, ways: list[Way], memory: Path) -> Path:
    """Where a verdict is remembered, by all that it depends on beside the crops."""
    device = torch.device(wanted.device)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    key = digests.of(
        {
            "detector": wanted.detector,
            "weights": wanted.sha256,
            "preprocessing": dataclasses.astuple(wanted.preprocessing),
            "requested": wanted.precision,
            "ways": ways,
            "machine": [device.type, gpu, platform.machine(), _cpu()],
            "code": digests.of_code(__name__, f"deepbench.detectors.{wanted.detector}"),
            "libraries": digests.versions("torch", "timm", "numpy", "openvino"),
        }
    )
    return memory / f"{key}.json"


def _cpu() -> str:
    """The processor by model, as far as the system tells, and by its vector instructions."""
    found = platform.processor()
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        told = re.findall(r"^(?:model|CPU \w+).*", listed.read_text("utf-8"), re.MULTILINE)
        found = " ".join(dict.fromkeys(told))
    return f"{found} {torch.backends.cpu.get_cpu_capability()}"


def _remember(verdict: Verdict, place: Path) -> None:
    files.write(place, json.dumps(dataclasses.asdict(verdict), indent=1) + "\n")
