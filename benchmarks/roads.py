"""The two ways from a clip to logits: the baseline's, and deepbench's own functions."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import nn

from benchmarks import baseline, clock
from deepbench.core import blocks, plugins
from deepbench.detectors import batches, network
from deepbench.media import align, mtcnn, video
from deepbench.media.detection import Detection

DETECTORS = ("xception", "efficientnet_b4", "f3net", "effort")


class Found(NamedTuple):
    """What a road made of the clip, for the comparison of both."""

    boxes: np.ndarray  # [n, 4]
    landmarks: np.ndarray  # [n, 5, 2]
    crops: np.ndarray  # [n, 256, 256, 3]
    logits: dict[str, np.ndarray]


class Road(NamedTuple):
    """A way from the clip to logits; it counts its time on the clock."""

    name: str
    run: Callable[[clock.Clock], Found]


class Work(NamedTuple):
    """What both roads are given."""

    clip: Path
    settings: blocks.Faces
    weights: dict[str, Path]


def baseline_road(work: Work) -> Road:
    """One frame, one crop and one network after the other."""
    cards = {name: plugins.load("detectors", name).CARD for name in DETECTORS}
    finder = baseline.face_finder(work.settings.min_face)
    nets = list(finder.children())
    modules = {name: baseline.load(name, path) for name, path in work.weights.items()}
    indices = [f.index for f in video.read_frames(work.clip, "video", work.settings)]

    def run(time_of: clock.Clock) -> Found:
        with time_of.step("decode"):
            frames = baseline.frames(work.clip, indices)
        with clock.Inside(nets, time.process_time) as inside, time_of.step("detect"):
            seen = [baseline.largest_face(finder, rgb) for rgb in frames]
        time_of.forward["detect"] = inside.seconds
        faces = [face for face in seen if face is not None]
        with time_of.step("crop"):
            kept = [rgb for rgb, face in zip(frames, seen, strict=True) if face is not None]
            crops = [align.aligned(rgb, face) for rgb, face in zip(kept, faces, strict=True)]
        logits = {}
        for name, module in modules.items():
            own = cards[name].preprocessing
            with clock.Inside([module], time.process_time) as inside:
                logits[name] = np.array([_one(time_of, name, module, c, own) for c in crops])
            time_of.forward[name] = inside.seconds
        return found(faces, crops, logits)

    return Road("baseline", run)


def _one(
    time_of: clock.Clock,
    name: str,
    module: nn.Module,
    crop: np.ndarray,
    preprocessing: plugins.Preprocessing,
) -> float:
    with time_of.step("preprocess"):
        x = baseline.prepare(crop, preprocessing)
    with time_of.step(name):
        return baseline.fake_logit(module, x)


def our_road(name: str, networks: dict[str, network.Network], work: Work, batch: int) -> Road:
    """The functions that deepbench's steps call, in their order."""
    finder = mtcnn.load(work.settings, "cpu")
    nets = [value for value in vars(finder).values() if isinstance(value, nn.Module)]

    def run(time_of: clock.Clock) -> Found:
        with time_of.step("decode"):
            frames = [f.rgb for f in video.read_frames(work.clip, "video", work.settings)]
        with clock.Inside(nets, time.process_time) as inside, time_of.step("detect"):
            seen = [finder.detect(rgb) for rgb in frames]
        time_of.forward["detect"] = inside.seconds
        faces = [one[0] for one in seen if one]
        with time_of.step("crop"):
            kept = [rgb for rgb, one in zip(frames, seen, strict=True) if one]
            crops = [align.aligned(rgb, face) for rgb, face in zip(kept, faces, strict=True)]
        logits = {n: _scored(time_of, n, net, crops, batch) for n, net in networks.items()}
        return found(faces, crops, logits)

    return Road(name, run)


def _scored(
    time_of: clock.Clock, name: str, net: network.Network, crops: list[np.ndarray], batch: int
) -> np.ndarray:
    """Logits of all crops; what is not the forward pass counts as preprocessing."""
    parts = [np.stack(crops[i : i + batch]) for i in range(0, len(crops), batch)]
    alone = clock.Clock()
    with clock.Inside([net.module], time.thread_time) as inside, alone.step(name):
        logits = np.concatenate(list(batches.side_by_side(net, parts, net.device)))
    whole = alone.steps[name]
    time_of.forward[name] = inside.seconds
    share = min(inside.seconds / whole.cpu, 1.0)
    time_of.add(name, whole.part(share))
    time_of.add("preprocess", whole.part(1 - share))
    return logits


def found(faces: list[Detection], crops: list[np.ndarray], logits: dict[str, np.ndarray]) -> Found:
    """The results as arrays.

    Raises:
        ValueError: no frame has a face, so that there is nothing to compare.
    """
    if not faces:
        msg = "no face was found in any frame of the clip; remove it from the cache folder"
        raise ValueError(msg)
    boxes, landmarks = (np.stack(column) for column in list(zip(*faces, strict=True))[:2])
    return Found(boxes, landmarks, np.stack(crops), logits)
