"""Tables with one column for the rows' names and one for the columns', spread out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from deepbench.reporting import html

Row = dict[str, Any]


class Axis(NamedTuple):
    """A column of the table, its title, and which values in which order; `None` takes what is."""

    column: str
    title: str = ""
    values: list[str] | None = None

    def of(self, frame: pd.DataFrame) -> list[str]:
        """The values that the frame holds, in order; strangers to the order come last."""
        found = list(dict.fromkeys(frame[self.column]))
        named = [value for value in self.values or [] if value in found]
        return [*named, *(value for value in found if value not in named)]


def crosstab(
    caption: str, frame: pd.DataFrame, down: Axis, across: Axis, cell: Callable[[Row], html.Cell]
) -> html.Table:
    """A row per value of `down`, a column per value of `across`; what is not there is said."""
    rows: dict[tuple[str, str], Row] = {
        (row[down.column], row[across.column]): row for row in records(frame)
    }
    absent = html.Cell("not in the table", undefined=True)
    columns = across.of(frame)
    lines = [
        html.row(
            name,
            *(cell(rows[name, c]) if (name, c) in rows else absent for c in columns),
        )
        for name in down.of(frame)
    ]
    return html.Table(caption, [down.title, *columns], lines)


def records(frame: pd.DataFrame) -> list[Row]:
    """Rows as dictionaries."""
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def estimate(row: Row) -> html.Cell:
    """The value of a row with its interval, or its reason."""
    return html.estimate(row["value"], row["low"], row["high"], row["note"])


def difference(row: Row) -> html.Cell:
    """The same with signs."""
    return html.difference(row["value"], row["low"], row["high"], row["note"])


def more(cell: html.Cell, *lines: str) -> html.Cell:
    """A cell with further small lines."""
    return cell._replace(small=(*cell.small, *lines))


def noted(cell: html.Cell, other: html.Cell) -> html.Cell:
    """A cell with another one's notes as well, each once."""
    return cell._replace(notes=tuple(dict.fromkeys((*cell.notes, *other.notes))))
