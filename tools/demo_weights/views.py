"""Batches: views of stored crops, real and fake in pairs that share everything but the fake."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deepbench.media.align import ALIGNED_SIZE
from tools.demo_weights.couples import METHODS, PEOPLE

Crop = NDArray[np.uint8]

# How often each method is drawn: those that are hard to see more often
SHARES = {
    "Deepfakes": 0.12,
    "Face2Face": 0.22,
    "FaceSwap": 0.22,
    "NeuralTextures": 0.22,
    "CelebSynthesis": 0.13,
    "MobileSwap": 0.09,
}
RECORDED = 0.6  # share of pairs that went through the pack's camera and H.264
CLEAN, FILMED = 0, 1


class Batch(NamedTuple):
    """Crops as the pipeline would give them."""

    crops: NDArray[np.uint8]
    """[n, 256, 256, 3]."""
    fake: NDArray[np.bool_]


class Wear(NamedTuple):
    """What happens to a picture after it was taken; one draw for a real crop and its fake."""

    scale: float
    blur: float
    gain: NDArray[np.float32]
    noise: float
    grain: float
    quality: int
    """Of JPEG; 100: none."""


def couples(folder: Path, part: str) -> list[Path]:
    """The rendered couples of a part, of which there must be some."""
    found = sorted((folder / part).glob("*.npy"))
    if not found:
        msg = f"no crops in {folder / part}: run python -m tools.demo_weights.render {folder}"
        raise FileNotFoundError(msg)
    return found


def draw(paths: list[Path], pairs: int, rng: np.random.Generator, hardness: float = 1.0) -> Batch:
    """Pairs of a real crop and one of its fakes in the same view and wear.

    At hardness 0 all are clean, at 1 as many are recorded and worn as the laws above say.
    """
    crops = []
    for _ in range(pairs):
        stored = np.load(paths[rng.integers(len(paths))], mmap_mode="r")
        person, frame = rng.integers(PEOPLE), rng.integers(stored.shape[3])
        method = 1 + rng.choice(len(METHODS) - 1, p=[SHARES[name] for name in METHODS[1:]])
        kind = FILMED if rng.random() < RECORDED * hardness else CLEAN
        matrix, mirrored = _view(rng), rng.random() < 0.5
        wear = _wear(rng, hardness * (1.0 if kind == CLEAN else 0.25))
        for index in (0, method):
            crop = _seen(stored[person, index, kind, frame], matrix)
            crops.append(worn(crop[:, ::-1] if mirrored else crop, wear, rng))
    return Batch(np.stack(crops), np.tile([False, True], pairs))


def centre(stored: Crop) -> Crop:
    """[..., 256, 256, 3] what the pipeline cuts out of stored crops."""
    border = (stored.shape[-2] - ALIGNED_SIZE) // 2
    return stored[..., border:-border, border:-border, :]


def _view(rng: np.random.Generator) -> NDArray[np.float64]:
    """[2, 3] from a stored crop to a view: MTCNN's points tremble."""
    turn, scale = 0.03 * rng.standard_normal(), rng.uniform(0.93, 1.08)
    middle = rng.uniform(-8, 8, 2) + ALIGNED_SIZE / 2
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    matrix = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([matrix, middle - matrix @ np.full(2, 144.0)])


def _seen(stored: Crop, matrix: NDArray[np.float64]) -> Crop:
    size = (ALIGNED_SIZE, ALIGNED_SIZE)
    view = cv2.warpAffine(np.ascontiguousarray(stored), matrix, size, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(view, np.uint8)


def _wear(rng: np.random.Generator, often: float) -> Wear:
    return Wear(
        scale=float(rng.uniform(0.55, 1)) if rng.random() < 0.6 * often else 1.0,
        blur=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.5 * often else 0.0,
        gain=(1 + 0.07 * rng.standard_normal() + 0.02 * rng.standard_normal(3)).astype(np.float32),
        noise=float(rng.uniform(0.5, 3.5)) if rng.random() < 0.7 * often else 0.0,
        grain=float(rng.uniform(0.3, 0.9)),
        quality=int(rng.integers(60, 97)) if rng.random() < 0.8 * often else 100,
    )


def worn(crop: Crop, wear: Wear, rng: np.random.Generator) -> Crop:
    """The crop after its wear; noise is drawn anew for each crop."""
    side = crop.shape[0]
    picture = crop.astype(np.float32) * wear.gain
    if wear.scale < 1:
        small = cv2.resize(picture, None, None, wear.scale, wear.scale, cv2.INTER_AREA)
        picture = np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR))
    if wear.blur > 0:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), wear.blur))
    if wear.noise > 0:
        white = rng.standard_normal(picture.shape, dtype=np.float32)
        grain = np.asarray(cv2.GaussianBlur(white, (0, 0), wear.grain))
        picture = picture + wear.noise * grain / grain.std()
    result = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    if wear.quality < 100:
        # the channels' order matters to JPEG's colours
        flags = [cv2.IMWRITE_JPEG_QUALITY, wear.quality]
        _, data = cv2.imencode(".jpg", cv2.cvtColor(result, cv2.COLOR_RGB2BGR), flags)
        result = np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))
    return np.asarray(result, np.uint8)
