"""FaceForensics++: twelve official pairs; each original with four manipulations and their masks."""

from typing import NamedTuple

from tools.sample_pack.motion import Stage
from tools.sample_pack.people import Look, Sex
from tools.sample_pack.plan import FEMALE, FEW_FRAMES, FRAMES, MALE, FilePlan, Group
from tools.sample_pack.takes import TakePlan

ROOT = "FaceForensics++"
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")


class Pair(NamedTuple):
    """Two originals whose faces are put into one another."""

    first: str
    second: str
    race: str
    sex: Sex
    size: tuple[int, int]
    frames: int = FEW_FRAMES


PAIRS = (
    Pair("953", "974", "caucasian", MALE, (384, 360), FRAMES),
    Pair("012", "026", "asian", FEMALE, (400, 360), FRAMES),
    Pair("078", "955", "african", MALE, (360, 360), FRAMES),
    Pair("720", "672", "caucasian", FEMALE, (360, 384), FRAMES),
    Pair("071", "054", "asian", MALE, (384, 360), FRAMES),
    Pair("623", "630", "african", FEMALE, (360, 384)),
    Pair("919", "015", "caucasian", MALE, (400, 360)),
    Pair("367", "371", "asian", FEMALE, (384, 360)),
    Pair("939", "115", "african", MALE, (360, 360)),
    Pair("087", "081", "caucasian", FEMALE, (384, 360)),
    Pair("881", "856", "african", MALE, (360, 384)),
    Pair("187", "234", "asian", FEMALE, (400, 360)),
)
"""Of the official splits the first six pairs of test, two of val and four of train."""
LOOKS = 5  # differ in age and size, in turn
WITH_C40 = ("953", "974")


def groups() -> list[Group]:
    """One group per pair; the two originals of a pair share the camera."""
    made = []
    for number, pair in enumerate(PAIRS):
        first, second, step = pair.first, pair.second, number % LOOKS
        long_hair = pair.sex == FEMALE
        ages = (0.1, 0.15 * step)
        looks = [Look(pair.race, pair.sex, age, long_hair) for age in ages]
        stage = Stage(pair.size, (0, 6), 0.92 + 0.02 * step)
        takes = tuple(
            TakePlan(
                f"{ROOT}/{name}", f"{ROOT}/{name}", look, f"{ROOT}/{first}", stage, pair.frames
            )
            for name, look in zip((first, second), looks, strict=True)
        )
        files = [*_files(first, second, 0), *_files(second, first, 1)]
        made.append(Group(takes, tuple(files)))
    return made


def _files(target: str, source: str, take: int) -> list[FilePlan]:
    """The original `target` and its fakes with the face or the expression of `source`."""
    files = []
    for crf in (23, 40) if target in WITH_C40 else (23,):
        folder = f"c{crf}/videos"
        original = f"{ROOT}/original_sequences/youtube/{folder}/{target}.mp4"
        files.append(FilePlan(original, take, crf=crf))
        for method in METHODS:
            root, name = f"{ROOT}/manipulated_sequences/{method}", f"{target}_{source}.mp4"
            mask = f"{root}/masks/videos/{name}" if crf == 23 else None
            files.append(FilePlan(f"{root}/{folder}/{name}", take, 1 - take, method, crf, mask))
    return files


def tables() -> dict[str, str]:
    """No list files: the package carries the official splits."""
    return {}
