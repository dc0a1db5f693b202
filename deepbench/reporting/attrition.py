"""What was lost on the way from the manifest to the scores."""

import pandas as pd

from deepbench.reporting import html
from deepbench.reporting.inputs import Inputs, scorers


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
    """Every video with a problem, each sentence once, and who says it."""
    ledger = inputs.ledger.assign(scorer="faces")
    columns = ["video_id", "scorer", "problem"]
    said = pd.concat([ledger[columns], inputs.videos[columns]], ignore_index=True)
    said = said[said["problem"] != ""]
    rank = {"faces": -1} | {name: place for place, name in enumerate(scorers(inputs))}
    said = said.sort_values("scorer", key=lambda names: names.map(rank), kind="stable")
    rows = [
        html.row(str(video), str(sentence), _names(group["scorer"].tolist(), scorers(inputs)))
        for (video, sentence), group in said.groupby(["video_id", "problem"])
    ]
    return html.Table("Videos with a problem", ["Video", "Problem", "Found by"], rows)


def _names(said_by: list[str], everyone: list[str]) -> str:
    """Who says it, in short where all do."""
    if set(everyone) <= set(said_by):
        return ", ".join([name for name in said_by if name not in everyone] + ["every scorer"])
    return ", ".join(said_by)
