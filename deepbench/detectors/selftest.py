"""The self-test: stored scores of stored seeds, to be met by the installed libraries.

A file that loads without a gap can still give wrong scores: another release of torch may compute
in another way. So scores of made-up weights on made-up images are stored here, with the version
that gave them. `deepbench weights verify` recomputes them; `python -m deepbench.apps.selftest
--write` stores them anew.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8

from deepbench.core import files
from deepbench.core.plugins import IMAGENET_MEAN, IMAGENET_STD, DetectorCard, Preprocessing
from deepbench.detectors.network import Network

STORED = Path(__file__).with_name("selftest.json")
TOLERANCE = 1e-4  # of a score up to 1, and in proportion above: other processors round otherwise
ALIKE = 1e-3  # within which a deliberate mistake explains wrong scores
LIBRARIES = ("torch",)  # the networks are written out here

CELLS = (3, 6, 12, 24)  # of each image's smooth part, along a side
CONTRAST = (90.0, 70.0, 80.0, 40.0)  # levels
NOISE = (3.0, 30.0, 10.0, 50.0)  # levels


class Stored(NamedTuple):
    """Scores of one detector's made-up checkpoint, with what they came from."""

    checkpoint: str  # digest of its random tensors
    libraries: dict[str, str]
    scores: list[float]  # log-odds of fake


def read(path: Path = STORED) -> dict[str, Stored]:
    """The stored scores by name."""
    content = json.loads(path.read_text("utf-8"))
    return {name: Stored(**values) for name, values in content.items()}


def write(stored: Mapping[str, Stored], path: Path = STORED) -> None:
    """Store scores; the same ones give the same bytes."""
    content = {name: values._asdict() for name, values in sorted(stored.items())}
    files.write(path, json.dumps(content, indent=1) + "\n")


def installed() -> dict[str, str]:
    """Versions of the libraries that decide a score."""
    return {name: metadata.version(name) for name in LIBRARIES}


def images(size: int) -> UInt8[np.ndarray, "4 size size 3"]:
    """Four RGB images, from smooth to noisy; the same on every platform."""
    return np.stack([_image(index, size) for index in range(len(CELLS))])


def digest(weights: Path, names: Iterable[str]) -> str:
    """The sha256 over names, shapes and values of some tensors of a raw checkpoint."""
    state = torch.load(weights, map_location="cpu", weights_only=True)
    total = hashlib.sha256()
    for name in names:
        tensor = state[name]
        total.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        total.update(tensor.numpy().data)
    return total.hexdigest()


def fault(
    network: Network,
    crops: UInt8[np.ndarray, "n h w 3"],
    expected: Float32[np.ndarray, " n"],
    card: DetectorCard,
) -> str:
    """What is wrong with the network's scores, with the probable cause; empty if nothing is."""
    found = network(crops)
    if _alike(found, expected, TOLERANCE):
        return ""
    by = np.abs(found - expected).max()
    cause = diagnose(network, crops, expected, card) or "no common mistake explains them"
    return f"scores differ from the stored ones by up to {by:.2g} ({TOLERANCE:g} allowed); {cause}"


def diagnose(
    network: Network,
    crops: UInt8[np.ndarray, "n h w 3"],
    expected: Float32[np.ndarray, " n"],
    card: DetectorCard,
) -> str:
    """The common mistake that explains a network's wrong scores to 1e-3; empty if none does."""
    found = network(crops)
    if _alike(-found, expected, ALIKE):
        return "they match with the opposite sign: are the classes swapped?"
    if _alike(network(crops[..., ::-1].copy()), expected, ALIKE):
        return "they match when the colour channels are reversed: BGR instead of RGB?"
    used = network.preprocessing
    for name, other in _statistics(card.preprocessing, used):
        trial = dataclasses.replace(network, preprocessing=other)
        if _alike(trial(crops), expected, ALIKE):
            return (
                f"they match {name} at {other.size} px (mean {other.mean}, std {other.std}), but "
                f"the network was given {used.size} px, mean {used.mean}, std {used.std}"
            )
    return ""


def drift(stored: Stored) -> str:
    """Which libraries are not those that gave the stored scores; empty if all are."""
    now = installed()
    others = [
        f"{name} {version} (installed: {now[name]})"
        for name, version in stored.libraries.items()
        if now[name] != version
    ]
    return f"stored with {', '.join(others)}" if others else ""


def _statistics(card: Preprocessing, used: Preprocessing) -> Iterator[tuple[str, Preprocessing]]:
    imagenet = dataclasses.replace(used, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    for name, other in (("the card's statistics", card), ("ImageNet statistics", imagenet)):
        if other != used:
            yield name, other


def _alike(
    found: Float32[np.ndarray, " n"], expected: Float32[np.ndarray, " n"], tolerance: float
) -> bool:
    # NaN is never alike
    return bool((np.abs(found - expected) <= tolerance * np.maximum(1, np.abs(expected))).all())


def _image(index: int, size: int) -> UInt8[np.ndarray, "size size 3"]:
    cells, contrast = CELLS[index], CONTRAST[index]
    grid = _uniform(f"grid {index}", cells * cells * 3).reshape(cells, cells, 3)
    at = np.arange(size) * ((cells - 1) / (size - 1.0))
    low = np.minimum(at.astype(int), cells - 2)
    part = (at - low)[:, None, None]
    rows = grid[low] * (1 - part) + grid[low + 1] * part
    part = (at - low)[None, :, None]
    smooth = rows[:, low] * (1 - part) + rows[:, low + 1] * part
    grain = _uniform(f"grain {index} {size}", size * size * 3).reshape(size, size, 3)
    base = 128 + 40 * _uniform(f"base {index}", 3)
    levels = np.floor(base + contrast * smooth + NOISE[index] * grain + 0.5)
    image: np.ndarray = np.clip(levels, 0, 255).astype(np.uint8)
    return image


def _uniform(name: str, count: int) -> Float64[np.ndarray, " {count}"]:
    """Within (-1, 1); from raw bits, which no release of NumPy changes."""
    seed = int.from_bytes(hashlib.sha256(f"selftest {name}".encode()).digest()[:8], "little")
    words = np.random.PCG64(seed).random_raw((count + 1) // 2).view(np.uint32)[:count]
    values: np.ndarray = (words + 0.5) / 2.0**31 - 1.0
    return values
