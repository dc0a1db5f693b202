"""Checkpoints and images made from a seed, the same bit for bit on every platform.

Uniform numbers come from PCG64's raw bits with + - * / and sqrt alone; `digest` proves a
checkpoint to be the one whose logits the published code gave.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deepbench.detectors.effort import VitSize

DATA = Path(__file__).parents[1] / "data" / "detectors"
FILE_OF = {"f3net_sobel": "f3net"}  # variants that load another detector's published file
SMALL_VIT = VitSize(hidden=128, layers=2, mlp=256, patch=14, image=224)


def slow_but(quick, names):
    """The names as test parameters; all but the quick ones run with the slow tests."""
    return [n if n in quick else pytest.param(n, marks=pytest.mark.slow) for n in names]


def manifest(detector):
    """Rows of key, shape, dtype and rule, without the file's prefix."""
    return json.loads((DATA / f"manifest_{detector}.json").read_text("utf-8"))


def reference(detector):
    """Logits of the published code on synthetic weights and images."""
    return json.loads((DATA / f"logits_{detector}.json").read_text("utf-8"))


def uniform(name, count):
    """Numbers in (0, 1) that depend on the name alone."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    words = np.random.PCG64(seed).random_raw((count + 1) // 2).view(np.uint32)[:count]
    return (words + 0.5) / 2.0**32


def symmetric(name, count):
    return 2.0 * uniform(name, count) - 1.0


def constant(kind, shape, bounds):
    """The tensors that no seed decides; None if the rule is of another kind."""
    if kind == "zero":
        return np.zeros(shape)
    if kind == "band":
        total = np.add.outer(np.arange(shape[0]), np.arange(shape[1]))
        return (total >= bounds[0]) & (total <= bounds[1])
    if kind in ("dct", "dctT"):
        n = shape[0]
        i, j = np.mgrid[:n, :n]
        first = np.where(i == 0, np.sqrt(1.0 / n), np.sqrt(2.0 / n))
        transform = first * np.cos((j + 0.5) * np.pi * i / n)
        return transform if kind == "dct" else transform.T
    return None


def tensor(key, shape, dtype, rule, seed):
    kind, *words = rule.split()
    numbers = [float(word) for word in words]
    values = constant(kind, shape, numbers)
    if values is None:
        unit = symmetric(f"{seed}|{key}", int(np.prod(shape))) * np.sqrt(3.0)
        if kind == "fan":
            values = unit * (numbers[0] / np.sqrt(float(np.prod(shape[1:]))))
        else:
            values = numbers[0] + numbers[1] * unit
    return torch.from_numpy(np.ascontiguousarray(values.reshape(shape), dtype)).reshape(shape)


def state_dict(rows, seed):
    return {key: tensor(key, shape, dtype, rule, seed) for key, shape, dtype, rule in rows}


def digest(state):
    total = hashlib.sha256()
    for key, value in state.items():
        array = np.atleast_1d(value.numpy())  # the reference wrote scalars as vectors of one
        total.update(f"{key}{array.shape}{array.dtype}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def image(seed, index, size):
    """RGB image: a smooth field of colours and noise, of another coarseness for each index."""
    cells = (3, 6, 12, 24)[index % 4]
    contrast = (70.0, 50.0, 60.0, 30.0)[index % 4]
    noise = (2.0, 25.0, 8.0, 45.0)[index % 4]
    name = f"{seed}|image|{index}|{size}"
    base = 70.0 + 110.0 * uniform(f"{name}|base", 3)
    grid = symmetric(f"{name}|grid", cells * cells * 3).reshape(cells, cells, 3) * contrast
    place = np.arange(size) * ((cells - 1) / (size - 1.0))
    low = np.minimum(place.astype(int), cells - 2)
    part = place - low
    rows = grid[low] * (1 - part)[:, None, None] + grid[low + 1] * part[:, None, None]
    field = rows[:, low] * (1 - part)[None, :, None] + rows[:, low + 1] * part[None, :, None]
    grain = symmetric(f"{name}|noise", size * size * 3).reshape(size, size, 3) * noise
    return np.clip(np.floor(base + field + grain + 0.5), 0, 255).astype(np.uint8)


def images(seed, count, size):
    return np.stack([image(seed, index, size) for index in range(count)])
