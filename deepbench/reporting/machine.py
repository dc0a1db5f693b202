"""report.json: every figure of the page for programs, out of the same tables."""

import json
import math

import numpy as np
import pandas as pd

from deepbench.core import evidence, findings
from deepbench.reporting import attrition, comparisons, frequency, headline, published
from deepbench.reporting.analyses import frames
from deepbench.reporting.inputs import Inputs, incomplete, scorers

SCHEMA = 1
ABOUT = (
    "Every figure of the report. A section is a table: `rows` hold the values of `columns` in "
    "their order. A number has 6 significant digits; null is undefined, and the row's note says "
    "why; an infinite number is the text infinite. Columns are described in "
    "deepbench/core/tables.py and findings.py. The curves of spectra stand in artifacts/spectra."
)
# pictures rather than figures: artifacts/spectra holds them
CURVES = (evidence.SPECTRA.name, evidence.SUMMARIES.name, evidence.MEAN_SPECTRA.name)
Plain = float | int | str | bool | None


def compose(inputs: Inputs) -> str:
    """The figures as JSON: schema, state and sections; equal inputs give equal bytes."""
    settings = inputs.settings
    head = {
        "schema": SCHEMA,
        "about": ABOUT,
        "state": inputs.state.digest,
        "data_md5": inputs.state.data,  # as DVC has it; empty where dvc.lock does not record it
        "incomplete": incomplete(inputs),
        "sample": list(inputs.samples),
        "demo_weights": sorted({run.detector for run in inputs.runs if run.demo}),
        "datasets": settings.datasets,
        "scorers": scorers(inputs),
        "interval": settings.results.interval,
        "threshold": settings.results.threshold,
    }
    sections = [f"{json.dumps(name)}: {_section(t)}" for name, t in _tables(inputs).items()]
    return f'{json.dumps(head)[:-1]}, "sections": {{\n' + ",\n".join(sections) + "}}\n"


def _tables(inputs: Inputs) -> dict[str, pd.DataFrame]:
    parts = frames(inputs.analyses)
    curves = {name: parts.pop(name) for name in CURVES}
    return {
        "detectors": _of([vars(run) for run in inputs.runs], ["card"]),
        "external": _of([vars(one) for one in inputs.external], []),
        "results": inputs.results.drop(columns="protocol"),  # one line, again in every row
        "interval_widths": pd.DataFrame([headline.widths(inputs)._asdict()]),
        **parts,
        "pairs_that_differ": comparisons.differing(inputs),
        findings.SIMPLEX.name: _wide(parts[findings.SIMPLEX.name]),
        "frequency_effects": frequency.telling(curves[evidence.SPECTRA.name]),
        "map_checks": inputs.explanations.checks,
        "errors": _of([vars(exhibit) for exhibit in inputs.exhibits], ["jpeg"]),
        "videos_lost": attrition.counts(inputs),
        "figures_not_given": attrition.undefined(inputs),
        "published_protocol": inputs.published,
        "published_figures": _of(published.rows(inputs), []),
    }


def _of(rows: list[dict[str, object]], without: list[str]) -> pd.DataFrame:
    return pd.DataFrame(rows).drop(columns=without if rows else [])


def _wide(points: pd.DataFrame) -> pd.DataFrame:
    """One row per weighting, with a column of weights per detector."""
    keys = ["dataset", "split", "point", "auc", "flat"]
    if points.empty:
        return points
    wide = points.set_index([*keys, "detector"])["weight"].unstack("detector", sort=False)
    return wide.rename(columns=lambda name: f"weight {name}").reset_index()


def _section(table: pd.DataFrame) -> str:
    """One table; a line per row, so that a change shows where it is."""
    rows = table.itertuples(index=False, name=None)
    lines = [json.dumps([_plain(value) for value in row], allow_nan=False) for row in rows]
    body = ",\n".join(lines)
    return f'{{"columns": {json.dumps(list(table.columns))}, "rows": [\n{body}]}}'


def _plain(value: object) -> Plain:
    """A value as JSON knows it."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float):
        if math.isnan(plain):
            return None
        if math.isinf(plain):
            return "infinite" if plain > 0 else "minus infinite"
        return float(f"{plain:.6g}")
    if isinstance(plain, bool | int) or plain is None:
        return plain
    return str(plain)
