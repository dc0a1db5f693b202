"""Face detection: MTCNN (Zhang et al. 2016, arXiv:1604.02878) with facenet-pytorch's weights.

The cascade around the networks is written anew on an integral image; a test holds that the
detections are those of `facenet_pytorch.MTCNN.detect`.
The networks run on one CPU thread: with more, the last bits of their outputs depend on the number
of threads, and on layers this small more threads gain nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8

from deepbench.core import blocks
from deepbench.media import integral
from deepbench.media.detection import Detection, by_area
from deepbench.media.mtcnn_networks import ONet, PNet, RNet
from deepbench.media.suppression import suppress

STRIDE, CELL = 2, 12  # PNet looks at 12 x 12 pixels every 2 pixels
CHUNK = 512  # crops per network call, to bound memory

Boxes = Float32[np.ndarray, "n 4"]
Scores = Float32[np.ndarray, "n"]


class Candidates(NamedTuple):
    """Boxes on their way through the cascade."""

    boxes: Boxes
    scores: Scores
    shifts: Boxes  # regression of the corners, in box sizes

    def at(self, which: np.ndarray) -> "Candidates":
        """Candidates of an index or mask."""
        return Candidates(self.boxes[which], self.scores[which], self.shifts[which])


class Mtcnn:
    """A loaded detector; `load` makes it."""

    def __init__(self, settings: blocks.Faces, device: str) -> None:
        self._settings, self._device = settings, torch.device(device)
        self._pnet, self._rnet, self._onet = (
            net().eval().to(self._device) for net in (PNet, RNet, ONet)
        )

    @torch.inference_mode()
    def detect(self, rgb: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """All faces of a frame that reach the wanted confidence, largest first."""
        sums = integral.integrate(rgb)
        with _one_thread():
            found = self._propose(sums)
            if len(found.boxes):
                found = self._refine(sums, found)
            faces = list(self._finish(sums, found)) if len(found.boxes) else []
        return sorted((f for f in faces if f.confidence >= self._settings.confidence), key=by_area)

    def _propose(self, sums: integral.Sums) -> Candidates:
        parts = [_empty()]
        for scale in _scales(sums, self._settings):
            height, width = (int((n - 1) * scale + 1) for n in sums.shape[:2])
            batch = self._tensor(integral.whole(sums, height, width))
            shifts, probabilities = self._pnet(batch)
            score = probabilities[0, 1].cpu().numpy()
            rows, columns = np.nonzero(score >= np.float32(self._settings.thresholds[0]))
            corner = np.stack([columns, rows], 1).astype(np.float32) * STRIDE
            low, high = (corner + 1) / np.float32(scale), (corner + CELL) / np.float32(scale)
            part = Candidates(
                np.floor(np.hstack([low, high])),
                score[rows, columns],
                shifts[0].cpu().numpy()[:, rows, columns].T,
            )
            parts.append(part.at(suppress(part.boxes, part.scores, 0.5)))
        found = Candidates(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        found = found.at(suppress(found.boxes, found.scores, 0.7))
        size = np.tile(found.boxes[:, 2:] - found.boxes[:, :2], 2)
        found = found._replace(boxes=_squared(found.boxes + found.shifts * size))
        return found.at(_inside(found.boxes, sums))

    def _refine(self, sums: integral.Sums, found: Candidates) -> Candidates:
        shifts, probabilities = self._classify(self._rnet, sums, found.boxes, 24)
        passed = probabilities[:, 1] > np.float32(self._settings.thresholds[1])
        found = Candidates(found.boxes, probabilities[:, 1], shifts).at(passed)
        found = found.at(suppress(found.boxes, found.scores, 0.7))
        found = found._replace(boxes=_squared(_shifted(found)))
        return found.at(_inside(found.boxes, sums))

    def _finish(self, sums: integral.Sums, found: Candidates) -> Iterator[Detection]:
        shifts, points, probabilities = self._classify(self._onet, sums, found.boxes, 48)
        passed = probabilities[:, 1] > np.float32(self._settings.thresholds[2])
        found = Candidates(found.boxes, probabilities[:, 1], shifts).at(passed)
        corner = found.boxes[:, None, :2]
        size = found.boxes[:, None, 2:] - corner + 1
        # ONet gives five x, then five y, each in box sizes
        landmarks = size * points[passed].reshape(-1, 2, 5).transpose(0, 2, 1) + corner - 1
        found = found._replace(boxes=_shifted(found))
        for i in _keep_uncovered(found, 0.7):
            yield Detection(found.boxes[i], landmarks[i], float(found.scores[i]))

    def _classify(
        self, net: torch.nn.Module, sums: integral.Sums, boxes: Boxes, size: int
    ) -> list[Float32[np.ndarray, "n _"]]:
        corners = _clipped(boxes, sums)
        chunks = (corners[i : i + CHUNK] for i in range(0, len(corners), CHUNK))
        outputs = [net(self._tensor(integral.crops(sums, chunk, size))) for chunk in chunks]
        return [torch.cat(parts).cpu().numpy() for parts in zip(*outputs, strict=True)]

    def _tensor(self, images: Float32[np.ndarray, "n h w 3"]) -> torch.Tensor:
        images -= np.float32(127.5)
        images *= np.float32(0.0078125)
        return torch.from_numpy(images).permute(0, 3, 1, 2).to(self._device)


def load(settings: blocks.Faces, device: str) -> Mtcnn:
    """MTCNN with the weights that facenet-pytorch's wheel carries."""
    return Mtcnn(settings, device)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _empty() -> Candidates:
    none = np.zeros((0, 4), np.float32)
    return Candidates(none, none[:, 0], none)


def _scales(sums: integral.Sums, settings: blocks.Faces) -> list[float]:
    scale, scales = CELL / settings.min_face, []
    side = (min(sums.shape[:2]) - 1) * scale
    while side >= CELL:
        scales.append(scale)
        scale, side = scale * settings.factor, side * settings.factor
    return scales


def _clipped(boxes: Boxes, sums: integral.Sums) -> Int64[np.ndarray, "n 4"]:
    # boxes count pixels from 1, up to and including the last
    low = np.maximum(np.trunc(boxes[:, :2]), 1) - 1
    high = np.minimum(np.trunc(boxes[:, 2:]), (sums.shape[1] - 1, sums.shape[0] - 1))
    return np.hstack([low, high]).astype(np.int64)


def _inside(boxes: Boxes, sums: integral.Sums) -> Bool[np.ndarray, "n"]:
    x1, y1, x2, y2 = _clipped(boxes, sums).T
    inside: np.ndarray = (x2 > x1) & (y2 > y1)
    return inside


def _squared(boxes: Boxes) -> Boxes:
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True)
    low = boxes[:, :2] + size * np.float32(0.5) - side * np.float32(0.5)
    return np.hstack([low, low + side])


def _shifted(found: Candidates) -> Boxes:
    size = found.boxes[:, 2:] - found.boxes[:, :2] + 1
    boxes: np.ndarray = found.boxes + found.shifts * np.tile(size, 2)
    return boxes


def _keep_uncovered(found: Candidates, overlap: float) -> list[int]:
    """Non-maximum suppression by intersection over the smaller box: no face inside a face."""
    low, high = found.boxes[:, :2], found.boxes[:, 2:]
    area = np.prod(high - low + 1, axis=1)
    left = np.argsort(found.scores, kind="stable")[::-1]  # of equal scores the last, as facenet
    kept: list[int] = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        shared = np.minimum(high[best], high[left]) - np.maximum(low[best], low[left]) + 1
        covered = np.prod(np.maximum(shared, 0), axis=1) / np.minimum(area[best], area[left])
        left = left[covered <= overlap]
    return kept
