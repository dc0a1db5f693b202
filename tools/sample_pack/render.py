"""A small rasteriser: one person, one pose, one light -> pixels and projected vertices."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.sample_pack.kit import EYE_LEFT, EYE_RIGHT, HAIR, Array, head_kit
from tools.sample_pack.noise import Float, smooth_step
from tools.sample_pack.people import Mesh, Person, mesh_of
from tools.sample_pack.skin import Paint, Surface, paint

NECK = np.array([0.0, 6.3, 0.2])
CAMERA_Z, FOCAL = 16.0, 4.3
CURVE = 2.2
FILL = np.array([0.7, 0.1, 0.7])


class Pose(NamedTuple):
    """Head pose and expression in one frame."""

    yaw: float
    """Radians, as pitch and roll."""
    pitch: float
    roll: float
    shift: tuple[float, float]
    """Pixels right and down of the frame's centre."""
    scale: float
    """1 puts about 97 px on a decimetre in a frame whose short side is 360 px."""
    face: dict[str, float]
    """ARKit unit -> weight 0..1."""


class Light(NamedTuple):
    """Key light."""

    direction: tuple[float, float, float]
    warmth: float
    """Red over blue of the key light, 1 = neutral."""
    fill: float
    """Strength of ambient light, about 0.2..0.5."""


class Picture(NamedTuple):
    """A rendered frame."""

    rgb: Float
    """[h, w, 3] 0..255."""
    points: Array
    """[v, 2] pixel position of every mesh vertex."""


def render(person: Person, pose: Pose, light: Light, background: Float, detail: int = 2) -> Picture:
    """Draw the person over the background, at `detail` times the size and averaged down."""
    height, width = background.shape[:2]
    mesh = mesh_of(person)
    vertices = posed(person, pose)
    points = project(vertices, pose, (width, height), _eye_level(person))
    canvas = cv2.resize(background, (width * detail, height * detail))
    ids = _visible(mesh, vertices, points * detail, canvas.shape[:2], long=person.look.long_hair)
    rows, columns = np.nonzero(ids >= 0)
    triangle = ids[rows, columns]
    weights = _barycentric(points[mesh.triangles[triangle]] * detail, columns, rows)
    surface = Surface(
        _blend(mesh.rest.astype(np.float32)[mesh.triangles[triangle]], weights),
        _blend(mesh.corner_uv[triangle], weights),
        mesh.part[triangle],
    )
    normals = _blend(_vertex_normals(vertices, mesh.triangles)[mesh.triangles[triangle]], weights)
    canvas[rows, columns] = _lit(paint(person, surface), normals, surface.part, light)
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return Picture(np.asarray(small, np.float32), points)


def posed(person: Person, pose: Pose) -> Array:
    """[v, 3] vertices with expression and head rotation; the shoulders stay."""
    kit = head_kit()
    count = len(kit.vertices)
    shape = person.vertices.copy()
    for unit, weight in pose.face.items():
        shape[:count] += weight * kit.targets[f"face/{unit}"]
    rest_y = np.concatenate([kit.vertices[:, 1], person.vertices[count:, 1]])
    # Long hair hangs from the head: it turns with it further down than the neck does.
    turned = smooth_step(5.4, 6.6, rest_y)
    turned[count:] = smooth_step(4.6, 6.2, rest_y[count:])
    rotated = (shape - NECK) @ _rotation(pose).T + NECK
    return np.asarray(shape + (rotated - shape) * turned[:, None])


def project(vertices: Array, pose: Pose, size: tuple[int, int], eye_level: float) -> Array:
    """[v, 2] pixel positions in a frame of `size` (width, height)."""
    focal = FOCAL * min(size) * pose.scale
    depth = CAMERA_Z - vertices[:, 2]
    x = size[0] / 2 + pose.shift[0] + focal * vertices[:, 0] / depth
    y = size[1] / 2 + pose.shift[1] - focal * (vertices[:, 1] - eye_level) / depth
    return np.stack([x, y], axis=1)


def project_expression(
    person: Person, pose: Pose, face: dict[str, float], size: tuple[int, int]
) -> Array:
    """[v, 2] where the vertices would be seen with another expression in the same pose."""
    other = pose._replace(face=face)
    return project(posed(person, other), other, size, _eye_level(person))


def _eye_level(person: Person) -> float:
    """Height the camera looks at: a little below the person's eyes."""
    kit = head_kit()
    eyes = np.unique(kit.triangles[(kit.part == EYE_LEFT) | (kit.part == EYE_RIGHT)])
    return float(person.vertices[eyes, 1].mean()) - 0.12


def _rotation(pose: Pose) -> Array:
    cy, sy, cp, sp = np.cos(pose.yaw), np.sin(pose.yaw), np.cos(pose.pitch), np.sin(pose.pitch)
    cr, sr = np.cos(pose.roll), np.sin(pose.roll)
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return np.asarray(roll @ pitch @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]))


def _doubled_area(corners: Array) -> Array:
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    return np.asarray(
        (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    )


def _visible(
    mesh: Mesh, vertices: Array, points: Array, shape: tuple[int, ...], *, long: bool
) -> NDArray[np.int64]:
    """[h, w] index of the triangle seen at each pixel, -1 for none (painter's algorithm)."""
    area = _doubled_area(points[mesh.triangles])
    hair = mesh.part == HAIR
    drawn = np.where(hair, long & (np.abs(area) > 1e-3), area < -1e-3)
    depth = vertices[mesh.triangles, 2].mean(axis=1)
    order = np.nonzero(drawn)[0]
    order = order[np.argsort(depth[order], kind="stable")]
    corners = np.round(points * 16).astype(np.int32)[mesh.triangles]
    # OpenCV fills 8-bit images only, so the index + 1 goes into two of three bytes.
    packed = np.zeros((*shape[:2], 3), np.uint8)
    for index in order.tolist():
        code = index + 1
        cv2.fillConvexPoly(packed, corners[index], (code & 255, code >> 8, 0), lineType=8, shift=4)
    return packed[..., 0].astype(np.int64) + (packed[..., 1].astype(np.int64) << 8) - 1


def _barycentric(corners: Array, x: NDArray[np.int64], y: NDArray[np.int64]) -> Float:
    """[p, 3] weights of the triangle corners [p, 3, 2] at pixels."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = _doubled_area(corners)
    second = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (y - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
    third = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (b[:, 1] - a[:, 1]) * (x - a[:, 0])) / area
    second = np.clip(second, 0, 1)
    third = np.clip(third, 0, 1 - second)
    return np.stack([1 - second - third, second, third], axis=1).astype(np.float32)


def _blend(corners: Float, weights: Float) -> Float:
    """[p, d] barycentric mean of corner values [p, 3, d]."""
    return np.asarray(np.einsum("pkd,pk->pd", corners, weights), np.float32)


def _vertex_normals(vertices: Array, triangles: NDArray[np.int64]) -> Float:
    corners = vertices[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(triangles[:, corner], faces[:, axis], len(vertices))
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(total / (lengths + 1e-9), np.float32)


def _lit(colours: Paint, normals: Float, part: NDArray[np.int64], light: Light) -> Float:
    """[p, 3] RGB 0..255 under a soft key light, a fill light and a highlight."""
    normals = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)
    normals = np.where(((part == HAIR) & (normals[:, 2] < 0))[:, None], -normals, normals)
    key = np.array(light.direction) / np.linalg.norm(light.direction)
    facing = normals @ key.astype(np.float32)
    soft = np.clip((facing + 0.25) / 1.25, 0, 1)
    tint = np.array([light.warmth, 1, 1 / light.warmth], np.float32)
    bleed = np.exp(-((facing / 0.25) ** 2))[:, None] * np.array([0.05, 0.0, 0.0])
    fill = 0.5 * np.clip(normals @ FILL.astype(np.float32), 0, 1) + 0.35 * (
        normals[:, 1] * 0.5 + 0.5
    )
    bright = 0.80 * soft[:, None] * tint + bleed + (light.fill * (fill + 0.25))[:, None]
    half = key + np.array([0, 0, 1.0])
    half /= np.linalg.norm(half)
    eye = (part == EYE_LEFT) | (part == EYE_RIGHT)
    shine = (
        np.clip(normals @ half.astype(np.float32), 0, 1) ** np.where(eye, 90, 22) * colours.gloss
    )
    linear = (colours.albedo / 255) ** CURVE * bright * colours.shade[:, None] + shine[:, None]
    return np.asarray(255 * np.clip(linear, 0, 1) ** (1 / CURVE), np.float32)
