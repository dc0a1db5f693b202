"""DFDC: a part of the training set with its metadata.json, and a test folder with labels.csv."""

import hashlib
import json
from typing import NamedTuple

from tools.sample_pack.motion import Stage
from tools.sample_pack.people import Look
from tools.sample_pack.plan import FEMALE, FRAMES, MALE, FilePlan, Group
from tools.sample_pack.takes import TakePlan

ROOT = "DFDC"
TRAIN, TEST = f"{ROOT}/train/dfdc_train_part_0", f"{ROOT}/test"
WIDE = Stage((448, 360), (0, 0), 0.9)
PORTRAIT = Stage((270, 480), (0, 0), 1.12)
BESIDE = Stage((480, 360), (-105, 10), 0.88)
PASSER_BY = ("DFDC/passer_by", Look("caucasian", FEMALE, 0.5, long_hair=True))


class Couple(NamedTuple):
    """Two subjects, where they stand, and how each one's clip is manipulated."""

    folder: str
    race: str
    sex: str
    stages: tuple[Stage, Stage]
    methods: tuple[tuple[str, ...], tuple[str, ...]]


COUPLES = (
    Couple(TRAIN, "african", "male", (WIDE, WIDE), (("MobileSwap", "FaceSwap"), ())),
    Couple(TEST, "caucasian", "male", (WIDE, PORTRAIT), (("MobileSwap",), ("Deepfakes",))),
    Couple(TEST, "asian", "female", (WIDE, BESIDE), (("FaceSwap",), ("MobileSwap",))),
    Couple(TEST, "african", "female", (PORTRAIT, WIDE), (("CelebSynthesis",), ("NeuralTextures",))),
)


def clip_name(*words: str) -> str:
    """Ten letters, as the clips of DFDC are named."""
    digest = hashlib.sha256("/".join(words).encode()).digest()
    return "".join(chr(ord("a") + byte % 26) for byte in digest[:10]) + ".mp4"


def groups() -> list[Group]:
    """One group per couple of subjects."""
    return [_group(number, couple) for number, couple in enumerate(COUPLES)]


def _group(number: int, couple: Couple) -> Group:
    takes, files = [], []
    for index, (stage, methods) in enumerate(zip(couple.stages, couple.methods, strict=True)):
        key = f"{ROOT}/subject{2 * number + index}"
        sex = MALE if couple.sex == "male" else FEMALE
        look = Look(
            couple.race, sex, 0.3 * index + 0.1 * number, couple.sex == "female" and index == 0
        )
        companion = PASSER_BY if stage == BESIDE else None
        takes.append(TakePlan(key, key, look, key, stage, FRAMES, companion))
        if methods:
            files.append(FilePlan(f"{couple.folder}/{clip_name(key)}", index))
        for method in methods:
            path = f"{couple.folder}/{clip_name(key, method)}"
            files.append(FilePlan(path, index, 1 - index, method))
    return Group(tuple(takes), tuple(files))


def tables() -> dict[str, str]:
    """metadata.json of the training part and labels.csv of the test folder (1 is fake)."""
    metadata: dict[str, dict[str, str]] = {}
    labels = ["filename,label"]
    for group in groups():
        originals = {file.take: file.path for file in group.files if file.donor is None}
        for file in group.files:
            folder, name = file.path.rsplit("/", 1)
            fake = file.donor is not None
            if folder == TEST:
                labels.append(f"{name},{int(fake)}")
                continue
            metadata[name] = {"label": "FAKE" if fake else "REAL", "split": "train"}
            if fake:
                metadata[name]["original"] = originals[file.take].rsplit("/", 1)[1]
    return {
        f"{TRAIN}/metadata.json": json.dumps(metadata, sort_keys=True) + "\n",
        f"{TEST}/labels.csv": "\n".join([labels[0], *sorted(labels[1:])]) + "\n",
    }
