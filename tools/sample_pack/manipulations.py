"""The manipulations: each changes the face of a take, before the camera sees it.

They are operations of the kind their namesakes use, without a trained network. What they leave
behind (bottleneck, seams, frozen textures, up-sampling patterns) is real; how people look is not.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from tools.sample_pack.kit import Array
from tools.sample_pack.landmarks import anchors, hull, oval, soft_mask
from tools.sample_pack.noise import Float
from tools.sample_pack.render import project_expression, render
from tools.sample_pack.takes import Take
from tools.sample_pack.textures import add_checkerboard, fit_blocks, rebuild_blocks
from tools.sample_pack.warps import match_colour, move, piecewise_warp, similarity, squeeze

MOUTH_UNITS = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthPucker")


class Fake(NamedTuple):
    """Manipulated frames and what was changed."""

    frames: list[Float]
    masks: list[Float]
    """[h, w, 1] weight of the new pixels, 0..1."""


class SwapQuality(NamedTuple):
    """How good a face swap by bottleneck is."""

    side: int
    """Pixels across the face that pass through the bottleneck."""
    cast: float
    """Largest colour error per channel, grey levels."""
    match: float
    """Share of the colour difference that is corrected."""
    feather: float
    """Width of the seam as a share of the face."""
    jitter: float
    """Misalignment from frame to frame, pixels."""


Manipulation = Callable[[Take, Take, np.random.Generator], Fake]


def _blend(below: Float, above: Float, mask: Float) -> Float:
    return np.asarray(below + (above - below) * mask, np.float32)


def _wander(rng: np.random.Generator, frames: int, size: float) -> Array:
    """[frames, 2] a slowly wandering alignment error in pixels."""
    walk = np.zeros((frames, 2))
    for i in range(1, frames):
        walk[i] = 0.7 * walk[i - 1] + size * rng.standard_normal(2)
    return walk


def bottleneck_swap(
    target: Take, donor: Take, rng: np.random.Generator, quality: SwapQuality
) -> Fake:
    """The donor's face in the target's pose and expression, through a low-resolution bottleneck.

    Rendering the donor with the target's performance stands in for encoder A and decoder B.
    """
    cast = rng.uniform(-quality.cast, quality.cast, 3).astype(np.float32)
    walk = _wander(rng, len(target.frames), quality.jitter)
    fake = Fake([], [])
    for i, frame in enumerate(target.frames):
        behind = np.full_like(frame, 110)
        picture = render(donor.person, target.poses[i], target.light, behind, detail=1)
        matrix = similarity(anchors(picture.points), anchors(target.points[i]) + walk[i])
        outline = hull(target.points[i][oval()], 0.98)
        theirs = hull(picture.points[oval()], 0.98) @ matrix[:, :2].T + matrix[:, 2]
        face = squeeze(move(picture.rgb, matrix), outline, quality.side)
        feather = quality.feather * float(np.ptp(outline[:, 0]))
        mask = soft_mask(outline, frame.shape, feather) * soft_mask(theirs, frame.shape, feather)
        face = match_colour(face, frame, mask, quality.match) + cast
        fake.frames.append(_blend(frame, face, mask))
        fake.masks.append(mask)
    return fake


def deepfakes(target: Take, donor: Take, rng: np.random.Generator) -> Fake:
    """FaceForensics++ Deepfakes: 56-pixel face, colour error, visible misalignment."""
    return bottleneck_swap(target, donor, rng, SwapQuality(56, 9, 0.75, 0.035, 0.5))


def celeb_synthesis(target: Take, donor: Take, rng: np.random.Generator) -> Fake:
    """Celeb-DF: 120-pixel face, colour matched, wide soft seam, hardly any jitter."""
    return bottleneck_swap(target, donor, rng, SwapQuality(120, 2, 0.97, 0.06, 0.12))


def mobile_swap(target: Take, donor: Take, rng: np.random.Generator) -> Fake:
    """DFDC: a swap of middling quality."""
    return bottleneck_swap(target, donor, rng, SwapQuality(76, 6, 0.9, 0.045, 0.3))


def faceswap(target: Take, donor: Take, rng: np.random.Generator) -> Fake:
    """FaceSwap: one still of the donor on the target's triangles, hard edge, trembling points."""
    still, source = donor.frames[0], donor.points[0][oval()]
    walk = _wander(rng, len(target.frames), 0.5)
    fake = Fake([], [])
    for i, frame in enumerate(target.frames):
        place = target.points[i][oval()]
        place = place + walk[i] + 0.5 * rng.standard_normal(place.shape)
        face = piecewise_warp(still, source, place, frame.shape)
        mask = soft_mask(hull(place, 0.97), frame.shape, 1.2)
        fake.frames.append(_blend(frame, match_colour(face, frame, mask, 0.65), mask))
        fake.masks.append(mask)
    return fake


def face2face(target: Take, donor: Take, rng: np.random.Generator) -> Fake:
    """Face2Face: the donor's expression on the target's own face by a dense 3D-guided warp."""
    walk = _wander(rng, len(target.frames), 0.25)
    fake = Fake([], [])
    for i, frame in enumerate(target.frames):
        pose, face = target.poses[i], donor.poses[i % len(donor.poses)].face
        size = (frame.shape[1], frame.shape[0])
        after = project_expression(target.person, pose, face, size)[oval(1.1)] + walk[i]
        before = target.points[i][oval(1.1)]
        ring = hull(before, 1.22)
        source, place = np.concatenate([before, ring]), np.concatenate([after, ring])
        warped = piecewise_warp(frame, source, place, frame.shape)
        mask = soft_mask(hull(before, 1.15), frame.shape, 4)
        soft = np.asarray(cv2.GaussianBlur(warped, (0, 0), 0.8), np.float32)
        fake.frames.append(_blend(frame, soft, mask))
        fake.masks.append(mask)
    return fake


def neural_textures(target: Take, donor: Take, rng: np.random.Generator) -> Fake:
    """NeuralTextures: the mouth re-rendered from a few texture components, up-sampled by 2."""
    some = range(0, len(target.frames), 8)
    basis = fit_blocks([_mouth(target.frames[i], target.points[i]) for i in some])
    walk = _wander(rng, len(target.frames), 0.15)
    fake = Fake([], [])
    for i, frame in enumerate(target.frames):
        theirs = donor.poses[i % len(donor.poses)].face
        face = {**target.poses[i].face, **{unit: theirs[unit] for unit in MOUTH_UNITS}}
        size = (frame.shape[1], frame.shape[0])
        after = project_expression(target.person, target.poses[i], face, size) + walk[i]
        before = target.points[i]
        near = oval(1.15, mouth=True)
        ring = hull(before[near], 1.3)
        source, place = np.concatenate([before[near], ring]), np.concatenate([after[near], ring])
        warped = piecewise_warp(frame, source, place, frame.shape)
        rendered = add_checkerboard(rebuild_blocks(warped, ring, basis), ring)
        mask = soft_mask(hull(before[near], 1.2), frame.shape, 3)
        fake.frames.append(_blend(frame, rendered, mask))
        fake.masks.append(mask)
    return fake


def _mouth(frame: Float, points: Array) -> Float:
    """The rectangle around the mouth region."""
    outline = points[oval(1.15, mouth=True)]
    left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
    right, bottom = np.ceil(outline.max(axis=0)).astype(int)
    return frame[top:bottom, left:right]


MANIPULATIONS: dict[str, Manipulation] = {
    "Deepfakes": deepfakes,
    "Face2Face": face2face,
    "FaceSwap": faceswap,
    "NeuralTextures": neural_textures,
    "CelebSynthesis": celeb_synthesis,
    "MobileSwap": mobile_swap,
}
