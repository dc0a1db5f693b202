"""Still images as upright 8-bit RGB, whatever their mode."""

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

EIGHT_BIT = (
    "1",
    "L",
    "LA",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBX",
    "RGBa",
    "La",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
)
SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")


def read(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """One image, turned as its EXIF orientation says; alpha is dropped, 16 bits become 8.

    Raises:
        ValueError: one plain sentence without the path.
    """
    try:
        with warnings.catch_warnings():
            # what Pillow warns of (huge image, odd EXIF) is no reason to refuse a readable image
            warnings.simplefilter("ignore")
            with Image.open(path) as opened:
                image = ImageOps.exif_transpose(opened)
    except FileNotFoundError:
        msg = "file not found"
        raise ValueError(msg) from None
    except Exception as error:  # Pillow's readers raise whatever a broken file leads them into
        msg = f"image unreadable: {_reason(error, path)}"
        raise ValueError(msg) from None
    if image.mode in SIXTEEN_BIT:
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode not in EIGHT_BIT:
        msg = f"image unreadable: pixels of mode {image.mode!r} have no fixed range; save as 8 bits"
        raise ValueError(msg)
    return np.asarray(image.convert("RGB"))


def _reason(error: Exception, path: Path) -> str:
    text = str(error).replace(str(path), "file").splitlines()
    return text[0] if text else type(error).__name__
