"""Pictures of every mode, turned, animated, and far larger than their files."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from odd_videos import Case
from PIL import Image

FIRST = r"the file holds 3 pictures, of which the first is taken"
TOO_MANY = r"image unreadable: .*(over the limit of|more than) 50 million.*; make it smaller"
NO_FACE = r"no face found in 1 frame \(confidence >= 0\.9\)"
# how a picture is stored that a camera held in this way took (EXIF orientation)
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def healthy(folder: Path, rgb: np.ndarray) -> Iterator[Case]:
    """Odd but sound: every one shows the same face."""
    portrait = Image.fromarray(rgb)
    portrait.save(folder / "portrait.png")
    yield Case("portrait.png", faces=1)

    def same(name: str, off: float, says: str = "", like: str = "portrait.png") -> Case:
        return Case(name, says, 1, like, off)

    for way, stored in STORED.items():
        exif = Image.Exif()
        exif[0x0112] = way
        turned = portrait if stored is None else portrait.transpose(stored)
        turned.save(folder / f"exif-{way}.jpg", exif=exif, quality=98, subsampling=0)
        turned.save(folder / f"exif-{way}.png", exif=exif)
        yield same(f"exif-{way}.jpg", 3)
        yield same(f"exif-{way}.png", 0)
    deep = rgb[..., ::-1].astype(np.uint16) * 257
    cv2.imwrite(str(folder / "16-bit.png"), deep)
    yield same("16-bit.png", 1)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    Image.fromarray(grey).save(folder / "grey.png")
    yield Case("grey.png", faces=1)
    cv2.imwrite(str(folder / "16-bit-grey.png"), grey.astype(np.uint16) * 257)
    yield same("16-bit-grey.png", 1, like="grey.png")
    portrait.convert("CMYK").save(folder / "cmyk.jpg", quality=98, subsampling=0)
    yield same("cmyk.jpg", 4)
    palette = portrait.quantize(256)
    palette.save(folder / "palette.png", transparency=3)
    yield same("palette.png", 8)
    translucent = portrait.copy()
    translucent.putalpha(128)
    translucent.save(folder / "alpha.png")
    yield same("alpha.png", 0)
    portrait.save(folder / "progressive.jpg", quality=98, subsampling=0, progressive=True)
    yield same("progressive.jpg", 3)
    portrait.save(folder / "picture.webp", quality=98)
    portrait.save(folder / "picture.bmp")
    yield same("picture.webp", 5)
    yield same("picture.bmp", 0)
    others = [Image.fromarray(255 - rgb), Image.fromarray(rgb[::-1])]
    for name in ("animated.png", "animated.webp"):
        several = {"save_all": True, "append_images": others, "duration": 100}
        portrait.save(folder / name, lossless=True, **several)
        yield same(name, 1, FIRST)
    palette.save(folder / "gif.png", "GIF", save_all=True, append_images=others)
    yield same("gif.png", 25, FIRST)
    for name, form in (("jpeg-called.png", "JPEG"), ("png-called.jpg", "PNG")):
        portrait.save(folder / name, form, quality=98)
        yield same(name, 5)
    # wider than OpenCV's 32,767
    wide = np.zeros((len(rgb), 40_000, 3), np.uint8)
    wide[:, 36_000 : 36_000 + rgb.shape[1]] = rgb
    Image.fromarray(wide).save(folder / "panorama.png", compress_level=1)
    yield same("panorama.png", 4)
    for name, size in (("one-pixel.png", (1, 1)), ("line.png", (5000, 1)), ("row.png", (1, 5000))):
        Image.new("RGB", size, "grey").save(folder / name)
        yield Case(name, NO_FACE, 0)


def bombs(folder: Path) -> Iterator[Case]:
    """Small files of hundreds of millions of pixels, or that say so."""
    bomb(folder / "bomb.png", 20_000, "RGB")
    bomb(folder / "bomb-1-bit.png", 20_000, "1")
    yield Case("bomb.png", TOO_MANY, 0)
    yield Case("bomb-1-bit.png", TOO_MANY, 0)
    small = np.zeros((8, 8, 3), np.uint8)
    lying = cv2.imencode(".jpg", small)[1].tobytes()
    frame = lying.index(b"\xff\xc0") + 5  # height and width in the start of frame
    lying = lying[:frame] + struct.pack(">HH", 60_000, 60_000) + lying[frame + 4 :]
    (folder / "says-huge.jpg").write_bytes(lying)
    yield Case("says-huge.jpg", TOO_MANY, 0)
    lying = cv2.imencode(".bmp", small)[1].tobytes()
    lying = lying[:18] + struct.pack("<ii", 30_000, 30_000) + lying[26:]
    (folder / "says-huge.bmp").write_bytes(lying)
    yield Case("says-huge.bmp", TOO_MANY, 0)
    (folder / "says-huge.webp").write_bytes(_huge_canvas())
    yield Case("says-huge.webp", r"image unreadable: .+", 0)


def bomb(path: Path, side: int, mode: str) -> None:
    """A valid PNG of black, written row by row."""
    row = b"\0" * (1 + (3 * side if mode == "RGB" else -(-side // 8)))
    depth, colour = (8, 2) if mode == "RGB" else (1, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(row * 100) for _ in range(side // 100)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")]
    content = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def _huge_canvas() -> bytes:
    """An animated WebP whose one small frame lies on a canvas of 16,383 x 16,383."""
    small = cv2.imencode(".webp", np.zeros((8, 8, 3), np.uint8))[1].tobytes()[12:]
    canvas = (16_382).to_bytes(3, "little") * 2
    frame = bytes(6) + (7).to_bytes(3, "little") * 2 + (100).to_bytes(3, "little") + b"\0" + small

    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    body = chunk(b"VP8X", b"\x02\0\0\0" + canvas) + chunk(b"ANIM", bytes(6)) + chunk(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
