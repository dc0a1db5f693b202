"""What was lost on the way from the manifest to the scores."""

import pandas as pd

from deepbench.reporting import html
from deepbench.reporting.inputs import Inputs, scorers

SHOWN = 200  # rows of problems; a page of a hundred thousand opens in no browser


def losses(inputs: Inputs) -> html.Table:
    """Videos and frames that reached each step, per data set, split and class."""
    # a video without a ledger row has reached nothing
    table = inputs.manifest.merge(inputs.ledger, on="video_id", how="left")
    steps = [c for c in inputs.ledger.columns if c.startswith("frames_")]
    table[steps] = table[steps].fillna(0).astype(int)
    scored = inputs.videos.dropna(subset="fake_prob").groupby("video_id")["scorer"].nunique()
    table["scorers"] = table["video_id"].map(scored).fillna(0).astype(int)
    everyone = len(scorers(inputs))
    rows = []
    table["dataset"] = pd.Categorical(table["dataset"], inputs.settings.datasets)
    groups = table.groupby(["dataset", "split", "label"], observed=True)
    for (dataset, split, label), part in groups:
        rows.append(
            html.row(
                f"{dataset}, {split}, {'fake' if label else 'real'}",
                len(part),
                int((part["frames_decoded"] > 0).sum()),
                int((part["frames_with_face"] > 0).sum()),
                int((part["scorers"] == everyone).sum()),
                *(
                    int(part[c].sum())
                    for c in ("frames_expected", "frames_decoded", "frames_with_face")
                ),
            )
        )
    columns = [
        "Data set, split, class", "Videos", "Videos decoded", "Videos with a face",
        "Videos scored by all", "Frames expected", "Frames decoded", "Frames with a face",
    ]  # fmt: skip
    return html.Table("How many videos and frames reached each step", columns, rows)


def problems(inputs: Inputs) -> html.Table:
    """Every video with a problem, each sentence once, and who says it.

    Of more than `SHOWN` rows the first stand here, and a last one counts the rest.
    """
    everyone = scorers(inputs)
    ledger = inputs.ledger.assign(scorer="faces")
    columns = ["video_id", "scorer", "problem"]
    said = pd.concat([ledger[columns], inputs.videos[columns]], ignore_index=True)
    said = said[said["problem"] != ""]
    rank = {"faces": -1} | {name: place for place, name in enumerate(everyone)}
    said = said.sort_values("scorer", key=lambda names: names.map(rank), kind="stable")
    found = said.groupby(["video_id", "problem"], as_index=False).agg({"scorer": list})
    first = found.head(SHOWN)
    rows = [
        html.row(str(video), str(sentence), _names(names, everyone))
        for video, sentence, names in zip(
            first["video_id"], first["problem"], first["scorer"], strict=True
        )
    ]
    if len(found) > SHOWN:
        where = (
            f"only the first {SHOWN} rows are shown; artifacts/faces/<dataset>/ledger.parquet has "
            "all problems of faces, artifacts/videos.parquet those of scorers"
        )
        rows.append(html.row(f"{len(found) - SHOWN:,} more rows", where, "not shown"))
    return html.Table("Videos with a problem", ["Video", "Problem", "Found by"], rows)


def _names(said_by: list[str], everyone: list[str]) -> str:
    """Who says it, in short where all do."""
    if set(everyone) <= set(said_by):
        return ", ".join([name for name in said_by if name not in everyone] + ["every scorer"])
    return ", ".join(said_by)
