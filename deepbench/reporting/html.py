"""HTML that stands alone: tables and figures as data, one template, no network."""

import base64
import io
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jinja2
import matplotlib as mpl
from matplotlib.figure import Figure

FOLDER = Path(__file__).parent


class Cell(NamedTuple):
    """One table cell: the figure, and small lines below it."""

    text: str
    small: tuple[str, ...] = ()
    undefined: bool = False


class Table(NamedTuple):
    """A table as the template shows it; the first cell of each row names the row."""

    caption: str
    columns: list[str]
    rows: list[list[Cell]]


class Picture(NamedTuple):
    """A figure as a data URI, with the text for those who do not see it."""

    uri: str
    alt: str


def picture(figure: Figure, alt: str) -> Picture:
    """Embed a figure as SVG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    # text as paths looks alike everywhere; a random salt and a date would change the bytes
    with mpl.rc_context({"svg.hashsalt": "deepbench", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return Picture(f"data:image/svg+xml;base64,{encoded}", alt)


def number(value: float) -> str:
    """Three decimals, or `infinite`."""
    return "infinite" if math.isinf(value) else f"{value:.3f}"


def interval(low: float, high: float) -> str:
    """[low, high], or that there is none."""
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    return f"[{number(low)}, {number(high)}]"


def estimate(value: float, low: float, high: float, note: str) -> Cell:
    """A figure with its interval; in place of what is NaN stands its reason."""
    reason = note or "undefined, and the table gives no reason"
    if math.isnan(value):
        return Cell(reason, undefined=True)
    if math.isnan(low):
        return Cell(number(value), (reason,))
    return Cell(number(value), (interval(low, high),))


def row(*texts: str | int | Cell) -> list[Cell]:
    """Cells out of plain values; whole numbers with thousands set apart."""
    return [
        value
        if isinstance(value, Cell)
        else Cell(f"{value:,}" if isinstance(value, int) else value)
        for value in texts
    ]


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, values: Mapping[str, object]) -> str:
    """Fill a template of this folder; every value is escaped."""
    return _environment().get_template(template).render(values)
