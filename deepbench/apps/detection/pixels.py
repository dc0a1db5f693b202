"""How large a picture becomes once it is decoded: a file of 200 kB may take all memory."""

import warnings
from pathlib import Path

import av
from av.error import FFmpegError
from PIL import Image

from deepbench.media import kinds

# finding faces takes some 45 bytes for each
MOST = 50_000_000


def check(path: Path, kind: kinds.Kind) -> None:
    """Raise ValueError, a plain sentence, if a picture or a video's frame has too many pixels."""
    width, height = _of_image(path) if kind == "image" else _of_video(path)
    if width * height > MOST:
        msg = (
            f"{width:,} x {height:,} pixels, over the limit of {MOST / 1e6:g} million; make it "
            "smaller, or examine it with `deepbench detect`, which has no limit"
        )
        raise ValueError(msg)


# what cannot be read is told of where it is examined


def _of_image(path: Path) -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large picture is refused here, not warned of
            with Image.open(path) as opened:
                return opened.size
    except Exception:  # Pillow's readers raise whatever a broken file leads them into
        return 0, 0


def _of_video(path: Path) -> tuple[int, int]:
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            return stream.width, stream.height
    except (FFmpegError, OSError, IndexError):
        return 0, 0
