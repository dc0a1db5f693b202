"""How people move, what light falls on them and what stands behind them."""

from typing import NamedTuple

import cv2
import numpy as np

from tools.sample_pack.kit import Array
from tools.sample_pack.noise import Float, cloud
from tools.sample_pack.render import Light, Pose

FRAMES_PER_SECOND = 25
BLINK = (0.35, 0.9, 1.0, 0.8, 0.3)


class Stage(NamedTuple):
    """Where a person stands in the frame."""

    size: tuple[int, int]
    """Width and height in pixels, both even."""
    offset: tuple[float, float]
    """Mean place of the face, pixels right and down of the centre."""
    scale: float
    """See `Pose.scale`."""


def perform(rng: np.random.Generator, frames: int, stage: Stage) -> list[Pose]:
    """Somebody talking, looking about and blinking for that many frames."""
    time = np.arange(frames) / FRAMES_PER_SECOND
    yaw = rng.uniform(-0.22, 0.22) + _sway(rng, time, 0.14)
    pitch, roll = _sway(rng, time, 0.07), _sway(rng, time, 0.05)
    right = stage.offset[0] + rng.uniform(-12, 12) + _sway(rng, time, 7)
    down = stage.offset[1] + rng.uniform(-6, 8) + _sway(rng, time, 5)
    scale = stage.scale * rng.uniform(0.96, 1.06) * (1 + _sway(rng, time, 0.02))
    faces = _faces(rng, time)
    return [
        Pose(
            float(yaw[i]),
            float(pitch[i]),
            float(roll[i]),
            (float(right[i]), float(down[i])),
            float(scale[i]),
            faces[i],
        )
        for i in range(frames)
    ]


def _sway(rng: np.random.Generator, time: Array, size: float, pace: float = 1.0) -> Array:
    """Two slow waves of amplitude `size`; `pace` multiplies their speed."""
    slow, fast = rng.uniform(0.2, 0.7) * pace, rng.uniform(0.7, 1.4) * pace
    first = np.sin(2 * np.pi * (slow * time + rng.random()))
    second = np.sin(2 * np.pi * (fast * time + rng.random()))
    return np.asarray(size * (first + 0.4 * second) / 1.2)


def _faces(rng: np.random.Generator, time: Array) -> list[dict[str, float]]:
    """Expression per frame: speech, smile, brows and one blink a second or so."""
    talk = np.clip(0.10 + _sway(rng, time, 0.36, pace=2.5), 0, 1)
    smile = np.clip(rng.uniform(0, 0.4) + _sway(rng, time, 0.35), 0, 0.8)
    pucker = np.clip(_sway(rng, time, 0.5, pace=1.6), 0, 0.6) * (1 - smile)
    brows = np.clip(_sway(rng, time, 0.6), 0, 1)
    blink = np.zeros(len(time))
    if len(time) > len(BLINK):
        for start in rng.integers(0, len(time) - len(BLINK), size=max(1, len(time) // 30)):
            blink[start : start + len(BLINK)] = BLINK
    tracks = {
        "jawOpen": talk, "mouthSmileLeft": smile, "mouthSmileRight": smile, "mouthPucker": pucker,
        "browInnerUp": brows, "eyeBlinkLeft": blink, "eyeBlinkRight": blink,
    }  # fmt: skip
    return [{unit: float(track[i]) for unit, track in tracks.items()} for i in range(len(time))]


def make_light(rng: np.random.Generator) -> Light:
    """A key light from somewhere in front and above."""
    direction = (float(rng.uniform(-0.7, 0.7)), float(rng.uniform(0.2, 0.6)), 0.75)
    return Light(direction, float(rng.uniform(0.95, 1.08)), float(rng.uniform(0.28, 0.5)))


def background(
    style: np.random.Generator, layout: np.random.Generator, size: tuple[int, int]
) -> Float:
    """[h, w, 3] an out-of-focus room: `style` chooses the colours, `layout` the furniture."""
    width, height = size
    wall, corner = style.integers(70, 215, 3), style.integers(40, 190, 3)
    colours = style.integers(30, 225, (6, 3))
    focus = style.uniform(2.5, 7)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    slope = layout.uniform(-1, 1, 2)
    fade = np.clip(0.5 + 0.5 * (x / width * slope[0] + y / height * slope[1]), 0, 1)[..., None]
    room = (wall * (1 - fade) + corner * fade).astype(np.float32)
    for colour in colours:
        left, top = int(layout.integers(width)), int(layout.integers(height))
        right, bottom = left + int(layout.integers(30, 170)), top + int(layout.integers(40, 260))
        cv2.rectangle(room, (left, top), (right, bottom), [float(c) for c in colour], -1)
    room = 0.6 * room + 0.4 * room.mean(axis=2, keepdims=True)
    room = cv2.GaussianBlur(room, (0, 0), focus)
    plaster = cv2.resize(cloud(layout, (4, 8, 16, 32, 64, 128)), size)
    return np.asarray(np.clip(room * (1 + 0.05 * plaster[..., None]), 0, 255), np.float32)
