"""The worst false alarms and misses of one scorer, each with a crop of the video."""

import io
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from deepbench.core import params, tables
from deepbench.reporting.crosstab import records
from deepbench.reporting.inputs import TEST, Exhibit, members

SHOWN = 4  # of each kind and data set
PIXELS = 112
KEY = ["video_id", "frame", "face"]

Crop = tuple[int, int]  # frame, face


class Sources(NamedTuple):
    """The tables that the choice rests on."""

    manifest: pd.DataFrame
    videos: pd.DataFrame
    scores: pd.DataFrame


def scorer(settings: params.Params) -> str:
    """Whose errors are shown: the first ensemble's, else the first detector's."""
    return next(iter(settings.videos.ensembles), settings.detectors[0])


def exhibits(settings: params.Params, sources: Sources, faces: Path) -> tuple[Exhibit, ...]:
    """Reals with the highest and fakes with the lowest fake probability, per data set.

    `faces` holds a folder of shards per data set.
    """
    judge = scorer(settings)
    worst = _worst(sources.manifest, sources.videos[sources.videos["scorer"] == judge])
    crops = _median_crops(sources.scores, members(settings, judge), set(worst["video_id"]))
    found: list[Exhibit] = []
    for dataset in settings.datasets:
        own = worst[worst["dataset"] == dataset]
        wanted = {video: crops[video] for video in own["video_id"] if video in crops}
        pictures = _pictures(faces / dataset, wanted)
        for row in records(own):
            video = str(row["video_id"])
            said = {name: row[name] for name in ("method", "label", "fake_prob", "place")}
            found.append(Exhibit(dataset, judge, video, **said, jpeg=pictures.get(video, b"")))
    return tuple(found)


def _worst(manifest: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """The most wrong test videos of each data set and class; equal scores go by name."""
    facts = manifest.loc[manifest["split"] == TEST, ["video_id", "dataset", "method", "label"]]
    table = facts.merge(own.dropna(subset="fake_logit"), on="video_id")
    # towards fake is wrong for reals, towards real for fakes
    wrong = table["fake_logit"].where(~table["label"], -table["fake_logit"])
    table = table.assign(wrong=wrong).sort_values(["wrong", "video_id"], ascending=[False, True])
    groups = table.groupby(["dataset", "label"])
    table = table.assign(place=groups.cumcount() + 1).query("place <= @SHOWN")
    return table.sort_values(["dataset", "label", "place"])


def _median_crops(scores: pd.DataFrame, judges: list[str], wanted: set[str]) -> dict[str, Crop]:
    """Of each video the crop whose score, the mean of the scorer's detectors, is the median."""
    own = scores[scores["video_id"].isin(wanted)]
    # scores from elsewhere are of videos only; then all detectors say which crop is typical
    mine = own[own["detector"].isin(judges)]
    own = own[~own["video_id"].isin(mine["video_id"])] if mine.empty else mine
    means = own.astype({"fake_logit": "float64"}).groupby(KEY)["fake_logit"].mean().reset_index()
    ordered = means.sort_values(["video_id", "fake_logit", "frame", "face"])
    found = {}
    for video, crops in ordered.groupby("video_id"):
        middle = crops.iloc[(len(crops) - 1) // 2]
        found[str(video)] = (int(middle["frame"]), int(middle["face"]))
    return found


def _pictures(folder: Path, wanted: dict[str, Crop]) -> dict[str, bytes]:
    """Small JPEGs of the wanted crops; only the shards and rows that hold one are read."""
    found = {}
    for path in sorted(folder.glob(f"{tables.FACES.name}-*.parquet")) if wanted else []:
        places = pq.read_table(path, columns=["video_id"])["video_id"].unique().to_pylist()
        here = sorted(set(places) & wanted.keys())
        if not here:
            continue
        rows = pq.read_table(path, columns=[*KEY, "png"], filters=[("video_id", "in", here)])
        frame = rows.to_pandas()
        for video, number, face, png in frame.itertuples(index=False):
            if wanted[video] == (number, face):
                found[video] = _thumbnail(png)
    return found


def _thumbnail(png: bytes) -> bytes:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        small = picture.convert("RGB").resize((PIXELS, PIXELS), Image.Resampling.LANCZOS)
    small.save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()
