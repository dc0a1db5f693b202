"""Area resizing from an integral image: equal to torch's adaptive average pooling to the last bit.

The sum over any box of pixels is four look-ups, so that many sizes of one frame, or many crops
of it, cost one pass over its pixels and a little for each pixel that comes out.
"""

import cv2
import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8

# [h + 1, w + 1, 3]: of all pixels above and to the left, modulo 2**32
Sums = Int32[np.ndarray, "_ _ 3"]


def integrate(rgb: UInt8[np.ndarray, "h w 3"]) -> Sums:
    """Integral image of a frame."""
    # beyond 8.4 megapixels the sums wrap around; the differences that are taken of them are exact
    # all the same, as long as one averaged box has fewer pixels than that
    return cv2.integral(np.ascontiguousarray(rgb), sdepth=cv2.CV_32S)


def whole(sums: Sums, height: int, width: int) -> Float32[np.ndarray, "1 {height} {width} 3"]:
    """The frame resized, in grey levels."""
    top, bottom = _edges(np.array([sums.shape[0] - 1]), height)
    left, right = _edges(np.array([sums.shape[1] - 1]), width)
    # np.take is about twice as fast as indexing; `clip` spares it a copy, no index needs clipping
    rows = np.take(sums, bottom[0], axis=0, mode="clip")
    rows -= np.take(sums, top[0], axis=0, mode="clip")
    total = np.take(rows, right[0], axis=1, mode="clip")
    total -= np.take(rows, left[0], axis=1, mode="clip")
    return _mean(total[None], bottom - top, right - left)


def crops(
    sums: Sums, boxes: Int64[np.ndarray, "n 4"], size: int
) -> Float32[np.ndarray, "n {size} {size} 3"]:
    """Every box (x1, y1, x2, y2, end excluded, inside the frame) resized, in grey levels."""
    x1, y1, x2, y2 = boxes.T
    top, bottom = (edge + y1[:, None] for edge in _edges(y2 - y1, size))
    left, right = (edge + x1[:, None] for edge in _edges(x2 - x1, size))
    flat, width = sums.reshape(-1, 3), sums.shape[1]

    def at(y: Int64[np.ndarray, "n s"], x: Int64[np.ndarray, "n s"]) -> np.ndarray:
        places = (y * width)[:, :, None] + x[:, None, :]
        corners: np.ndarray = np.take(flat, places, axis=0, mode="clip")
        return corners

    total = at(bottom, right)
    total -= at(top, right)
    total -= at(bottom, left)
    total += at(top, left)
    return _mean(total, bottom - top, right - left)


def _edges(lengths: Int64[np.ndarray, "n"], parts: int) -> tuple[np.ndarray, np.ndarray]:
    """First and one-past-last pixel of every part of every length, [n, parts] each."""
    i, n = np.arange(parts), lengths[:, None]
    return (i * n) // parts, -(-((i + 1) * n) // parts)


def _mean(
    total: np.ndarray, heights: Int64[np.ndarray, "n h"], widths: Int64[np.ndarray, "n w"]
) -> Float32[np.ndarray, "n h w 3"]:
    # two divisions in float32, in the order of torch's kernel
    mean = total.astype(np.float32)
    mean /= heights.astype(np.float32)[:, :, None, None]
    # repeated for the colours, so that NumPy divides long rows and not threes
    across = mean.reshape(*mean.shape[:2], -1)
    across /= np.repeat(widths.astype(np.float32), mean.shape[3], axis=1)[:, None]
    return mean
