"""Grad-CAM of an answer's frames: which places of the crop the detectors' scores rest on."""

from functools import partial

import cv2
import numpy as np
from jaxtyping import UInt8

from deepbench.apps.detection import networks
from deepbench.apps.detection.examiner import Examiner, Tell, silent
from deepbench.core.verdicts import Answer, Explanation, FrameAnswer, Prediction, Progress
from deepbench.detectors import batches
from deepbench.detectors import explain as cam
from deepbench.media import crops
from deepbench.reporting import overlays

QUALITY = 90  # of the JPEGs


def typical(answer: Answer) -> int:
    """Index of the frame of median fake probability, the lower of two."""
    ranked = sorted(answer.frames, key=lambda frame: (frame.decision.fake_prob, frame.index))
    return ranked[(len(ranked) - 1) // 2].index


def explain(
    examiner: Examiner, answer: Answer, frame: int | None = None, tell: Tell = silent
) -> tuple[Explanation, ...]:
    """Each detector's map of one frame; None takes the typical one.

    Raises:
        KeyError: the answer has no such frame with a face.
    """
    index = typical(answer) if frame is None else frame
    known = {found.index: found for found in answer.frames}
    if index not in known:
        msg = f"no face was judged in frame {index}; there are {', '.join(map(str, known))}"
        raise KeyError(msg)
    names = list(examiner.detectors)
    device = examiner.detectors[names[0]].network.device
    work = partial(_explained, examiner, known[index])
    made = []
    for found in batches.side_by_side(work, names, device):
        made.append(found)
        tell(Progress(answer.source.filename, "Grad-CAM", len(made), len(names)))
    return tuple(made)


def _explained(examiner: Examiner, frame: FrameAnswer, name: str) -> Explanation:
    rgb = crops.decode(frame.png)
    towards = examiner.asked.settings.gradcam.towards
    found = cam.grad_cam(networks.explainable(examiner.detectors[name]), rgb[None], towards)
    logit, cells = float(found.fake_logit[0]), found.maps[0]
    shown: Prediction = "fake" if towards == "fake" or logit > 0 else "real"
    constant = bool(np.isnan(cells).any())
    return Explanation(
        detector=name,
        frame=frame.index,
        towards=shown,
        crop=_jpeg(rgb),
        overlay=_jpeg(rgb if constant else overlays.overlay(rgb, cells)),
        problem="no place counts more than another" if constant else "",
    )


def _jpeg(rgb: UInt8[np.ndarray, "h w 3"]) -> bytes:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return jpeg.tobytes()
