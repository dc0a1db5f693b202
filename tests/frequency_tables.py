"""Made-up frequency features of two data sets, with known differences between real and fake."""

import numpy as np
import pandas as pd
import stored

from deepbench.core import blocks, evidence, params, tables
from deepbench.core.tables import VideoRow
from deepbench.media.spectrum import FEATURE_NAMES

PLACE = {name: place for place, name in enumerate(FEATURE_NAMES)}
TOLD = PLACE["fft.radial.100"]  # where fakes have more, by method ...
BAND = slice(PLACE["fft.radial.90"], PLACE["fft.radial.127"] + 1)  # ... and half as much
SHIFT = {"real": 0.0, "Deepfakes": 1.5, "FaceSwap": 3.0, "fake": 1.5}
TREATED = {"": 0.0, "jpeg 90": -0.25, "64 px": -2.0}
CROPS = 3


def settings(shipped: params.Params) -> params.Params:
    """Those of params.yaml on the made-up data sets."""
    return params.Params.model_construct(
        **dict(shipped)
        | {
            "datasets": ["home", "away"],
            "development": "home",
            "frequency": blocks.Frequency(scorer=True, jpeg_qualities=[90], face_sides=[64]),
            "results": shipped.results.model_copy(update={"replicates": 200}),
        }
    )


def rows():
    for split, clips in (("val", 6), ("test", 8)):
        for i in range(clips):
            for method in ("real", "Deepfakes", "FaceSwap"):
                name = f"home/{split}/{method}/{i}"
                yield VideoRow(
                    name, "home", split, method != "real", method, f"h{split}{i}", "video", name
                )
    for i in range(8):
        for method in ("real", "fake"):
            name = f"away/{method}/{i}"
            yield VideoRow(name, "away", "test", method != "real", method, f"a{i}", "video", name)


def manifest() -> pd.DataFrame:
    return tables.from_rows(tables.MANIFEST, list(rows()))


def faces(videos: pd.DataFrame) -> pd.DataFrame:
    """Facts of every crop but its picture."""
    table = videos[["video_id"]].loc[videos.index.repeat(CROPS)].reset_index(drop=True)
    number = np.tile(np.arange(CROPS, dtype=np.int32), len(videos))
    return table.assign(
        frame=number, face=np.int16(0), box=[[0.0, 0, 90, 90]] * len(table), sharpness=9.0
    )


def features(row: VideoRow, treatment: str, rng: np.random.Generator) -> np.ndarray:
    """Noise around the clip's own level, with the shift of method and treatment."""
    clip = np.random.default_rng([*row.cluster_id.encode()])
    values = 5 + clip.normal(0, 0.4, evidence.FEATURES) + rng.normal(0, 0.1, evidence.FEATURES)
    more = SHIFT[row.method] + TREATED[treatment]
    values[BAND] += more / 2
    values[TOLD] += more / 2
    return values.astype(np.float32)


def write(folder, rng, holes=()) -> None:
    """Table frequency of both data sets; videos in `holes` lack the last feature."""
    for dataset in ("home", "away"):
        own = [row for row in rows() if row.dataset == dataset]
        made = [crop for row in own for crop in crops(row, rng, row.video_id in holes)]
        stored.write(evidence.FREQUENCY, folder / dataset, made, videos=16)


def crops(row: VideoRow, rng: np.random.Generator, hole: bool) -> list[dict[str, object]]:
    found = []
    treated = row.split == "test" and not row.label
    for frame in range(CROPS):
        for treatment in TREATED if treated else [""]:
            values = features(row, treatment, rng)
            if hole:
                values[-1] = np.nan
            found.append(
                {
                    "video_id": row.video_id, "frame": frame, "face": 0, "treatment": treatment,
                    "features": values,
                }
            )  # fmt: skip
    return found
