"""Small tables `gradcam` and `map_checks` for the tests of the report."""

import cv2
import numpy as np

from deepbench.core import evidence, tables

NAN = float("nan")


def maps_of(*detectors):
    """Five crops per detector: two hits, a constant map, a false alarm, another data set."""
    facts = [
        ("faceforensics", "Deepfakes", "hit", 2.0),
        ("faceforensics", "Deepfakes", "hit", 3.0),
        ("faceforensics", "Face2Face", "miss", -1.0),
        ("faceforensics", "real", "false alarm", 1.0),
        ("dfdc", "fake", "hit", 0.5),
    ]
    rng = np.random.default_rng(5)
    rows = []
    for detector in detectors:
        for i, (dataset, method, outcome, logit) in enumerate(facts):
            constant = outcome == "miss"
            cells = np.full(16, np.nan) if constant else np.zeros(16)
            if not constant:
                cells[[i, 15]] = 1, 0.4
            rough = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
            crop = cv2.resize(rough, (128, 128), interpolation=cv2.INTER_CUBIC)
            picture = cv2.imencode(".jpg", crop)[1].tobytes()
            problem = "the map is constant" if constant else ""
            areas = (NAN,) * 4 if constant else (0.2, 0.8, 0.5, 0.1)
            values = (f"{dataset}/{i}", 3, 0, dataset, method, detector, logit, outcome, "fake", 4)
            values += (cells, *areas, NAN, NAN, NAN, picture, problem)
            rows.append(dict(zip(evidence.GRADCAM.columns, values, strict=True)))
    return tables.from_rows(evidence.GRADCAM, rows)


def checks_of(*detectors):
    """One check with an interval, one without, one undefined, per detector."""
    few = "no interval from 2 independent clips of a class, fewer than 5"
    none = "no crop for which it is defined"
    rows = []
    for detector in detectors:
        for dataset in ("faceforensics", "all"):
            for values in (
                ("deletion", 0.2, 0.5, -0.3, -0.4, -0.2, 4, 1, ""),
                ("insertion", 0.8, 0.5, 0.3, NAN, NAN, 4, 1, few),
                ("pointing", NAN, NAN, NAN, NAN, NAN, 0, 5, none),
            ):
                named = (detector, dataset, *values)
                rows.append(dict(zip(evidence.MAP_CHECKS.columns, named, strict=True)))
    return tables.from_rows(evidence.MAP_CHECKS, rows)
