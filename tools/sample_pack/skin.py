"""Colours: what the surface of a person looks like before light falls on it."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.sample_pack.kit import BODY, EYE_LEFT, EYE_RIGHT, HAIR, TEETH_LOW, TEETH_UP, head_kit
from tools.sample_pack.noise import Float, smooth_step
from tools.sample_pack.people import Person, scalp

EYE_CENTRE = (0.308, 7.284)
WHITE_OF_EYE, TOOTH, MOUTH = (226, 221, 216), (214, 206, 190), (92, 34, 32)


class Surface(NamedTuple):
    """What is seen at p pixels."""

    rest: Float
    """[p, 3] position on the neutral mesh, decimetres."""
    uv: Float
    """[p, 2]."""
    part: NDArray[np.int64]
    """[p]."""


class Paint(NamedTuple):
    """Colour and shine at p pixels."""

    albedo: Float
    """[p, 3] RGB 0..255."""
    gloss: Float
    """[p] strength of the highlight."""
    shade: Float
    """[p] share of ambient light that gets there (mouth, neck)."""


def paint(person: Person, surface: Surface) -> Paint:
    """Skin, brows, lips, beard, hair, eyes, teeth and cloth at the visible points."""
    x, y, z = np.abs(surface.rest[:, 0]), surface.rest[:, 1], surface.rest[:, 2]
    u, v = surface.uv[:, 0], surface.uv[:, 1]
    mottle = sample(person.mottle, u * 2 % 1, v * 2 % 1)
    pores = sample(person.pores, u * 3 % 1, v * 3 % 1)
    body = surface.part == BODY
    albedo = _skin(person, x, y, z, mottle, pores)
    lips = sample(head_kit().lips, u, v) * body
    albedo = _mix(albedo, person.lips * (1 + 0.04 * pores)[:, None], lips)
    albedo = _brows(person, albedo, surface.rest)
    stubble = person.beard * smooth_step(6.92, 6.62, y) * smooth_step(0.25, 0.8, z) * (1 - lips)
    stubble *= (0.85 + 0.1 * np.clip(pores, -1, 1)) * np.maximum(
        smooth_step(6.3, 6.55, y), smooth_step(0.95, 1.25, z)
    )
    albedo = _mix(albedo, np.broadcast_to(person.hair * 0.9, albedo.shape), np.clip(stubble, 0, 1))
    strand = _strands(surface.rest, mottle, pores)
    hair = smooth_step(-0.05, 0.06, scalp(surface.rest, person.hairline) + 0.02 * mottle) * body
    hair *= ~((x > 0.84) & (y < 7.45) & (z > -0.2))
    cavity = sample(head_kit().inside_mouth, u, v) * body
    hair = hair * (1 - cavity)
    hair[surface.part == HAIR] = 1
    albedo = _mix(albedo, person.hair * strand[:, None], hair)
    albedo = _mix(albedo, np.broadcast_to(np.array(MOUTH, np.float32), albedo.shape), 0.85 * cavity)
    cloth = body & (y < 5.62 - 0.30 * np.cos(np.clip(x, 0, 2) * 1.5))
    bands = 1 + person.stripes * np.sign(np.sin(y[cloth] * 40))
    albedo[cloth] = person.cloth * (bands * (1 + 0.05 * pores[cloth]))[:, None]
    gloss = 0.09 * (1 + 0.15 * pores) * (1 - 0.55 * hair) * np.where(cloth, 0.1, 1)
    gloss = (gloss + 0.06 * lips) * (1 - 0.8 * cavity)
    _eyes_and_teeth(person, surface, albedo, gloss)
    shade = 1 - 0.35 * np.exp(-(((y - 6.1) / 0.25) ** 2)) * (z < 1.25) * body
    shade *= (1 - 0.15 * smooth_step(6.5, 6.1, y) * body) * (1 - 0.5 * cavity)
    return Paint(albedo, gloss.astype(np.float32), shade.astype(np.float32))


def sample(texture: Float, u: Float, v: Float) -> Float:
    """Bilinear look-up [p] in a square texture at UV points, v up."""
    side, count = texture.shape[0], len(u)
    # cv2.remap takes maps of at most 32767 columns, hence the folding into rows.
    rows = -(-count // 1024)
    at = np.zeros((2, rows * 1024), np.float32)
    at[0, :count], at[1, :count] = u * side - 0.5, (1 - v) * side - 0.5
    folded = at.reshape(2, rows, 1024)
    found = cv2.remap(texture, folded[0], folded[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(found, np.float32).ravel()[:count]


def _mix(below: Float, above: Float, weight: Float) -> Float:
    return below + (above - below) * weight[:, None].astype(np.float32)


def _skin(person: Person, x: Float, y: Float, z: Float, mottle: Float, pores: Float) -> Float:
    """[p, 3] skin with flushed cheeks and nose and darker eye sockets."""
    tone = 1 + 0.016 * mottle + 0.016 * pores
    flush = 0.8 * np.exp(-((x - 0.55) ** 2 + (y - 6.98) ** 2) / 0.06)
    flush += 0.7 * np.exp(-(x**2 / 0.02 + (y - 6.95) ** 2 / 0.03)) * (z > 1.4)
    socket = np.exp(-((x - 0.31) ** 2 / 0.06 + (y - 7.32) ** 2 / 0.012))
    wrinkle = 0.05 * person.look.age * np.sin(y * 70 + 2 * mottle) * smooth_step(7.55, 7.7, y)
    tone = tone * (1 - (0.14 + 0.10 * person.look.age) * socket) * (1 + wrinkle)
    colour = person.skin * tone[:, None]
    return np.asarray(colour * (1 - flush[:, None] * np.array([0.0, 0.09, 0.08])), np.float32)


def _brows(person: Person, albedo: Float, rest: Float) -> Float:
    """Eyebrows: a tapering arc over each eye, with hairs."""
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    arc = 7.475 + 0.05 * smooth_step(0.1, 0.40, x) - 0.09 * smooth_step(0.42, 0.66, x)
    thickness = person.brow * np.maximum(1.2 - 0.9 * x, 0.3)
    hairs = 0.85 + 0.15 * np.sin(x * 160 + y * 60)
    weight = np.exp(-(((y - arc) / thickness) ** 2)) * hairs * 0.85 * (z > 0.8)
    weight *= smooth_step(0.09, 0.17, x) * smooth_step(0.66, 0.52, x)
    return _mix(albedo, np.broadcast_to(person.hair * 0.85, albedo.shape), weight)


def _strands(rest: Float, mottle: Float, pores: Float) -> Float:
    """[p] brightness of hair: fine irregular streaks from crown to tip."""
    angle = np.arctan2(rest[:, 0], 0.3 - rest[:, 2])
    wave = 0.25 * rest[:, 1] + 0.12 * mottle
    streaks = np.sin(angle * 60 + 9 * wave) + 0.6 * np.sin(angle * 131 + 23 * wave)
    return np.asarray(0.88 + 0.09 * streaks + 0.06 * pores, np.float32)


def _eyes_and_teeth(person: Person, surface: Surface, albedo: Float, gloss: Float) -> None:
    """Paint iris, pupil, white and teeth in place."""
    eye = (surface.part == EYE_LEFT) | (surface.part == EYE_RIGHT)
    x, y = np.abs(surface.rest[eye, 0]) - EYE_CENTRE[0], surface.rest[eye, 1] - EYE_CENTRE[1]
    radius = np.hypot(x, y)
    iris = person.eyes * (0.75 + 0.5 * smooth_step(0.03, 0.075, radius))[:, None]
    white = np.broadcast_to(np.array(WHITE_OF_EYE, np.float32), iris.shape)
    colour = _mix(white, iris.astype(np.float32), smooth_step(0.084, 0.074, radius))
    colour = _mix(colour, np.full_like(colour, 10), smooth_step(0.036, 0.029, radius))
    lid_shadow = 0.66 + 0.34 * smooth_step(0.10, -0.04, y)
    albedo[eye] = colour * lid_shadow[:, None]
    gloss[eye] = 0.9
    teeth = (surface.part == TEETH_UP) | (surface.part == TEETH_LOW)
    albedo[teeth] = np.array(TOOTH) * 0.8
