"""The pictures inside table faces."""

import cv2
import numpy as np
from jaxtyping import UInt8


def decode(picture: bytes) -> UInt8[np.ndarray, "height width 3"]:
    """RGB pixels of a stored crop; PNG or JPEG.

    Raises:
        ValueError: the bytes are no picture.
    """
    bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        msg = (
            f"a crop of {len(picture)} bytes is no picture; make it anew: delete its data set's "
            "folder in artifacts/faces, then dvc repro (-f alone would keep what stands there)"
        )
        raise ValueError(msg)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
