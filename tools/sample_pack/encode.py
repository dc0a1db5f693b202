"""Writing files whose bytes do not depend on the machine's CPU."""

from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tools.sample_pack.motion import FRAMES_PER_SECOND

Frame = NDArray[np.uint8]


def to_yuv420(frame: Frame) -> Frame:
    """[h * 3 / 2, w] planar BT.601 limited-range YUV of an RGB frame [h, w, 3]; h and w even.

    In integers: swscale rounds differently from one CPU to another.
    """
    red, green, blue = (frame[..., channel].astype(np.int32) for channel in range(3))
    luma = ((66 * red + 129 * green + 25 * blue + 128) >> 8) + 16
    height, width = luma.shape
    planes = [luma.astype(np.uint8).ravel()]
    for weights in ((-38, -74, 112), (112, -94, -18)):
        chroma = weights[0] * red + weights[1] * green + weights[2] * blue
        four = chroma.reshape(height // 2, 2, width // 2, 2).sum(axis=(1, 3))
        planes.append((((four + 512) >> 10) + 128).astype(np.uint8).ravel())
    return np.concatenate(planes).reshape(height * 3 // 2, width)


def write_video(path: Path, frames: list[Frame], crf: int) -> None:
    """Write RGB frames as H.264 in MP4 at 25 frames per second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    # Several threads cut the picture into slices and so give other pixels; cpu-independent keeps
    # x264 to arithmetic that is the same with and without AVX.
    options = {"crf": str(crf), "preset": "medium", "x264-params": "cpu-independent=1:threads=1"}
    container_options = {"fflags": "+bitexact", "movflags": "+faststart"}
    with av.open(path, "w", options=container_options) as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(to_yuv420(frame), format="yuv420p")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def write_image(path: Path, frame: Frame, quality: int) -> None:
    """Write an RGB frame as PNG or, by the ending `.jpg`, as JPEG of that quality."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else []
    if not cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), flags):
        msg = f"could not write {path}: give a path ending in .jpg or .png in a writable folder"
        raise OSError(msg)
