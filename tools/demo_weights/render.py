"""Render people and their fakes: `python -m tools.demo_weights.render DIR --part train`.

Every couple becomes one file of face crops, written when it is whole: stop at any time, start the
same command again, and it goes on. About 5 CPU seconds for each couple of the training part.
"""

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from deepbench.core import blocks, params
from deepbench.media import align, mtcnn, video
from tools.demo_weights.couples import METHODS, PEOPLE, couple
from tools.sample_pack.camera import record
from tools.sample_pack.encode import write_video
from tools.sample_pack.kit import head_kit
from tools.sample_pack.manipulations import MANIPULATIONS
from tools.sample_pack.plan import FilePlan
from tools.sample_pack.streams import stream
from tools.sample_pack.takes import Take, film

SIDE = 288  # pixels of a stored crop: the pipeline's 256 and a border for shifted views
BORDER = (SIDE - align.ALIGNED_SIZE) // 2

Crop = NDArray[np.uint8]


class Part(NamedTuple):
    """How a part is filmed."""

    frames: int
    """Of each clip; H.264 needs some."""
    kept: int
    own_points: bool
    """Whether fakes are cut by their own landmarks, as in the pipeline, or by their original's."""


PARTS = {"train": Part(3, 2, own_points=False), "validation": Part(6, 2, own_points=True)}


class Cutter:
    """Finds faces as the pipeline does, and cuts them with a border."""

    def __init__(self, settings: blocks.Faces) -> None:
        self.settings = settings
        self._finder = mtcnn.load(settings, "cpu")

    def points(self, frame: video.Frame) -> NDArray[np.float32]:
        """[5, 2] landmarks of the largest face."""
        found = self._finder.detect(frame.rgb)
        if not found:
            msg = "MTCNN finds no face"
            raise LookupError(msg)
        return found[0].landmarks

    def cut(self, rgb: Crop, points: NDArray[np.float32]) -> Crop:
        """[SIDE, SIDE, 3] the pipeline's `aligned` crop with BORDER more on each side."""
        return align.warp(rgb, align.similarity(points, align.MTCNN_TARGET + BORDER), SIDE)


class Job(NamedTuple):
    """A couple to render."""

    part: str
    seed: int
    number: int
    settings: blocks.Faces
    """How faces are found, with the number of kept frames."""


def crops_of(job: Job) -> Crop:
    """[2 people, 7 methods, clean or recorded, kept frames, SIDE, SIDE, 3] of a couple.

    Recorded crops went through the camera and H.264, clean ones through neither.
    """
    how = PARTS[job.part]
    cutter = Cutter(job.settings)
    group = couple(job.part, job.seed, job.number, how.frames)
    takes = [film(plan) for plan in group.takes]
    result = np.empty((PEOPLE, len(METHODS), 2, how.kept, SIDE, SIDE, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        # the points of the originals, which come first
        known: dict[tuple[int, int], NDArray[np.float32]] = {}
        for file in group.files:
            frames = _frames(file, takes)
            path = Path(folder) / f"{file.take}_{file.method}.mp4"
            take = takes[file.take].plan
            noise = f"{take.name}/{file.method}"
            write_video(path, record(frames, take.style, take.name, noise), file.crf)
            place = result[file.take, METHODS.index(file.method)]
            for k, frame in enumerate(video.read_frames(path, "video", cutter.settings)):
                key = (file.take, frame.index)
                if how.own_points or file.donor is None:
                    known[key] = cutter.points(frame)
                clean = np.clip(np.round(frames[frame.index]), 0, 255).astype(np.uint8)
                place[0, k] = cutter.cut(clean, known[key])
                place[1, k] = cutter.cut(frame.rgb, known[key])
    return result


def _frames(file: FilePlan, takes: list[Take]) -> list[NDArray[np.floating]]:
    take = takes[file.take]
    if file.donor is None:
        return take.frames
    rng = stream("fake", take.plan.name, file.method)
    return MANIPULATIONS[file.method](take, takes[file.donor], rng).frames


def write_couple(job: Job, path: Path) -> str:
    """Write the crops of one couple; returns what went wrong, empty if nothing did."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        crops = crops_of(job)
    except LookupError as error:
        return f"couple {job.number} of {job.part} left out: {error}"
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.save(file, crops)
    unfinished.replace(path)
    return ""


def main() -> None:
    """Parse the command line and render what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="gets one file per couple, below the part's name")
    parser.add_argument("--part", choices=list(PARTS), default="train")
    parser.add_argument("--couples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    folder = arguments.folder / arguments.part
    folder.mkdir(parents=True, exist_ok=True)
    head_kit()
    kept = PARTS[arguments.part].kept
    settings = params.load().faces.model_copy(update={"frames": kept})
    jobs = {
        folder / f"{number:04d}.npy": Job(arguments.part, arguments.seed, number, settings)
        for number in range(arguments.couples)
    }
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        tasks = [
            pool.submit(write_couple, job, path) for path, job in jobs.items() if not path.exists()
        ]
        for task in tqdm(as_completed(tasks), f"couples of {arguments.part}", len(tasks)):
            if problem := task.result():
                tqdm.write(problem)


if __name__ == "__main__":
    main()
