"""Answers as `detect` gives them, made up: of a picture and of a video."""

import io
import math

import numpy as np
from PIL import Image

from deepbench.core.verdicts import (
    Answer,
    Explanation,
    FrameAnswer,
    Model,
    QualityWarning,
    Rate,
    Source,
    Standing,
    decide,
)

SENTENCES = ("Measured on this machine:", "dfdc: 25.0% of the reals were called fake.")
RATE = Rate("dfdc", "videos", False, 12, 12, (0.25, 0.1, 0.4), (0.5, math.nan, math.nan), "few")


def picture(kind="PNG"):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def frame(index, fake, time_s=math.nan):
    votes = {"xception": decide(fake - 0.1, 0.5), "effort": decide(fake + 0.1, 0.5)}
    box = (10.0, 20.0, 110.0, 140.0)
    return FrameAnswer(index, time_s, decide(fake, 0.5), votes, 0.99, box, picture())


def model(name, demo):
    return Model(
        name, name.title(), f"{name}.pth", name[0] * 64, demo, ("faceforensics",), "float32"
    )


def answer(**changes):
    """A picture called fake with 0.7."""
    known = {
        "source": Source("me.jpg", "f" * 64, 12_345),
        "media": "image",
        "scorer": "equal",
        "rule": "weighted_mean of xception 1 + effort 1",
        "threshold": 0.5,
        "decision": decide(0.7, 0.5),
        "votes": {"xception": decide(0.6, 0.5), "effort": decide(0.8, 0.5)},
        "pools": {rule: decide(0.7, 0.5) for rule in ("mean", "majority", "confidence")},
        "undecided": {},
        "frames": (frame(0, 0.7),),
        "faces": 1,
        "total_frames": 1,
        "frames_processed": 1,
        "remark": "",
        "warnings": (QualityWarning("dark", 31.0, 50.0, "dark: mean grey level 31"),),
        "standing": Standing(SENTENCES, (RATE,)),
        "models": (model("xception", False), model("effort", False)),
        "device": "cpu",
        "seconds": 2.0,
    }
    return Answer(**known | changes)


def video(**changes):
    """A video of 90 frames, of which 4 were looked at and 3 have a face, two of them fake."""
    moving = {
        "source": Source("me.mp4", "e" * 64, 99),
        "media": "video",
        "pools": {"mean": decide(0.7, 0.5), "confidence": decide(0.72, 0.5)},
        "undecided": {"majority": "certain of opposite things"},
        "frames": (frame(0, 0.3, 0.0), frame(30, 0.8, 1.0), frame(60, 0.7, 2.0)),
        "total_frames": 90,
        "frames_processed": 4,
        "remark": "a face in 3 of 4 frames",
    }
    return answer(**moving | changes)


def maps():
    jpeg = picture("JPEG")
    constant = "no place counts more than another"
    return (
        Explanation("xception", 0, "fake", jpeg, jpeg, ""),
        Explanation("effort", 0, "fake", jpeg, jpeg, constant),
    )
