"""What a file is, by its first bytes: names lie, and a decoder should not be asked to guess."""

import stat
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["image", "video"]

HEAD = 400  # bytes that tell


class Refusal(ValueError):
    """A file is not taken for what it is; the sentence says what that is, without the path."""


class Signature(NamedTuple):
    """Bytes at a place that mark a format."""

    start: int
    magic: bytes
    kind: Kind


# FFmpeg alone would also take playlists, which make it open other files and addresses.
SIGNATURES = (
    Signature(0, b"\xff\xd8\xff", "image"),  # JPEG
    Signature(0, b"\x89PNG\r\n\x1a\n", "image"),
    Signature(0, b"BM", "image"),  # BMP
    Signature(0, b"II*\x00", "image"),  # TIFF
    Signature(0, b"MM\x00*", "image"),
    Signature(8, b"WEBP", "image"),
    Signature(8, b"AVI ", "video"),
    Signature(0, b"\x1a\x45\xdf\xa3", "video"),  # Matroska and WebM
    *(Signature(4, box, "video") for box in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    *(Signature(4, box, "video") for box in (b"styp", b"moof", b"sidx", b"pnot")),
    Signature(0, b"GIF8", "video"),
    Signature(0, b"OggS", "video"),
    Signature(0, b"FLV\x01", "video"),
    Signature(0, b"\x00\x00\x01\xba", "video"),  # MPEG program stream
    Signature(0, b"\x00\x00\x01\xb3", "video"),  # MPEG video
    Signature(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video"),  # ASF, WMV
)
STILL_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")  # pictures in an MP4 box


class Limits(NamedTuple):
    """Largest files that are taken, in bytes."""

    image: int
    video: int


UPLOADS = Limits(50_000_000, 200_000_000)
# of a picture or a frame; 48 are those of a telephone, 33 of an 8K film. A face detector takes
# 1 GB for so many
MOST_PIXELS = 50_000_000


def kind(path: Path) -> Kind:
    """Whether a file holds a picture or a video.

    Raises:
        Refusal: it holds neither, or cannot be read; one plain sentence without the path.
    """
    try:
        check_regular(path)
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        msg = f"file unreadable: {error.strerror or type(error).__name__}"
        raise Refusal(msg) from None
    if head[4:8] == b"ftyp" and head[8:12] in STILL_BRANDS:
        msg = "a HEIC or AVIF picture, which is not supported; save it as JPEG or PNG"
        raise Refusal(msg)
    for signature in SIGNATURES:
        if head.startswith(signature.magic, signature.start):
            return signature.kind
    # MPEG transport stream: packets of 188 bytes that begin alike
    if head[:1] == head[188:189] == head[376:377] == b"\x47":
        return "video"
    said = "an empty file" if not head else "neither a picture nor a video, by its first bytes"
    msg = f"{said}; known are JPEG, PNG, BMP, TIFF, WebP and MP4, MOV, MKV, WebM, AVI, MPEG, GIF"
    raise Refusal(msg)


def check_regular(path: Path) -> None:
    """Refuse what may never end when it is read: a named pipe, a socket, a device.

    Raises:
        Refusal: it is one of them, or a folder.
        OSError: there is nothing, or it may not be looked at.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        msg = "not a file but a folder, a named pipe or a device"
        raise Refusal(msg)


def check_pixels(width: int, height: int) -> None:
    """Raise Refusal if a picture of this size has too many pixels to be looked at."""
    if width * height > MOST_PIXELS:
        msg = (
            f"{width} x {height} pixels are over the limit of {MOST_PIXELS / 1e6:g} million; "
            "make it smaller"
        )
        raise Refusal(msg)


def check_size(path: Path, kind: Kind, limits: Limits) -> None:
    """Raise Refusal if a file is larger than the limit of its kind."""
    size, limit = path.stat().st_size, getattr(limits, kind)
    if size > limit:
        msg = (
            f"{kind} of {size / 1e6:.1f} MB, over the limit of {limit / 1e6:g} MB; cut it, or "
            "examine it with `deepbench detect`, which has no limit"
        )
        raise Refusal(msg)
