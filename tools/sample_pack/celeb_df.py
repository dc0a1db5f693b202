"""Celeb-DF-v2: six couples who swap faces, two people who do not, and the list of tests."""

from tools.sample_pack.motion import Stage
from tools.sample_pack.people import Look
from tools.sample_pack.plan import FEMALE, FEW_FRAMES, FRAMES, MALE, FilePlan, Group
from tools.sample_pack.takes import TakePlan

ROOT = "Celeb-DF-v2"
STAGE = Stage((400, 360), (0, 4), 0.95)
COUPLES = (
    {
        "id0": Look("asian", MALE, 0.2, long_hair=False),
        "id1": Look("asian", MALE, 0.7, long_hair=False),
    },
    {
        "id2": Look("caucasian", FEMALE, 0.3, long_hair=True),
        "id3": Look("caucasian", FEMALE, 0.65, long_hair=False),
    },
    {
        "id16": Look("african", FEMALE, 0.1, long_hair=True),
        "id17": Look("african", FEMALE, 0.45, long_hair=False),
    },
    {
        "id20": Look("caucasian", MALE, 0.4, long_hair=False),
        "id21": Look("caucasian", MALE, 0.1, long_hair=False),
    },
    {
        "id23": Look("asian", FEMALE, 0.25, long_hair=True),
        "id28": Look("asian", FEMALE, 0.5, long_hair=False),
    },
    {
        "id30": Look("african", MALE, 0.6, long_hair=False),
        "id31": Look("african", MALE, 0.2, long_hair=False),
    },
)
YOUTUBE = {
    "00000": Look("african", MALE, 0.35, long_hair=False),
    "00001": Look("caucasian", MALE, 0.0, long_hair=False),
}
LATER = ("id20", "id21", "id23", "id28", "id30", "id31")
"""There for their number, in short clips."""
TRAINING = ("id16", "id17", "00001")
"""Not in the list of testing videos; nobody of them is in a listed video."""


def groups() -> list[Group]:
    """One group per couple and per person of YouTube-real."""
    made = []
    for couple in COUPLES:
        files = [FilePlan(f"{ROOT}/Celeb-real/{a}_0000.mp4", take) for take, a in enumerate(couple)]
        for take, (a, b) in enumerate((tuple(couple), tuple(couple)[::-1])):
            path = f"{ROOT}/Celeb-synthesis/{a}_{b}_0000.mp4"
            files.append(FilePlan(path, take, 1 - take, "CelebSynthesis"))
        takes = tuple(_take(name, look) for name, look in couple.items())
        made.append(Group(takes, tuple(files)))
    for name, look in YOUTUBE.items():
        file = FilePlan(f"{ROOT}/YouTube-real/{name}.mp4", 0)
        made.append(Group((_take(name, look),), (file,)))
    return made


def _take(name: str, look: Look) -> TakePlan:
    key = f"{ROOT}/{name}"
    return TakePlan(key, key, look, key, STAGE, FEW_FRAMES if name in LATER else FRAMES)


def tables() -> dict[str, str]:
    """The list of testing videos: `1` is real and `0` fake, as in the original."""
    lines = []
    for group in groups():
        for file in group.files:
            name = file.path.removeprefix(f"{ROOT}/")
            if not any(person in name for person in TRAINING):
                lines.append(f"{int(file.donor is None)} {name}")
    return {f"{ROOT}/List_of_testing_videos.txt": "\n".join(sorted(lines)) + "\n"}
