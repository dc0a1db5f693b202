"""Invented people: shape, skin, hair and clothes drawn from the stream of a name."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.sample_pack.kit import BODY, HAIR, Array, HeadKit, head_kit
from tools.sample_pack.noise import Float, cloud, smooth_step
from tools.sample_pack.streams import stream

Sex = Literal["female", "male"]

SKIN = {"caucasian": (226, 182, 158), "asian": (222, 178, 142), "african": (132, 88, 64)}
DARK_HAIR = ((30, 24, 22), (46, 32, 26), (70, 46, 32))
FAIR_HAIR = ((108, 74, 46), (172, 132, 84), (126, 58, 34))
LIP_TINT = {"female": (0.90, 0.62, 0.62), "male": (0.88, 0.72, 0.70)}
GREY_HAIR = ((120, 116, 114), (186, 182, 178))
DARK_EYES, FAIR_EYES = (
    ((66, 42, 26), (92, 60, 34)),
    ((70, 104, 138), (84, 112, 84), (110, 120, 128)),
)
FACE_UNITS_AT_REST = {
    "eyeWideLeft": 0.35,
    "eyeWideRight": 0.35,
    "browDownLeft": 0.3,
    "browDownRight": 0.3,
}
SHAPE_SPREAD, SHAPE_LIMIT = 0.36, 0.75
CURTAIN_ROWS, CURTAIN_COLUMNS = 18, 28


class Look(NamedTuple):
    """What a person is known by at a glance."""

    race: str
    sex: Sex
    age: float
    """0 young .. 1 old."""
    long_hair: bool


class Person(NamedTuple):
    """One invented person: a mesh and its colours (RGB 0..255)."""

    name: str
    look: Look
    vertices: Array
    """[v + c, 3] decimetres at rest; the last c are the curtain of long hair."""
    skin: Float
    lips: Float
    hair: Float
    eyes: Float
    cloth: Float
    stripes: float
    hairline: float
    """Height of the hairline over the forehead in rest coordinates, decimetres."""
    brow: float
    """Half thickness of the eyebrows, decimetres."""
    beard: float
    """0 none .. 0.6 full."""
    mottle: Float
    """[512, 512] coarse skin noise, unit variance, over the UV square."""
    pores: Float
    """[512, 512] fine skin noise, unit variance."""


def scalp(points: Float, hairline: float) -> Float:
    """Signed distance [p] in decimetres above the hairline, for rest points [p, 3]."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    front = y - hairline + 0.10 * smooth_step(0.1, 0.5, x) + 0.42 * smooth_step(0.52, 0.74, x)
    side = np.minimum(y - 7.42, 0.62 - z)
    back = np.minimum(y - 6.62, 0.12 - z)
    return np.asarray(np.maximum(front, np.maximum(side, back)))


def make_person(name: str, look: Look) -> Person:
    """The person of that name; equal names and looks give equal people."""
    rng = stream("person", name)
    kit = head_kit()
    body = _body(rng, kit, look)
    receding = 0.12 * look.age if look.sex == "male" else 0.0
    hairline = 7.93 + 0.05 * rng.standard_normal() + receding
    body = _add_hair_volume(body, kit, hairline, rng.uniform(0.05, 0.16))
    tint = np.array([1, 1 + 0.03 * rng.standard_normal(), 1 + 0.05 * rng.standard_normal()])
    skin = np.clip(np.array(SKIN[look.race]) * rng.uniform(0.84, 1.08) * tint, 50, 240)
    fair = look.race == "caucasian"
    hairs = GREY_HAIR if look.age > 0.55 else DARK_HAIR + FAIR_HAIR * fair
    hair = np.array(hairs[rng.integers(len(hairs))])
    eyes = DARK_EYES + FAIR_EYES * fair
    return Person(
        name=name,
        look=look,
        vertices=np.concatenate([body, _curtain(body, kit, rng)]),
        skin=skin.astype(np.float32),
        lips=(skin * LIP_TINT[look.sex]).astype(np.float32),
        hair=hair.astype(np.float32),
        eyes=np.array(eyes[rng.integers(len(eyes))], np.float32),
        cloth=rng.integers(30, 210, 3).astype(np.float32),
        stripes=float(rng.choice([0.0, 0.0, 0.25])),
        hairline=float(hairline),
        brow=float(rng.uniform(0.026, 0.046) * (0.8 if look.sex == "female" else 1.1)),
        beard=float(rng.choice([0.0, 0.12, 0.5])) if look.sex == "male" else 0.0,
        mottle=cloud(rng, (4, 8, 16, 32, 64)),
        pores=cloud(rng, (64, 128, 256)),
    )


def _body(rng: np.random.Generator, kit: HeadKit, look: Look) -> Array:
    """[v, 3] rest shape: race, sex, age and a random mixture of the feature targets."""
    shape = kit.vertices.copy()
    for age, weight in (("young", 1 - look.age), ("old", look.age)):
        shape += weight * kit.targets[f"race/{look.race}-{look.sex}-{age}"]
    stems = sorted(name.removesuffix("-incr") for name in kit.targets if name.endswith("-incr"))
    for stem in stems:
        if stem.startswith("shape/r-") or "age" in stem or "cleft" in stem:
            continue
        weight = float(np.clip(rng.standard_normal() * SHAPE_SPREAD, -SHAPE_LIMIT, SHAPE_LIMIT))
        ending = "-incr" if weight > 0 else "-decr"
        for side in sorted({stem, stem.replace("shape/l-", "shape/r-")}):
            shape += abs(weight) * kit.targets.get(side + ending, 0.0)
    for unit, weight in FACE_UNITS_AT_REST.items():
        shape += weight * kit.targets[f"face/{unit}"]
    return shape


def _add_hair_volume(body: Array, kit: HeadKit, hairline: float, thickness: float) -> Array:
    """Push the scalp outwards, so that hair has a silhouette of its own."""
    of_body = np.zeros(len(body), bool)
    of_body[kit.triangles[kit.part == BODY]] = True
    rise = smooth_step(0.02, 0.30, scalp(kit.vertices, hairline)) * of_body
    away = kit.vertices - np.array([0, 7.35, 0.2])
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    ears = (np.abs(kit.vertices[:, 0]) > 0.80) & (kit.vertices[:, 1] < 7.5)
    return np.asarray(body + thickness * (rise * ~ears)[:, None] * away)


def _curtain(body: Array, kit: HeadKit, rng: np.random.Generator) -> Array:
    """[c, 3] grid of long hair hanging behind the face, from crown to shoulder."""
    head = body[(kit.vertices[:, 1] > 7.4) & (kit.vertices[:, 1] < 8.2)]
    half_width, back, middle = np.abs(head[:, 0]).max() + 0.05, head[:, 2].min() - 0.08, 0.25
    top, bottom = body[:, 1].max() - 0.12, rng.uniform(5.35, 6.15)
    reach = rng.uniform(1.75, 1.95)
    angle, fall = np.meshgrid(
        np.linspace(-reach, reach, CURTAIN_COLUMNS), np.linspace(0, 1, CURTAIN_ROWS)
    )
    width = np.sqrt(np.clip(1 - (1 - np.minimum(fall / 0.42, 1)) ** 2, 0, 1)) * (1 + 0.10 * fall)
    wave = 1 + 0.02 * np.sin(angle * rng.uniform(5, 9) + 3 * fall)
    x = half_width * width * wave * np.sin(angle)
    z = middle - (middle - back) * width * wave * np.cos(angle)
    return np.stack([x, top + (bottom - top) * fall, z], axis=-1).reshape(-1, 3)


def curtain_triangles(first: int) -> NDArray[np.int64]:
    """[n, 3] triangles of the curtain grid whose first vertex has index `first`."""
    grid = first + np.arange(CURTAIN_ROWS * CURTAIN_COLUMNS).reshape(CURTAIN_ROWS, -1)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
    halves = [np.stack([a, b, c], -1), np.stack([b, d, c], -1)]
    return np.concatenate([half.reshape(-1, 3) for half in halves])


class Mesh(NamedTuple):
    """Topology shared by all people: the kit's triangles and the hair curtain's."""

    rest: Array
    triangles: NDArray[np.int64]
    part: NDArray[np.int64]
    corner_uv: NDArray[np.float32]
    """[t, 3, 2] UV of each triangle's corners."""


def mesh_of(person: Person) -> Mesh:
    """The topology with rest positions; the curtain's rest position is where it hangs."""
    kit = head_kit()
    count = len(kit.vertices)
    hanging = curtain_triangles(count)
    parts = np.concatenate([kit.part, np.full(len(hanging), HAIR)])
    uv = kit.uv[kit.triangle_uv].astype(np.float32)
    rest = np.concatenate([kit.vertices, person.vertices[count:]])
    hair_uv = (rest[hanging][..., :2] / 8 % 1).astype(np.float32)
    return Mesh(
        rest, np.concatenate([kit.triangles, hanging]), parts, np.concatenate([uv, hair_uv])
    )
