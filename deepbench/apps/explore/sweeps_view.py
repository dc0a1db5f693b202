"""The explorer's third tab: any two runs, what differs in their figures and their settings."""

import math
from pathlib import Path

import ipywidgets as widgets

from deepbench.apps.explore import style, sweeps
from deepbench.apps.explore.style import Cell
from deepbench.apps.explore.sweeps import Difference, Run

AUTO = widgets.Layout(width="auto")
LABELLED = {"description_width": "6.5rem"}
MOST_SHOWN = 200  # figures; words narrow them down
NOW = "the working tree"


class SweepsTab:
    """Two runs and what differs; `box` is the widget. Nothing is read before `open`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._runs: dict[str, Run] = {}
        self._commits: dict[str, str] = {}
        # takes any text: a revision of git need not be in the list
        self.before, self.after = _choice("Before"), _choice("After")
        self.words = widgets.Text(
            value="auc", description="Figures with", placeholder="auc dfdc", style=LABELLED,
            layout=AUTO, continuous_update=False,
        )  # fmt: skip
        self._status, self._shown = widgets.HTML(layout=AUTO), widgets.HTML(layout=AUTO)
        self.box = widgets.VBox([self._status, self.before, self.after, self.words, self._shown])
        for one in (self.before, self.after, self.words):
            one.observe(lambda _: self._compare(), "value")

    def open(self) -> None:
        """Read what there is, once: MLflow takes seconds."""
        if self.before.options:
            return
        self._say("Reading MLflow and git ...")
        self._commits = sweeps.revisions(self._root)
        self._runs = sweeps.logged(self._root)
        titles = [NOW, *self._commits, *self._runs]
        for one in (self.before, self.after):
            one.options = titles
        parents = [title for title in self._runs if title.startswith("MLflow: state ")]
        pair = parents[1::-1] or [next(iter(self._commits), NOW), NOW]
        self.before.value, self.after.value = pair[0], pair[-1]
        self._say(
            f"{len(self._runs)} runs of MLflow, {len(self._commits)} commits that changed settings "
            "or figures. Any other revision of git can be typed, as HEAD~5."
        )
        self._compare()

    def _run(self, title: str) -> Run:
        if title in self._runs:
            return self._runs[title]
        if title == NOW:
            return sweeps.working(self._root)
        return sweeps.committed(self._root, self._commits.get(title, title.strip()))

    def _compare(self) -> None:
        if not (self.before.value and self.after.value):
            return
        try:
            before, after = self._run(self.before.value), self._run(self.after.value)
        except (ValueError, OSError) as error:
            self._shown.value = style.paragraph(str(error), "error")
            return
        self._shown.value = _settings(before, after) + _figures(before, after, self.words.value)

    def _say(self, text: str) -> None:
        self._status.value = style.status(text)


def _settings(before: Run, after: Run) -> str:
    changes = sweeps.changes(before, after)
    if not changes:
        return style.paragraph("Both have the same settings.")
    head = ["setting", "before", "after"]
    return style.table(f"{len(changes)} settings differ", head, changes)


def _figures(before: Run, after: Run, words: str) -> str:
    found = sweeps.differences(before, after, words)
    if not found:
        return style.paragraph(f"Neither has a figure with {words!r} in its name.")
    head = ["figure", "before", "after", "after - before"]
    shown = f"the first {MOST_SHOWN} of " if len(found) > MOST_SHOWN else ""
    caption = f"Figures: {shown}{len(found)}, those that differ most first"
    return style.table(caption, head, [_row(one) for one in found[:MOST_SHOWN]])


def _row(one: Difference) -> list[Cell | str]:
    numbers = [f"{v:.4g}" if not math.isnan(v) else "none" for v in (one.before, one.after)]
    lost = math.isnan(one.difference)
    return [one.name, *numbers, "" if lost else f"{one.difference:+.4g}"]


def _choice(label: str) -> widgets.Combobox:
    return widgets.Combobox(
        description=label, style=LABELLED, layout=AUTO, continuous_update=False,
        placeholder="a run, or a revision of git",
    )  # fmt: skip
