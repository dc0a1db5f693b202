"""A detector that looks at texture alone, and crops with texture in one known place."""

import cv2
import numpy as np
import torch
from torch import nn

from deepbench.core.plugins import Preprocessing
from deepbench.detectors.network import Network

CELL = 32  # pixels
ROWS, COLUMNS = slice(64, 128), slice(160, 224)  # of the patch, in a crop of 256 pixels


class Texture(nn.Module):
    """Says fake as far as neighbouring pixels differ, in whichever cell they do."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([12.0]), requires_grad=False)
        self.places = nn.AvgPool2d(CELL)

    def forward(self, x):
        differ = (x[..., 1:] - x[..., :-1]).abs().mean(1, keepdim=True)
        cells = self.places(nn.functional.pad(differ, (0, 1)))
        fake = self.scale * cells.flatten(1).sum(dim=1) - 3
        return torch.stack([-fake / 2, fake / 2], dim=1)


def network():
    plain = Preprocessing(256, (0.0,) * 3, (1.0,) * 3)
    return Network(Texture().eval(), plain, torch.device("cpu"), torch.float32, "places")


def smooth():
    """A crop without texture: a slope of grey, which survives a blur."""
    grey = np.linspace(60, 180, 256).astype(np.uint8)
    return np.repeat(np.tile(grey[:, None], (1, 256))[..., None], 3, axis=2)


def patched(seed=0):
    """The same with noise in the patch."""
    crop = smooth()
    noise = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    crop[ROWS, COLUMNS] = noise
    return crop


def mask():
    found = np.zeros((256, 256), bool)
    found[ROWS, COLUMNS] = True
    return found


def png(crop):
    return cv2.imencode(".png", crop[..., ::-1])[1].tobytes()
