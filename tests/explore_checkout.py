"""The report's made-up run as a checkout that the explorer can open."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import planted
import report_tables as made

from deepbench.core import evidence, params, tables
from deepbench.media import crops, spectrum, treatments

HOSTILE = made.HOSTILE
SIDE = 80.0  # of every face's box, pixels


def build(root: Path) -> Path:
    """Tables of all stages that the explorer reads, and params.yaml."""
    shutil.copy(made.ROOT / "params.yaml", root / "params.yaml")
    settings, manifest = params.load(root / "params.yaml"), made.manifest()
    ledger = made.ledger(manifest)
    pooled = made.scored(manifest, ledger, settings)
    artifacts = root / "artifacts"
    tables.write(tables.VIDEOS, pooled, artifacts / "videos.parquet")
    scores = made.frame_scores(pooled, settings)
    for name in settings.datasets:
        own = manifest[manifest["dataset"] == name]
        tables.write(tables.MANIFEST, own, artifacts / f"manifest/{name}.parquet")
        losses = ledger[ledger["video_id"].isin(own["video_id"])]
        tables.write(tables.LEDGER, losses, artifacts / f"faces/{name}/ledger-00000.parquet")
        for detector in settings.framewise:
            place = artifacts / settings.scores_file(name, detector)
            of = scores["video_id"].isin(own["video_id"]) & (scores["detector"] == detector)
            tables.write(tables.SCORES, scores[of], place / "scores-00000.parquet")
            facts = {"detector": detector, "demo": detector != "frequency"}
            place.with_name(f"{place.name}.json").write_text(json.dumps(facts), "utf-8")
    faces = made.faces(pooled, settings)
    pictures = [planted.png(patched(seed)) for seed in range(6)]
    faces["png"] = [pictures[i % len(pictures)] for i in range(len(faces))]
    faces["box"] = [np.array([10, 10, 10 + SIDE, 10 + SIDE], np.float32)] * len(faces)
    made.write_faces(faces, artifacts / "faces")
    write_frequency(faces, root)
    return root


def patched(seed):
    """A small crop whose texture differs from seed to seed."""
    return cv2.resize(planted.patched(seed), (64, 64), interpolation=cv2.INTER_AREA)


def write_frequency(faces, root):
    known = {png: features(png) for png in set(faces["png"])}
    own = faces[faces["video_id"].str.startswith("dfdc/")]
    rows = [
        {
            "video_id": row.video_id,
            "frame": row.frame,
            "face": row.face,
            "treatment": treatment,
            # treated crops are no part of any band: such values would be seen at once
            "features": known[row.png] + (0 if treatment == "" else 100),
        }
        for row in own.itertuples()
        for treatment in ("", "jpeg 50")
    ]
    path = root / "artifacts/frequency/dfdc/frequency-00000.parquet"
    tables.write(evidence.FREQUENCY, tables.from_rows(evidence.FREQUENCY, rows), path)


def features(png):
    return spectrum.features(treatments.grey(crops.decode(png))[None])[0]
