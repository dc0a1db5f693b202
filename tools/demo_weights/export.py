"""Make a trained network's shipped file: `python -m tools.demo_weights.export xception ...`.

Batch norms are measured anew on whole crops in float32, values are rounded to what is shipped, and
the head is scaled and shifted so that 0.5 is the right threshold on the validation people.
"""

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from tqdm import tqdm

from deepbench.apps.cli import DEMO_SEED
from deepbench.core import plugins
from deepbench.detectors.network import Network
from deepbench.sample import demo_weights
from tools.demo_weights import inputs, networks, validation, views
from tools.demo_weights.networks import PLANS, Trainee

NORM_BATCHES, NORM_PAIRS, NORM_STREAM = 16, 8, 2
Arrays = dict[str, NDArray[np.floating]]


class Line(NamedTuple):
    """What is done to log-odds."""

    scale: float
    shift: float

    def of(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """The new log-odds."""
        return np.asarray(self.scale * scores + self.shift, np.float32)


def measure_norms(trainee: Trainee, crops: Path, seed: int) -> None:
    """Means and variances of the open batch norms over fresh training views."""
    norms = [part for part in trainee.module.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # a plain mean over the batches
        norm.num_batches_tracked = torch.zeros((), dtype=torch.int64)
    if not norms:
        return
    trainee.module.train()
    paths = views.couples(crops, "train")
    with torch.no_grad():
        for number in tqdm(range(NORM_BATCHES), "batch norms"):
            rng = np.random.default_rng([seed, number, NORM_STREAM])
            inputs.logits(trainee, views.draw(paths, NORM_PAIRS, rng).crops, inputs.WHOLE)


def arrays(trainee: Trainee) -> Arrays:
    """What is shipped: vectors in float32, all else in float16, under the file's names."""
    values = networks.shipped(trainee)
    if trainee.detector == "effort":
        state = networks.seeded("effort")
        named = dict(_unfolded(name, value, state) for name, value in values.items())
    else:
        named = {trainee.plan.published(name): value for name, value in values.items()}
    return {name: _rounded(value) for name, value in named.items()}


def _unfolded(name: str, value: Tensor, state: dict[str, Tensor]) -> tuple[str, Tensor]:
    """An Effort tensor as its file has it: attention weights less the seed's residual."""
    layer, _, part = networks.PLANS["effort"].published(name).rpartition(".")
    if f"{layer}.weight_main" not in state or part != "weight":
        return f"module.{layer}.{part}" if layer else f"module.{part}", value
    u, s, v = (state[f"{layer}.{letter}_residual"] for letter in "USV")
    return f"module.{layer}.weight_main", value - u @ torch.diag(s) @ v


def _rounded(value: Tensor) -> NDArray[np.floating]:
    """Float32 for vectors; else float16 without its last 3 of 10 bits, which zip takes in less."""
    if value.ndim < 2:
        return value.contiguous().numpy().astype(np.float32)
    bits = value.contiguous().numpy().astype(np.float16).view(np.uint16).astype(np.uint32)
    array = ((bits + 4) & 0xFFF8).astype(np.uint16).view(np.float16)
    if not np.isfinite(array).all():
        msg = f"a trained tensor of shape {array.shape} has values beyond float16: train anew"
        raise ValueError(msg)
    return array


def load(detector: str, shipped: Arrays) -> Network:
    """The checkpoint of seed and shipped values, through the detector's own door."""
    values = {name: torch.from_numpy(v.astype(np.float32)) for name, v in shipped.items()}
    layout = networks.layout(detector)
    if extra := values.keys() - layout.keys():
        msg = f"{detector}: {sorted(extra)[:3]} are not in the checkpoint's layout"
        raise KeyError(msg)
    component = plugins.load("detectors", detector)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / component.CARD.weights
        demo_weights.write(layout | values, DEMO_SEED, path)
        network: Network = component.load(path, "cpu", "float32")
    return network


def calibrate(
    shipped: Arrays, trainee: Trainee, pooled: NDArray[np.float32], fake: NDArray[np.bool_]
) -> Line:
    """Scale and shift the head for the validation clips, classes equally frequent; says how."""
    fit = LogisticRegression(class_weight="balanced").fit(pooled[:, None], fake)
    line = Line(float(fit.coef_[0, 0]), float(fit.intercept_[0]))
    weight, bias = (_key(trainee, f"{trainee.plan.head}.{part}") for part in ("weight", "bias"))
    shipped[weight] = (shipped[weight].astype(np.float32) * line.scale).astype(np.float16)
    shift = np.array([-line.shift / 2, line.shift / 2])
    shipped[bias] = (shipped[bias] * line.scale + shift).astype(np.float32)
    return line


def _key(trainee: Trainee, name: str) -> str:
    prefix = "module." if trainee.detector == "effort" else ""
    return prefix + trainee.plan.published(name)


def _scores(network: Network, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    starts = tqdm(range(0, len(crops), 8), "validation crops")
    return np.concatenate([network(crops[start : start + 8]) for start in starts])


def main() -> None:
    """Parse the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detector", choices=list(PLANS))
    parser.add_argument("--crops", type=Path, required=True, help="what render.py wrote")
    parser.add_argument("--run", type=Path, required=True, help="the folder train.py wrote to")
    parser.add_argument("--out", type=Path, required=True, help="gets <detector>.npz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    trainee = networks.prepare(arguments.detector)
    kept = torch.load(arguments.run / f"{arguments.detector}.pt", weights_only=True)
    networks.restore(trainee, kept["trained"])
    measure_norms(trainee, arguments.crops, arguments.seed)
    shipped = arrays(trainee)
    seen = validation.read(arguments.crops, 2)
    before = _scores(load(arguments.detector, shipped), seen.crops)
    fake = seen.method > 0
    line = calibrate(shipped, trainee, seen.pooled(before), fake)
    after = _scores(load(arguments.detector, shipped), seen.crops[:8])
    np.testing.assert_allclose(after, line.of(before[:8]), rtol=0.02, atol=0.05)
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"{arguments.detector}.npz"
    np.savez_compressed(path, **shipped)
    pooled = line.of(seen.pooled(before))
    kept_scores = arguments.run / f"{arguments.detector}_validation.npz"
    np.savez(kept_scores, log_odds=pooled, method=seen.method)
    lines = [
        f"{path}: {path.stat().st_size} bytes after step {kept['step']}, {kept['seconds']:.0f} s",
        f"head times {line.scale:.3f}, log-odds plus {line.shift:.3f}",
        f"validation AUC {validation.told(validation.areas(pooled, seen.method))}",
        f"at 0.5: {np.mean(pooled[~fake] < 0):.2f} of {np.sum(~fake)} real and "
        f"{np.mean(pooled[fake] > 0):.2f} of {np.sum(fake)} fake clips right",
    ]
    with (arguments.run / f"{arguments.detector}.log").open("a", encoding="utf-8") as log:
        log.write("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
