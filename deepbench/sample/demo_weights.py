"""Demo weights: checkpoints in the layout of the published ones, made from a seed and a small file.

They load through the same strict code as the published files and let the whole pipeline run. Some
of their values, in `demo/<detector>.npz`, were trained on rendered people (tools/demo_weights), so
that they find the manipulations of the sample pack; of real deepfakes they know nothing. `is_demo`
tells them from the published ones.
"""

import hashlib
import math
import re
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from tqdm import tqdm

from deepbench.core import files

# The folder inside the file, which is a zip archive. torch.save names it after the first file name,
# torch.load does not care: so the mark travels with a copy and goes with a replaced file.
MARK = "demo"

TRAINED = Path(__file__).with_name("demo")


class Rule(NamedTuple):
    """Values of mean `mean` and deviation `std`, the latter over sqrt(fan-in) if `by_fan_in`."""

    pattern: str  # of the whole key
    mean: float
    std: float
    by_fan_in: bool = False


# The first that matches. Gains keep the signal's size through the depth of the network.
RULES = (
    Rule(r".*running_var", 1, 0.25),
    Rule(r".*running_mean", 0, 0.1),
    Rule(r".*S_residual", 8, 1),
    Rule(r".*[UV]_residual", 0, 0.03),
    Rule(r".*(class_embedding|position_embedding\.weight|learnable)", 0, 0.5),
    Rule(r".*last_linear(\.1)?\.weight", 0, 0.1, by_fan_in=True),
    Rule(r".*last_layer\.weight", 0, 0.01, by_fan_in=True),
    Rule(r".*\.skip\.weight", 0, 0.7, by_fan_in=True),
    Rule(r".*_se_(reduce|expand)\.weight", 0, 0.5, by_fan_in=True),
    Rule(r".*_se_expand\.bias", 2, 0.3),
    Rule(r".*bias", 0, 0.05),
    # EfficientNet's blocks without a way round them
    Rule(r".*_blocks\.(0|2|6|10|16|22|30)\._\w+_conv\.weight", 0, 1.6, by_fan_in=True),
    Rule(r".*(conv\d|_conv_stem|_conv_head)\.weight", 0, 1.4, by_fan_in=True),
)
GAIN = Rule(".*", 0, 1, by_fan_in=True)  # of any other matrix
SCALE = Rule(".*", 1, 0.1)  # of any other vector: the weights of a normalisation


def write(layout: Mapping[str, Tensor], seed: int, path: Path) -> None:
    """Write a demo checkpoint; the same layout and seed give the same bytes at any path.

    Args:
        layout: key to tensor. A tensor on the meta device gives shape and dtype, any other is
            written as it is.
        seed: every value follows from it and from the tensor's key.
        path: of the file; its folder is made.
    """
    state = {
        key: _values(key, like, seed) if like.is_meta else like
        for key, like in tqdm(layout.items(), f"demo {path.name}", leave=False, delay=2)
    }
    with (
        files.unfinished(path) as part,
        tempfile.TemporaryDirectory(dir=path.parent, suffix=files.PART) as folder,
    ):
        marked = Path(folder) / f"{MARK}.pth"
        torch.save(state, marked)
        marked.replace(part)


def trained(detector: str) -> dict[str, Tensor]:
    """The trained values of a detector's demo checkpoint, by key; none for most detectors.

    For `write`, in the place of the same keys of the layout: `layout | trained(detector)`.
    """
    path = TRAINED / f"{detector}.npz"
    if not path.exists():
        return {}
    with np.load(path) as stored:
        # float16 in the file, which float32 holds exactly
        return {key: torch.from_numpy(stored[key].astype(np.float32)) for key in stored.files}


def is_demo(path: Path) -> bool:
    """Whether `write` made the file; false for any published checkpoint, also under its name."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()[0].startswith(f"{MARK}/")


def _values(key: str, like: Tensor, seed: int) -> Tensor:
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    rule = next((r for r in RULES if re.fullmatch(r.pattern, key)), None)
    if rule is None:
        rule = GAIN if like.ndim > 1 else SCALE
    fan_in = math.prod(like.shape[1:]) if rule.by_fan_in else 1
    x = _uniform(f"{seed}|{key}", like.numel())
    values = rule.mean + rule.std / math.sqrt(fan_in) * math.sqrt(3) * x
    return torch.from_numpy(values.astype(np.float32)).reshape(like.shape).to(like.dtype)


def _uniform(name: str, count: int) -> Float64[np.ndarray, " {count}"]:
    """Uniform in (-1, 1); raw bits, since NumPy may change how its distributions use them."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    words = np.random.PCG64(seed).random_raw((count + 1) // 2).view(np.uint32)[:count]
    return (words + 0.5) / 2**31 - 1.0
