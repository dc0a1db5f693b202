"""Whether a face is fit to be judged: its size, sharpness, light and compression, each measured."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from av.error import FFmpegError
from av.sidedata.encparams import VideoEncParams, VideoEncParamsType
from jaxtyping import UInt8
from PIL import Image

from deepbench.core.verdicts import QualityWarning
from deepbench.media import containers, images, kinds

# px. Of a crop of 256 px the face takes 197 (256 / 1.3): from 80 px it is enlarged 2.5 times, and
# five of six of its pixels are made up by interpolation.
SMALLEST_SIDE = 80.0
NORMAL = 128  # px of a crop at which sharpness is measured, so that it compares across sizes
# Published clips of FaceForensics++ and DFDC have 90 to 400; blurred by a Gaussian of 3 px in a
# crop of 256 they have 11 to 27.
LEAST_SHARPNESS = 30.0
LEAST_LUMA = 50.0  # of 255; below, noise and quantisation are as large as what they cover
# Of a JPEG; 50 is the standard's own tables, which already drop most detail of single pixels.
LEAST_JPEG_QUALITY = 50.0
# H.264's scale ends at 51; FaceForensics++ c23 lies about 23 to 30, c40 at 40.
MOST_QUANTISER = 35.0
# Published clips have 1.0 to 1.3, saved as JPEG of quality 30 most have 1.5 to 2.8.
MOST_BLOCKINESS = 1.5

FRAMES = 16  # whose quantisers are read
# the standard's luminance table at quality 50 has this mean
STANDARD_MEAN = 57.625


class FaceFigures(NamedTuple):
    """What is measured of one face."""

    side: float  # px, of its box in the frame
    sharpness: float  # variance of the Laplacian of the grey crop at 128 px
    luma: float  # mean grey level, 0 to 255


class FileFigures(NamedTuple):
    """What is measured of a file; NaN where its format does not say."""

    blockiness: float
    jpeg_quality: float = float("nan")
    quantiser: float = float("nan")


def of_face(side: float, rgb: UInt8[np.ndarray, "h w 3"]) -> FaceFigures:
    """Measure the crop of a face."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (NORMAL, NORMAL), interpolation=cv2.INTER_AREA)
    return FaceFigures(side, float(cv2.Laplacian(small, cv2.CV_64F).var()), float(grey.mean()))


def blockiness(rgb: UInt8[np.ndarray, "h w 3"]) -> float:
    """Steps across the borders of 8 x 8 blocks over all other steps: 1 without blocks; NaN if flat.

    The blocks are those of the file: a picture that was cropped or resized since hides them.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    borders, inside = 0.0, 0.0
    for steps in (np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0)).T):
        at_border = np.arange(steps.shape[1]) % 8 == 7
        if at_border.any():
            borders += float(steps[:, at_border].mean())
            inside += float(steps[:, ~at_border].mean())
    return borders / inside if inside else float("nan")


def of_file(path: Path, kind: str, blocks: float) -> FileFigures:
    """Measure how a picture or a video was compressed; `blocks` is its frames' blockiness."""
    if kind == "image":
        return FileFigures(blocks, jpeg_quality=jpeg_quality(path))
    return FileFigures(blocks, quantiser=quantiser(path) if kind == "video" else float("nan"))


def jpeg_quality(path: Path) -> float:
    """Quality of a JPEG, 1 to 100, by the mean of its luminance table; NaN for other pictures."""
    try:
        with Image.open(path, formats=images.FORMATS) as opened:
            table = getattr(opened, "quantization", {}).get(0)
    except OSError:
        return float("nan")
    if not table:
        return float("nan")
    scale = 100 * float(np.mean(table)) / STANDARD_MEAN
    # the inverse of libjpeg's rule: 200 - 2 q from 50 up, 5000 / q below
    return float(np.clip(100 - scale / 2 if scale <= 100 else 5000 / scale, 1, 100))


def quantiser(path: Path) -> float:
    """Mean quantiser of the first frames of an H.264 video, 0 to 51; NaN for other codecs."""
    found: list[float] = []
    try:
        with containers.opened(path) as container:
            stream = containers.stream(container)
            stream.codec_context.options = {"export_side_data": "venc_params"}
            for frame in islice(container.decode(stream), FRAMES):
                said = frame.side_data.get("VIDEO_ENC_PARAMS")
                # other codecs have other scales, or say nothing
                if isinstance(said, VideoEncParams) and said.codec_type == VideoEncParamsType.H264:
                    found.append(float(said.qp_map().mean()))
    except (FFmpegError, OSError, kinds.Refusal):
        # a damaged file is told of where it is decoded for its faces
        pass
    return float(np.mean(found)) if found else float("nan")


def warnings(faces: list[FaceFigures], file: FileFigures) -> tuple[QualityWarning, ...]:
    """What is beyond a limit, by the median of the frames' faces."""
    side, sharpness, luma = np.median(np.array(faces), axis=0).tolist()
    found = []
    if side < SMALLEST_SIDE:
        says = f"small: the face is {side:.0f} px wide, under {SMALLEST_SIDE:g}"
        found.append(QualityWarning("small", side, SMALLEST_SIDE, says))
    if sharpness < LEAST_SHARPNESS:
        says = (
            f"blurred: variance of the Laplacian {sharpness:.1f} at {NORMAL} px, under "
            f"{LEAST_SHARPNESS:g}"
        )
        found.append(QualityWarning("blurred", sharpness, LEAST_SHARPNESS, says))
    if luma < LEAST_LUMA:
        says = f"dark: mean grey level {luma:.0f} of 255, under {LEAST_LUMA:g}"
        found.append(QualityWarning("dark", luma, LEAST_LUMA, says))
    return (*found, *_compression(file))


def _compression(file: FileFigures) -> Iterator[QualityWarning]:
    if file.jpeg_quality < LEAST_JPEG_QUALITY:
        says = f"JPEG quality {file.jpeg_quality:.0f}, under {LEAST_JPEG_QUALITY:g}"
        yield _compressed(file.jpeg_quality, LEAST_JPEG_QUALITY, says)
    if file.quantiser > MOST_QUANTISER:
        says = f"mean H.264 quantiser {file.quantiser:.0f} of 51, over {MOST_QUANTISER:g}"
        yield _compressed(file.quantiser, MOST_QUANTISER, says)
    if file.blockiness > MOST_BLOCKINESS:
        says = (
            f"steps at the borders of 8 x 8 blocks are {file.blockiness:.2f} times the others, "
            f"over {MOST_BLOCKINESS:g}"
        )
        yield _compressed(file.blockiness, MOST_BLOCKINESS, says)


def _compressed(value: float, limit: float, says: str) -> QualityWarning:
    return QualityWarning("heavily compressed", value, limit, f"heavily compressed: {says}")
