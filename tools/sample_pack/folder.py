"""The plain folder of images: eight people, one real and one fake still of each."""

from tools.sample_pack.motion import Stage
from tools.sample_pack.people import Look
from tools.sample_pack.plan import FEMALE, MALE, FilePlan, Group
from tools.sample_pack.takes import TakePlan

ROOT = "folder"
LANDSCAPE, UPRIGHT = Stage((480, 360), (30, 6), 0.85), Stage((360, 480), (0, -20), 0.8)
COUPLES = (
    (("anna", "berta"), Look("caucasian", FEMALE, 0.1, long_hair=True), "Deepfakes", "Face2Face"),
    (("carlo", "dario"), Look("caucasian", MALE, 0.6, long_hair=False), "FaceSwap", "MobileSwap"),
    (("emeka", "femi"), Look("african", MALE, 0.4, long_hair=False), "NeuralTextures", "Deepfakes"),
    (("gao", "hui"), Look("asian", FEMALE, 0.5, long_hair=False), "CelebSynthesis", "FaceSwap"),
)
LOSSLESS = ("anna", "femi")
"""Their stills are PNG, real and fake; all others are JPEG."""


def groups() -> list[Group]:
    """One group per couple; a still is a take of one frame."""
    made = []
    for names, look, *methods in COUPLES:
        takes, files = [], []
        for index, (name, method) in enumerate(zip(names, methods, strict=True)):
            key = f"{ROOT}/{name}"
            aged = look._replace(age=min(1.0, look.age + 0.2 * index))
            takes.append(TakePlan(key, key, aged, key, (LANDSCAPE, UPRIGHT)[index], 1))
            ending = "png" if name in LOSSLESS else "jpg"
            files.append(FilePlan(f"{ROOT}/real/{name}.{ending}", index))
            donor = names[1 - index]
            fake = f"{ROOT}/fake/{name}_{donor}_{method}.{ending}"
            files.append(FilePlan(fake, index, 1 - index, method))
        made.append(Group(tuple(takes), tuple(files)))
    return made


def tables() -> dict[str, str]:
    """No list files: the folder's name is the label."""
    return {}
