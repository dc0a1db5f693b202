"""HTML that stands alone: tables and figures as data, one template, no network."""

import base64
import io
import math
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jinja2
import matplotlib as mpl
from matplotlib.figure import Figure

FOLDER = Path(__file__).parent
PLACED = re.compile(r' (?:d|x|y)="[^"]*"')  # not scales, which need all their digits
REPEATED = 3  # cells
DIGITS = re.compile(r"(\.\d\d)\d+")


class Cell(NamedTuple):
    """One table cell: the figure, and small lines below it."""

    text: str
    small: tuple[str, ...] = ()
    undefined: bool = False
    value: float | None = None  # by which its column sorts; None sorts by the text
    notes: tuple[str, ...] = ()  # small lines too; what many cells say stands below the table

    @property
    def sorting(self) -> str:
        """The value as JavaScript reads it."""
        if self.value is None:
            return ""
        return f"{self.value:.9g}".replace("inf", "Infinity")


class Table(NamedTuple):
    """A table as the template shows it; the first cell of each row names the row."""

    caption: str
    columns: list[str]
    rows: list[list[Cell]]


class Footnoted(NamedTuple):
    """Rows whose cells refer to what stands below the table."""

    rows: list[list[Cell]]
    below: list[str]


def footnoted(table: Table) -> Footnoted:
    """Notes that at least `REPEATED` cells share, once and numbered; the others stay in place."""
    said = Counter(note for line in table.rows for cell in line for note in cell.notes)
    numbers = {note: n for n, note in enumerate((m for m in said if said[m] >= REPEATED), 1)}

    def refer(cell: Cell) -> Cell:
        own = tuple(note for note in cell.notes if note not in numbers)
        marks = " ".join(f"({numbers[note]})" for note in cell.notes if note in numbers)
        return cell._replace(small=(*cell.small, *own, marks))

    rows = [[refer(cell) if cell.notes else cell for cell in line] for line in table.rows]
    return Footnoted(rows, [f"({n}) {note}" for note, n in numbers.items()])


class Picture(NamedTuple):
    """A figure as a data URI, with the text for those who do not see it."""

    uri: str
    alt: str


def photograph(jpeg: bytes, alt: str) -> Picture:
    """Embed a JPEG."""
    return Picture(f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}", alt)


def picture(figure: Figure, alt: str) -> Picture:
    """Embed a figure as SVG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    # text as paths looks alike everywhere; a random salt and a date would change the bytes
    with mpl.rc_context({"svg.hashsalt": "deepbench", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    encoded = base64.b64encode(_shorter(buffer.getvalue().decode()).encode()).decode()
    return Picture(f"data:image/svg+xml;base64,{encoded}", alt)


def _shorter(svg: str) -> str:
    """Coordinates to a hundredth of a point, which no one sees: a third of the bytes less."""
    return PLACED.sub(lambda found: DIGITS.sub(r"\1", found[0]), svg)


def number(value: float) -> str:
    """Three decimals, or `infinite`."""
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    return f"{value:.3f}"


def signed(value: float) -> str:
    """Three decimals with a sign, for differences."""
    return number(value) if math.isinf(value) else f"{value:+.3f}"


def ms(value: float) -> str:
    """Milliseconds with about three digits."""
    if math.isnan(value):
        return "not measured"
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


def p(value: float) -> str:
    """A p-value with two digits, never a bare 0; nothing where there is none."""
    if math.isnan(value):
        return ""
    return "p < 0.001" if value < 0.001 else f"p {value:.2g}"


def interval(low: float, high: float) -> str:
    """[low, high], or that there is none."""
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    return f"[{number(low)}, {number(high)}]"


def estimate(value: float, low: float, high: float, note: str) -> Cell:
    """A figure with its interval; in place of what is NaN stands its reason."""
    return _estimate(number(value), value, (low, high), note)


def difference(value: float, low: float, high: float, note: str) -> Cell:
    """The same with signs."""
    return _estimate(signed(value), value, (low, high), note)


def _estimate(text: str, value: float, ends: tuple[float, float], note: str) -> Cell:
    reason = note or "undefined, and the table gives no reason"
    if math.isnan(value):
        return Cell(reason, undefined=True)
    if math.isnan(ends[0]):
        return Cell(text, value=value, notes=tuple(reason.split("; ")))
    # what else is to be said of a figure with an interval, as on how few reals a threshold rests
    return Cell(
        text, (interval(*ends),), value=value, notes=tuple(note.split("; ") if note else ())
    )


def row(*texts: str | int | Cell) -> list[Cell]:
    """Cells out of plain values; whole numbers with thousands set apart."""
    return [
        value
        if isinstance(value, Cell)
        else Cell(f"{value:,}", value=value)
        if isinstance(value, int)
        else Cell(value)
        for value in texts
    ]


def share(value: float) -> Cell:
    """A number that has neither interval nor note."""
    return (
        Cell("undefined", undefined=True) if math.isnan(value) else Cell(number(value), value=value)
    )


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["footnoted"] = footnoted
    return made


def render(template: str, values: Mapping[str, object]) -> str:
    """Fill a template of this folder; every value is escaped."""
    return _environment().get_template(template).render(values)
