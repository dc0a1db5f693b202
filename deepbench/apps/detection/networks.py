"""The detectors of `detect`, in the precision that the pipeline would choose for them."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepbench import scores
from deepbench.core import blocks, plugins, tables
from deepbench.core.verdicts import Model
from deepbench.detectors import likeness, precision
from deepbench.detectors.network import Network
from deepbench.sample import demo_weights


class Loaded(NamedTuple):
    """A detector ready to run, its facts, and what it was loaded from."""

    network: Network
    model: Model
    wanted: precision.Wanted


def load(root: Path, names: list[str], settings: blocks.Scores, device: str) -> dict[str, Loaded]:
    """Detectors by name, each with the one checkpoint in weights/<name>/.

    Raises:
        FileNotFoundError: there is no checkpoint; the sentence says where to get it.
        ValueError: a file is not the checkpoint that its detector needs.
    """
    # a missing file is told of before seconds of loading
    found = {name: scores.find_weights(root / "weights" / name, name) for name in names}
    wanted = [_wanted(name, found[name], settings, device) for name in names]
    chosen = precision.choose_all(wanted, partial(_crops, root), root / "runs/precision")
    return {each.detector: _loaded(each, chosen[each.detector]) for each in wanted}


def explainable(loaded: Loaded) -> Network:
    """The network that Grad-CAM can look into: OpenVINO shows no layers, torch does."""
    if loaded.network.explained:
        return loaded.network
    wanted = loaded.wanted
    found: Network = plugins.load("detectors", wanted.detector).load(
        wanted.weights, wanted.device, "float32", wanted.preprocessing
    )
    return found


def _wanted(name: str, weights: Path, settings: blocks.Scores, device: str) -> precision.Wanted:
    return precision.Wanted(
        detector=name,
        weights=weights,
        device=device,
        preprocessing=scores.preprocessing(name, settings.profile),
        precision=settings.precision,
        openvino=name in settings.openvino,
    )


def _loaded(wanted: precision.Wanted, chosen: precision.Chosen) -> Loaded:
    card: plugins.DetectorCard = plugins.load("detectors", wanted.detector).CARD
    model = Model(
        name=wanted.detector,
        title=card.title,
        weights_file=wanted.weights.name,
        sha256=wanted.sha256,
        demo=demo_weights.is_demo(wanted.weights),
        trained_on=card.trained_on,
        precision=chosen.verdict.used,
    )
    return Loaded(chosen.network, model, wanted)


def _crops(root: Path) -> likeness.Crops:
    """Stored crops of this checkout to try a precision on; none if it has none."""
    for folder in sorted((root / "artifacts/faces").glob("*/")):
        if any(folder.glob(f"{tables.FACES.name}-*.parquet")):
            return likeness.sample(folder)
    return np.empty((0, 1, 1, 3), np.uint8)
