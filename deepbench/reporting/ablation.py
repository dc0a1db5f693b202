"""What each part of the fusion detector is worth, as a table of the report."""

from pathlib import Path
from typing import Any

import pandas as pd

from deepbench.core import tables
from deepbench.core.ablations import ABLATION, FUSED, PLACE
from deepbench.reporting import html


def section(root: Path = Path()) -> str:
    """HTML for the report, where the ablation has run; else nothing."""
    path = root / PLACE
    if not path.exists():
        return ""
    return html.render("ablation.html", {"view": table(tables.read(ABLATION, path))})


def table(found: pd.DataFrame) -> html.Table:
    """A row per variant; on each data set its AUC, and what it lacks to the fused detector."""
    datasets = list(dict.fromkeys(found["dataset"]))
    cells = {(row["dataset"], row["variant"]): row for row in found.to_dict("records")}
    rows = []
    for variant in dict.fromkeys(found["variant"]):
        own = [cells[dataset, variant] for dataset in datasets]
        epochs = f"{own[0]['head_epochs']} + {own[0]['backbone_epochs']}"
        rows.append(
            [
                *html.row(variant, own[0]["start"], epochs),
                *(cell for row in own for cell in _cells(row)),
            ]
        )
    heads = [head for dataset in datasets for head in (dataset, f"{dataset}, difference")]
    caption = "AUC per video of the fusion detector with a part left out or exchanged, test split"
    return html.Table(caption, ["Variant", "Start of the backbone", "Epochs", *heads], rows)


def _cells(row: dict[Any, Any]) -> tuple[html.Cell, html.Cell]:
    note = str(row["note"])
    value = html.estimate(row["value"], row["low"], row["high"], note)
    if row["variant"] == FUSED:
        return value, html.Cell("")
    ends = row["difference_low"], row["difference_high"]
    return value, html.difference(row["difference"], *ends, note)
