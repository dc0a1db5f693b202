"""Report on an unpacked tree: `python -m tools.sample_pack.check DIR`."""

import argparse
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray

SMALLEST_FACE = 40
FRAMES_EACH = 4


class Decoded(NamedTuple):
    """What came out of a file."""

    frames: list[NDArray[np.uint8]]
    """RGB, turned as the display matrix says."""
    problem: str


def decode(path: Path) -> Decoded:
    """All frames of a video, or the one of an image."""
    if path.suffix != ".mp4":
        picture = cv2.cvtColor(np.asarray(cv2.imread(str(path))), cv2.COLOR_BGR2RGB)
        return Decoded([np.asarray(picture, np.uint8)], "")
    frames: list[NDArray[np.uint8]] = []
    try:
        with av.open(path) as container:
            for frame in container.decode(video=0):
                upright = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
                frames.append(np.ascontiguousarray(upright, np.uint8))
    except av.error.FFmpegError as error:
        return Decoded(frames, f"{type(error).__name__} after {len(frames)} frames")
    return Decoded(frames, "")


def main() -> None:
    """Print one line per folder, and one per edge file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    root = parser.parse_args().tree
    torch.set_num_threads(1)
    finder = MTCNN(min_face_size=SMALLEST_FACE, keep_all=True, device="cpu")
    found: dict[str, list[float]] = defaultdict(list)
    for path in sorted(root.rglob("*")):
        if path.suffix not in {".mp4", ".jpg", ".png"} or "masks" in path.parts:
            continue
        frames, problem = decode(path)
        steps = sorted({round(i) for i in np.linspace(0, len(frames) - 1, FRAMES_EACH)})
        best = []
        for index in steps if frames else []:
            boxes, certainty = finder.detect(frames[index])
            best.append(0.0 if boxes is None else float(max(certainty)))
            if path.name.startswith("edge_"):
                widths = [] if boxes is None else [round(float(b[2] - b[0])) for b in boxes]
                print(f"{path.name} frame {index}: face widths {widths}; {problem or 'no problem'}")
        if not path.name.startswith("edge_"):
            found[path.parent.relative_to(root).as_posix()] += best
    for folder, certainties in found.items():
        rate = np.mean(np.array(certainties) > 0.9)
        print(f"{folder}: {rate:.1%} of {len(certainties)} frames, least {min(certainties):.3f}")


if __name__ == "__main__":
    main()
