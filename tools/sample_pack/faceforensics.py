"""FaceForensics++: five official pairs, every original with four manipulations and their masks."""

from tools.sample_pack.motion import Stage
from tools.sample_pack.people import Look
from tools.sample_pack.plan import FEMALE, FRAMES, MALE, FilePlan, Group
from tools.sample_pack.takes import TakePlan

ROOT = "FaceForensics++"
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
PAIRS = (
    ("953", "974", "caucasian", MALE, (384, 360)),
    ("012", "026", "asian", FEMALE, (400, 360)),
    ("078", "955", "african", MALE, (360, 360)),
    ("720", "672", "caucasian", FEMALE, (360, 384)),
    ("071", "054", "asian", MALE, (384, 360)),
)
"""The first three pairs of the official test split, one of val, one of train."""
WITH_C40 = ("953", "974")


def groups() -> list[Group]:
    """One group per pair; the two originals of a pair share the camera."""
    made = []
    for number, (first, second, race, sex, size) in enumerate(PAIRS):
        long_hair = sex == FEMALE
        looks = (Look(race, sex, 0.1, long_hair), Look(race, sex, 0.15 * number, long_hair))
        stage = Stage(size, (0, 6), 0.92 + 0.02 * number)
        takes = tuple(
            TakePlan(f"{ROOT}/{name}", f"{ROOT}/{name}", look, f"{ROOT}/{first}", stage, FRAMES)
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
