"""The validation people, as the pipeline would see their clips."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tools.demo_weights import views
from tools.demo_weights.couples import METHODS, PEOPLE


class Validation(NamedTuple):
    """Crops of every validation clip, a frame after the other."""

    crops: NDArray[np.uint8]
    """[clip * frames, 256, 256, 3]."""
    method: NDArray[np.int64]
    """[clip] index into METHODS; 0 is real."""
    frames: int
    """Of each clip."""

    def pooled(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """[clip] mean score."""
        return np.asarray(scores.reshape(len(self.method), self.frames).mean(axis=1))


def read(folder: Path, frames: int) -> Validation:
    """So many frames of every validation clip, after camera and H.264."""
    crops = []
    paths = views.couples(folder, "validation")
    for path in paths:
        stored = np.load(path, mmap_mode="r")[:, :, views.FILMED, :frames]
        crops.append(views.centre(stored).reshape(-1, 256, 256, 3))
    method = np.tile(np.arange(len(METHODS)), len(paths) * PEOPLE)
    return Validation(np.concatenate(crops), method, frames)


def areas(pooled: NDArray[np.float32], method: NDArray[np.int64]) -> dict[str, float]:
    """AUC of all fakes and of each method against the real clips."""
    found = {"all": float(roc_auc_score(method > 0, pooled))}
    for index, name in enumerate(METHODS[1:], start=1):
        pick = (method == 0) | (method == index)
        found[name] = float(roc_auc_score(method[pick] > 0, pooled[pick]))
    return found


def told(found: dict[str, float]) -> str:
    """AUCs in one line."""
    return " ".join(f"{name} {value:.3f}" for name, value in found.items())
