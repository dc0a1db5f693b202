"""What was lost on the way from the manifest to the scores."""

from typing import NamedTuple

import pandas as pd

from deepbench.core import tables
from deepbench.reporting import html
from deepbench.reporting.analyses import frames
from deepbench.reporting.crosstab import records
from deepbench.reporting.inputs import Inputs, scorers

SHOWN = 200  # rows of problems; a page of a hundred thousand opens in no browser


class Problems(NamedTuple):
    """The first rows of problems, and how many there are in all."""

    table: html.Table
    total: int

    @property
    def summary(self) -> str:
        """How many are shown, as a heading."""
        shown = min(self.total, SHOWN)
        return f"All {self.total}" if shown == self.total else f"{shown} of {self.total:,}"


STEPS = {
    "videos": "Videos",
    "videos_decoded": "Videos decoded",
    "videos_with_face": "Videos with a face",
    "videos_scored": "Videos scored by all",
    "frames_expected": "Frames expected",
    "frames_decoded": "Frames decoded",
    "frames_with_face": "Frames with a face",
}


def counts(inputs: Inputs) -> pd.DataFrame:
    """Videos and frames that reached each step: a row per data set, split and label."""
    # a video without a ledger row has reached nothing
    table = inputs.manifest.merge(inputs.ledger, on="video_id", how="left")
    of_frames = [column for column in STEPS if column.startswith("frames_")]
    table[of_frames] = table[of_frames].fillna(0).astype(int)
    scored = inputs.videos.dropna(subset="fake_prob").groupby("video_id")["scorer"].nunique()
    table["videos"] = 1
    table["videos_decoded"] = table["frames_decoded"] > 0
    table["videos_with_face"] = table["frames_with_face"] > 0
    table["videos_scored"] = table["video_id"].map(scored).fillna(0) == len(scorers(inputs))
    table["dataset"] = pd.Categorical(table["dataset"], inputs.settings.datasets)
    groups = table.groupby(["dataset", "split", "label"], observed=True)
    return groups[list(STEPS)].sum().reset_index().astype({"dataset": "str"})


def losses(inputs: Inputs) -> html.Table:
    """The same as a table of the page."""
    rows = [
        html.row(
            f"{row['dataset']}, {row['split']}, {'fake' if row['label'] else 'real'}",
            *(int(row[step]) for step in STEPS),
        )
        for row in records(counts(inputs))
    ]
    columns = ["Data set, split, class", *STEPS.values()]
    return html.Table("How many videos and frames reached each step", columns, rows)


def undefined(inputs: Inputs) -> pd.DataFrame:
    """Figures without a value or an interval: how many of each table and why."""
    named = {tables.RESULTS.name: inputs.results} | frames(inputs.analyses)
    parts = [
        table.loc[table["value"].isna() | table["low"].isna(), ["note"]].assign(
            table=name, lacks=table["value"].isna().map({True: "value", False: "interval"})
        )
        for name, table in named.items()
        if {"value", "low", "note"} <= set(table.columns)
    ]
    together = pd.concat(parts, ignore_index=True)
    together["note"] = together["note"].where(together["note"] != "", "the table gives no reason")
    groups = together.groupby(["table", "lacks", "note"], sort=False)
    return groups.size().rename("figures").reset_index()


def gaps(inputs: Inputs) -> html.Table:
    """The same as a table of the page."""
    rows = [
        html.row(str(r["note"]), str(r["lacks"]), str(r["table"]), int(r["figures"]))
        for r in records(undefined(inputs))
    ]
    return html.Table("Figures not given", ["Why", "Lacks", "Table", "Figures"], rows)


def problems(inputs: Inputs) -> Problems:
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
            f"only the first {SHOWN} rows are shown; artifacts/faces/<dataset>/ledger-*.parquet "
            "has all problems of faces, artifacts/videos.parquet those of scorers"
        )
        rows.append(html.row(f"{len(found) - SHOWN:,} more rows", where, "not shown"))
    table = html.Table("Videos with a problem", ["Video", "Problem", "Found by"], rows)
    return Problems(table, len(found))


def _names(said_by: list[str], everyone: list[str]) -> str:
    """Who says it, in short where all do."""
    if set(everyone) <= set(said_by):
        return ", ".join([name for name in said_by if name not in everyone] + ["every scorer"])
    return ", ".join(said_by)
