"""Videos a pipeline stumbles over, all real, named after what is odd about them."""

import struct
from pathlib import Path

import numpy as np

from tools.sample_pack.camera import record
from tools.sample_pack.encode import Frame, write_video
from tools.sample_pack.motion import Stage, background
from tools.sample_pack.people import Look
from tools.sample_pack.plan import FEMALE, MALE
from tools.sample_pack.streams import stream
from tools.sample_pack.takes import TakePlan, film

FOLDER = "folder/real"
FRAMES = 24
CRF = 24
SOLO = Look("asian", MALE, 0.3, long_hair=False)
PARTNER = ("edge/second", Look("african", FEMALE, 0.2, long_hair=True))
QUARTER_TURN = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
"""Display matrix (16.16 and 2.30 fixed point): show the stored picture turned by 90 degrees."""
UNTURNED = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
NAMES = {
    "edge_two_faces.mp4": "edge/solo edge/second",
    "edge_no_face.mp4": "",
    "edge_one_frame.mp4": "edge/solo",
    "edge_portrait.mp4": "edge/solo",
    "edge_rotated.mp4": "edge/solo",
    "edge_truncated.mp4": "edge/solo",
    "edge_bit_flipped.mp4": "edge/solo",
    "edge_no_index.mp4": "edge/solo",
}
"""File name -> people in it."""


def write_edges(root: Path) -> None:
    """Write all edge videos below the tree's root."""
    folder = root / FOLDER
    upright = _shots("portrait", Stage((270, 480), (0, 0), 1.1))
    write_video(folder / "edge_portrait.mp4", upright, CRF)
    write_video(folder / "edge_one_frame.mp4", upright[:1], CRF)
    two = _shots("two_faces", Stage((480, 360), (-105, 10), 0.85), companion=True)
    write_video(folder / "edge_two_faces.mp4", two, CRF)
    write_video(folder / "edge_no_face.mp4", _empty_room(), CRF)
    plain = _shots("plain", Stage((400, 360), (0, 0), 0.95))
    # Stored lying on its left side; a player that obeys the matrix shows it upright.
    sideways = [np.ascontiguousarray(np.rot90(frame)) for frame in plain]
    write_video(folder / "edge_rotated.mp4", sideways, CRF)
    rotate_by_metadata(folder / "edge_rotated.mp4")
    write_video(folder / "edge_truncated.mp4", plain, CRF)
    truncate(folder / "edge_truncated.mp4", 0.6)
    write_video(folder / "edge_bit_flipped.mp4", plain, CRF)
    flip_bits(folder / "edge_bit_flipped.mp4")
    write_video(folder / "edge_no_index.mp4", plain, CRF)
    hide_index(folder / "edge_no_index.mp4")


def _shots(name: str, stage: Stage, *, companion: bool = False) -> list[Frame]:
    """A clip of the edge person, through a camera of its own."""
    key = f"edge/{name}"
    take = film(
        TakePlan(key, "edge/solo", SOLO, key, stage, FRAMES, PARTNER if companion else None)
    )
    return record(take.frames, key, key, key)


def _empty_room() -> list[Frame]:
    key = "edge/no_face"
    room = background(stream("style", key), stream("room", key), (400, 360))
    return record([room] * FRAMES, key, key, key)


def rotate_by_metadata(path: Path) -> None:
    """Replace the identity matrix of the track header by a quarter turn."""
    data = path.read_bytes()
    start = data.index(b"tkhd")
    at = data.index(struct.pack(">9i", *UNTURNED), start)
    path.write_bytes(data[:at] + struct.pack(">9i", *QUARTER_TURN) + data[at + 36 :])


def truncate(path: Path, share: float) -> None:
    """Cut the file's end off, as a broken download does; the index at the front survives."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def flip_bits(path: Path) -> None:
    """Flip one bit in every 97th byte of the second half, as a failing disk might."""
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 2, len(data), 97):
        data[at] ^= 1 << (at % 8)
    path.write_bytes(bytes(data))


def hide_index(path: Path) -> None:
    """Mark the index as a box to skip, as if the recording was never closed: nothing opens it."""
    path.write_bytes(path.read_bytes().replace(b"moov", b"skip", 1))
