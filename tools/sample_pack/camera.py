"""The camera: what happens to every clip after it is rendered and, if a fake, manipulated.

Real and fake go through the same pipeline under one law, so nothing outside the manipulated region
tells them apart. A fake uses the camera of the clip it was made from, with its own noise draw.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.sample_pack.noise import Float
from tools.sample_pack.streams import stream


class Camera(NamedTuple):
    """Settings of one camera."""

    resolution: float
    """Linear share of the frame's pixels the sensor has: the frame is scaled down and up again."""
    blur: float
    """Standard deviation of the lens blur, pixels."""
    noise: float
    """Standard deviation of the sensor noise, grey levels."""
    grain: float
    """Standard deviation of the noise's own blur, pixels."""
    flicker: float
    """Standard deviation of the exposure from frame to frame."""
    crf: int
    """H.264 constant rate factor where the data set does not fix it."""
    jpeg_quality: int


def make_camera(rng: np.random.Generator) -> Camera:
    """Draw a camera; the law is the same for real and fake clips of every data set."""
    return Camera(
        resolution=float(rng.uniform(0.62, 1.0)),
        blur=float(rng.uniform(0.3, 0.8)),
        noise=float(rng.uniform(0.8, 2.6)),
        grain=float(rng.uniform(0.4, 0.8)),
        flicker=float(rng.uniform(0.0, 0.012)),
        crf=int(rng.integers(22, 30)),
        jpeg_quality=int(rng.integers(78, 95)),
    )


def exposures(camera: Camera, rng: np.random.Generator, frames: int) -> list[float]:
    """Gain of each frame. It belongs to the recording, so a fake has its original's."""
    return [float(1 + camera.flicker * step) for step in rng.standard_normal(frames)]


def shoot(
    frame: Float, camera: Camera, exposure: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """One clean frame [h, w, 3] 0..255 as the camera delivers it."""
    height, width = frame.shape[:2]
    small = (round(width * camera.resolution), round(height * camera.resolution))
    seen = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
    seen = exposure * cv2.GaussianBlur(seen, (0, 0), camera.blur * camera.resolution)
    white = rng.standard_normal(seen.shape, dtype=np.float32)
    noise = np.asarray(cv2.GaussianBlur(white, (0, 0), camera.grain))
    noisy = (seen + camera.noise * noise / noise.std()).astype(np.float32)
    full = cv2.resize(noisy, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(np.round(full), 0, 255), np.uint8)


def record(frames: list[Float], style: str, take: str, noise: str) -> list[NDArray[np.uint8]]:
    """All frames by the camera of a style; `take` names the exposure, `noise` the noise draw."""
    camera = make_camera(stream("camera", style))
    gains = exposures(camera, stream("exposure", take), len(frames))
    rng = stream("noise", noise)
    return [shoot(frame, camera, gain, rng) for frame, gain in zip(frames, gains, strict=True)]
