"""Figures as SVG text: drawn in a millisecond, where a figure of matplotlib takes a hundred.

Texts are escaped here; callers pass plain text.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# Okabe and Ito (2008): told apart with every kind of colour vision
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("", "7 4", "2 3", "8 3 2 3")
WIDE, HIGH = 340.0, 290.0
LEFT, RIGHT, TOP, BELOW = 54.0, 10.0, 10.0, 40.0
MARK = 'stroke="#1c2126" stroke-dasharray="5 3"'
MOST_POINTS = 400  # of a line: no screen shows more

Numbers = Float[np.ndarray, "point"]


class Axis(NamedTuple):
    """Ends of an axis, its ticks with their texts, and what it is."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    title: str


class Frame(NamedTuple):
    """A figure's axes."""

    across: Axis
    up: Axis

    def x(self, values: Numbers) -> Numbers:
        """Places from left, in the figure's units."""
        share = (values - self.across.low) / (self.across.high - self.across.low)
        return np.asarray(LEFT + share * (WIDE - LEFT - RIGHT))

    def y(self, values: Numbers) -> Numbers:
        """Places from the top."""
        share = (values - self.up.low) / (self.up.high - self.up.low)
        return np.asarray(HIGH - BELOW - share * (HIGH - TOP - BELOW))


class Look(NamedTuple):
    """Colour and dashes of a line; its key in the legend."""

    name: str
    colour: str
    dashes: str = ""


def look(name: str, place: int) -> Look:
    """The n-th line's look, different for the first 28."""
    return Look(name, COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)])


def line(frame: Frame, x: Numbers, y: Numbers, of: Look) -> str:
    """A line through points; breaks where a value is not finite."""
    if len(x) > MOST_POINTS:
        kept = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(np.int64))
        x, y = x[kept], y[kept]
    pieces, before = [], False
    for a, b in zip(frame.x(x).tolist(), frame.y(y).tolist(), strict=True):
        there = bool(np.isfinite(a) and np.isfinite(b))
        if there:
            pieces.append(f"{'L' if before else 'M'}{a:.1f} {b:.1f}")
        before = there
    dashes = f' stroke-dasharray="{of.dashes}"' if of.dashes else ""
    return (
        f'<path d="{"".join(pieces)}" fill="none" stroke="{of.colour}" stroke-width="2"{dashes}/>'
    )


def dots(frame: Frame, x: Numbers, y: Numbers, of: Look) -> str:
    """A dot at each point that is finite."""
    places = zip(frame.x(x).tolist(), frame.y(y).tolist(), strict=True)
    return "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{of.colour}"/>'
        for a, b in places
        if np.isfinite(a) and np.isfinite(b)
    )


def band(frame: Frame, x: Numbers, low: Numbers, high: Numbers) -> str:
    """A grey area between two lines."""
    there = np.isfinite(low) & np.isfinite(high)
    if not there.any():
        return ""
    around = np.concatenate([x[there], x[there][::-1]])
    edge = np.concatenate([low[there], high[there][::-1]])
    points = " ".join(
        f"{a:.1f},{b:.1f}" for a, b in zip(frame.x(around), frame.y(edge), strict=True)
    )
    return f'<polygon points="{points}" fill="#b9c0c7" fill-opacity="0.6"/>'


def bars(
    frame: Frame, edges: Float[np.ndarray, "edge"], heights: Float[np.ndarray, "bin"], of: Look
) -> str:
    """A histogram, see-through, so that two can lie over each other."""
    x, y, ground = frame.x(edges), frame.y(heights), float(frame.y(np.zeros(1))[0])
    return "".join(
        f'<rect x="{x[i]:.1f}" y="{y[i]:.1f}" width="{x[i + 1] - x[i]:.1f}" '
        f'height="{ground - y[i]:.1f}" fill="{of.colour}" fill-opacity="0.45" '
        f'stroke="{of.colour}"/>'
        for i in np.flatnonzero(heights > 0)
    )


def upright(frame: Frame, value: float) -> str:
    """A line from the bottom to the top, as of a threshold or a cursor."""
    x = float(frame.x(np.array([value]))[0])
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HIGH - BELOW}" {MARK}/>'


def level(frame: Frame, value: float) -> str:
    """A line from left to right."""
    y = float(frame.y(np.array([value]))[0])
    return f'<line x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" {MARK}/>'


def figure(title: str, frame: Frame, layers: Sequence[str], alt: str, looks: Sequence[Look]) -> str:
    """A figure with its heading, axes and legend; `alt` is for those who do not see it."""
    keys = "".join(
        f'<span><svg width="26" height="10" aria-hidden="true"><line x1="0" x2="26" y1="5" y2="5" '
        f'stroke="{of.colour}" stroke-width="3" stroke-dasharray="{of.dashes}"/></svg> '
        f"{escape(of.name)}</span>"
        for of in looks
    )
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{escape(alt)}">'
        f"{_axes(frame)}{''.join(layers)}</svg><p class='key'>{keys}</p></figure>"
    )


def _axes(frame: Frame) -> str:
    bottom, right = HIGH - BELOW, WIDE - RIGHT
    pieces = [f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#595959"/>']
    for value, text in frame.across.ticks:
        x = float(frame.x(np.array([value]))[0])
        pieces.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        pieces.append(_text(x, bottom + 16, text, "middle"))
    for value, text in frame.up.ticks:
        y = float(frame.y(np.array([value]))[0])
        pieces.append(f'<line x1="{LEFT - 4}" x2="{LEFT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        pieces.append(_text(LEFT - 7, y + 4, text, "end"))
    pieces.append(_text((LEFT + right) / 2, HIGH - 6, frame.across.title, "middle"))
    turned = f'transform="rotate(-90 11 {(TOP + bottom) / 2:.0f})"'
    pieces.append(_text(11.0, (TOP + bottom) / 2, frame.up.title, "middle", turned))
    return f'<g stroke="#595959" class="axes">{"".join(pieces)}</g>'


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" stroke="none" {more}>'
        f"{escape(text)}</text>"
    )


def shares(title: str) -> Axis:
    """An axis from 0 to 1."""
    return Axis(0.0, 1.0, [(v, f"{v:g}") for v in (0.0, 0.25, 0.5, 0.75, 1.0)], title)


def counted(low: float, high: float, title: str) -> Axis:
    """An axis with about five round ticks."""
    if not high > low:
        low, high = low - 0.5, low + 0.5
    step = 10.0 ** np.floor(np.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 6)
    ticks = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
    return Axis(low, high, [(float(v), f"{v:g}") for v in ticks + 0.0], title)
