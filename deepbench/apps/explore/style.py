"""How the explorer's pages look, and the small pieces of HTML that its tabs share."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
CSS = f"<style>{(FOLDER / 'page.css').read_text('utf-8')}</style>"
NAMES = (FOLDER / "page.js").read_text("utf-8")


class Cell(NamedTuple):
    """A table's cell: plain text, plain small lines, and a plain reason where there is nothing."""

    text: str
    small: Sequence[str] = ()
    note: str = ""


Row = Sequence[Cell | str]


def table(caption: str, head: Sequence[str], rows: Sequence[Row]) -> str:
    """A table whose first column names the rows; everything in it is escaped."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = [
        "<tr>" + "".join(_cell(cell, "td" if i else "th") for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    ]
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(cell: Cell | str, tag: str) -> str:
    if isinstance(cell, str):
        cell = Cell(cell)
    small = "".join(f"<small>{escape(line)}</small>" for line in cell.small if line)
    note = f'<small class="note">{escape(cell.note)}</small>' if cell.note else ""
    scope = ' scope="row"' if tag == "th" else ""
    return f"<{tag}{scope}>{escape(cell.text)}{small}{note}</{tag}>"


def paragraph(text: str, kind: str = "") -> str:
    """A sentence; of a kind `banner` or `error` it stands out."""
    of = f' class="{kind}"' if kind else ""
    return f"<p{of}>{escape(text)}</p>" if text else ""


def status(text: str) -> str:
    """A sentence that a screen reader says when it changes."""
    return f'<p role="status">{escape(text)}</p>'
