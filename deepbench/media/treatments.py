"""What happens to a crop without any manipulation: compression, and a small face.

And the grey picture of one size that the spectrum is taken of.
"""

import cv2
import numpy as np
from jaxtyping import UInt8

from deepbench.media.crops import decode
from deepbench.media.spectrum import SIZE

Rgb = UInt8[np.ndarray, "side side 3"]
Grey = UInt8[np.ndarray, "224 224"]


def grey(rgb: Rgb) -> Grey:
    """Grey levels, brought to the size of the spectrum."""
    levels = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return levels if len(levels) == SIZE else _resized(levels, SIZE)


def jpeg(rgb: Rgb, quality: int) -> Rgb:
    """The crop after a round trip through JPEG (1 to 100, colours at half resolution)."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return decode(coded.tobytes())


def small(rgb: Rgb, side: int) -> Rgb | None:
    """The crop as if its face had so many pixels, shrunk and enlarged; None if it has no more."""
    return None if side >= len(rgb) else _resized(_resized(rgb, side), len(rgb))


def _resized(picture: UInt8[np.ndarray, "side side *colour"], side: int) -> np.ndarray:
    how = cv2.INTER_AREA if len(picture) > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side, side), interpolation=how))
