"""Still images as upright 8-bit RGB, whatever their mode."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from deepbench.media import kinds

# of all that Pillow reads, what is known of first bytes; its EPS reader would start a program
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")
EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "HSV")
SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")


class Picture(NamedTuple):
    """One image, and what is to be said of it: empty or one plain sentence."""

    rgb: UInt8[np.ndarray, "h w 3"]
    remark: str


def read(path: Path) -> Picture:
    """One image, turned as its EXIF orientation says; alpha is dropped, 16 bits become 8.

    Of several in one file, as in an animated one, the first is taken.

    Raises:
        ValueError: one plain sentence without the path.
        MemoryError: there is not enough for its pixels.
    """
    try:
        with warnings.catch_warnings():
            # what Pillow warns of (huge image, odd EXIF) is no reason to refuse a readable image
            warnings.simplefilter("ignore")
            kinds.check_regular(path)
            with Image.open(path, formats=FORMATS) as opened:
                kinds.check_pixels(*opened.size)
                remark = _several(opened)
                image = ImageOps.exif_transpose(opened)
            return Picture(_eight_bits(image), remark)
    except MemoryError:
        raise
    except FileNotFoundError:
        msg = "file not found"
        raise ValueError(msg) from None
    except Exception as error:  # Pillow's readers raise whatever a broken file leads them into
        msg = f"image unreadable: {_reason(error, path)}"
        raise ValueError(msg) from None


def _several(opened: Image.Image) -> str:
    # telephones store a second picture for the brightness of the first (MPO)
    count = 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)
    return f"the file holds {count} pictures, of which the first is taken" if count > 1 else ""


def _eight_bits(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    if image.mode in SIXTEEN_BIT:
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode not in EIGHT_BIT:
        msg = f"pixels of mode {image.mode!r} have no fixed range; save as 8 bits in RGB"
        raise kinds.Refusal(msg)
    return np.asarray(image.convert("RGB"))


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {kinds.MOST_PIXELS / 1e6:g} million pixels; make it smaller"
    if isinstance(error, kinds.Refusal):
        return str(error)
    try:
        found = kinds.kind(path)
    except kinds.Refusal as none:
        return str(none).removeprefix("file unreadable: ")
    if found == "video" and isinstance(error, UnidentifiedImageError):
        return "it is a video, not a picture; give it the suffix of what it is"
    said = (str(error).replace(str(path), "file").splitlines() or [type(error).__name__])[0]
    return f"it is incomplete or damaged (Pillow: {said})"
