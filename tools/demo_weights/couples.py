"""Who is rendered for training and validation: couples under names that the pack does not use."""

import numpy as np

from tools.sample_pack.camera import make_camera
from tools.sample_pack.manipulations import MANIPULATIONS
from tools.sample_pack.motion import Stage
from tools.sample_pack.people import Look
from tools.sample_pack.plan import FEMALE, MALE, FilePlan, Group
from tools.sample_pack.streams import stream
from tools.sample_pack.takes import TakePlan

METHODS = ("real", *MANIPULATIONS)
RACES = ("caucasian", "asian", "african")
# Width, height and largest scale of the people, as in the pack's parts
SIZES = (
    (384, 360, 1.0),
    (400, 360, 1.0),
    (360, 360, 1.0),
    (360, 384, 1.02),
    (448, 360, 0.95),
    (480, 360, 0.9),
    (360, 480, 0.85),
    (270, 480, 1.15),
)
FACEFORENSICS_CRF = 23
PEOPLE = 2  # of a couple


def couple(part: str, seed: int, number: int, frames: int) -> Group:
    """Two invented people in clips of so many frames, each with every manipulation by the other.

    Args:
        part: `train`, `validation` or any other word; no person is in two parts.
        seed: another seed gives other people.
        number: of the couple in its part.
        frames: of each clip.
    """
    name = f"demo_weights/{part}/{seed}/{number:04d}"
    rng = stream("couple", name)
    race, sex = RACES[rng.integers(len(RACES))], (FEMALE, MALE)[rng.integers(2)]
    # in FaceForensics++ the rate is fixed, elsewhere it is the camera's
    crf = FACEFORENSICS_CRF if rng.random() < 0.6 else make_camera(stream("camera", name)).crf
    takes, files = [], []
    for index in range(PEOPLE):
        person = f"{name}/{index}"
        look = Look(race, sex, float(rng.uniform(0, 0.75)), sex == FEMALE and rng.random() < 0.5)
        takes.append(TakePlan(person, person, look, name, _stage(rng), frames))
        for method in METHODS:
            donor = None if method == "real" else 1 - index
            files.append(FilePlan(f"{person}/{method}.mp4", index, donor, method, crf))
    return Group(tuple(takes), tuple(files))


def _stage(rng: np.random.Generator) -> Stage:
    width, height, largest = SIZES[rng.integers(len(SIZES))]
    offset = (float(rng.uniform(-15, 15)), float(rng.uniform(-8, 8)))
    return Stage((width, height), offset, float(largest * rng.uniform(0.86, 1)))
