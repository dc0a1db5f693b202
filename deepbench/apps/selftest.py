"""Run or store the self-test: `python -m deepbench.apps.selftest [--write] [--full] [NAME]...`."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from deepbench.core import plugins
from deepbench.detectors import selftest
from deepbench.detectors.network import Network
from deepbench.sample import demo_weights

SEED = 1  # of the made-up checkpoints, which are those that `deepbench sample` writes


class Made(NamedTuple):
    """A network with made-up weights, loaded as a published file is, and their digest."""

    network: Network
    checkpoint: str


def key(detector: str, full: bool) -> str:
    """Name of a detector's stored scores; where a small form stands in, the full one has its own.

    Raises:
        KeyError: no detector has the name.
    """
    component = plugins.load("detectors", detector)
    return f"{detector}_full" if full and hasattr(component, "demo_layout") else detector


def make(detector: str, full: bool) -> Made:
    """Write a made-up checkpoint, load it through the detector's own door, remove it.

    Args:
        detector: name of its file.
        full: the published size where a smaller form would stand in (Effort: 1.2 GB, a minute).
    """
    component = plugins.load("detectors", detector)
    small = getattr(component, "demo_layout", component.layout)
    layout = component.layout() if full else small()
    with tempfile.TemporaryDirectory(prefix="deepbench-") as folder:
        path = Path(folder) / component.CARD.weights
        demo_weights.write(layout, SEED, path)
        # not the constants: another machine's cosine may differ in the last bit
        random = [name for name, tensor in layout.items() if tensor.is_meta]
        return Made(component.load(path, "cpu", "float32"), selftest.digest(path, random))


def run(detector: str, full: bool = False) -> str:
    """What the self-test of a detector finds wrong; empty if nothing."""
    known, name = selftest.read(), key(detector, full)
    if name not in known:
        return (
            f"no stored scores for {name}; store them, once they are known to be right: "
            f"python -m deepbench.apps.selftest --write {detector}"
        )
    stored, made = known[name], make(detector, full)
    if made.checkpoint != stored.checkpoint:
        return (
            "the made-up checkpoint is not the one whose scores are stored: the detector's layout, "
            f"sample/demo_weights.py or NumPy {np.__version__} changed, so nothing was compared; "
            f"see which, then: python -m deepbench.apps.selftest --write {detector}"
        )
    card: plugins.DetectorCard = plugins.load("detectors", detector).CARD
    crops = selftest.images(card.preprocessing.size)
    expected = np.asarray(stored.scores, np.float32)
    found = selftest.fault(made.network, crops, expected, card)
    drift = selftest.drift(stored)
    return f"{found}; {drift}" if found and drift else found


def write(detectors: list[str], full: bool, path: Path = selftest.STORED) -> list[str]:
    """Store the scores that the installed libraries give; returns the names written."""
    known = selftest.read(path) if path.exists() else {}
    names = []
    for detector in tqdm(detectors, "self-test", leave=False):
        made = make(detector, full)
        crops = selftest.images(made.network.preprocessing.size)
        scores = [round(float(score), 6) for score in made.network(crops)]
        names.append(key(detector, full))
        stored = selftest.Stored(made.checkpoint, selftest.installed(), scores)
        known = known | {names[-1]: stored}
    selftest.write(known, path)
    return names


def main(argv: list[str] | None = None) -> int:
    """Run or store; returns the exit code."""
    parser = argparse.ArgumentParser(prog="deepbench.apps.selftest", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="detectors (default: all)")
    parser.add_argument("--write", action="store_true", help="store instead of compare")
    parser.add_argument("--full", action="store_true", help="Effort at its published size")
    args = parser.parse_args(argv)
    names = args.names or plugins.names("detectors")
    if args.write:
        print(f"{selftest.STORED}: {', '.join(write(names, args.full))}")
        return 0
    found = {name: run(name, args.full) for name in tqdm(names, "self-test", leave=False)}
    for name, fault in found.items():
        print(f"{name}: {fault or 'ok'}")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
