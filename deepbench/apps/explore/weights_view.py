"""The explorer's first tab: sliders for weights, and what they are worth."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets

from deepbench.apps.explore import presets, style, weights_html, worth
from deepbench.apps.explore.weights import DEVELOPMENT, Rivals, Weighting, Workbench
from deepbench.core import blocks
from deepbench.statistics.ensembles import ENSEMBLES
from deepbench.statistics.pooling import POOLS

AT_ONCE = 0.1  # seconds: intervals that take longer wait until the slider rests ...
LONGEST_REST = 0.4  # ... for as long as they take, or so many seconds
HEAVIEST = 10.0
ADVICE = (
    "Weights chosen by looking at test figures look too good on them: fit on the development "
    "split, then look."
)
WIDE = widgets.Layout(width="auto")
LABELLED = {"description_width": "7rem"}


class Later:
    """A call that waits until nothing has asked for it anew for a while."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._waiting: asyncio.TimerHandle | None = None

    def ask(self, seconds: float) -> None:
        """Call after a rest, or at once where no event loop runs, as in a script."""
        self.drop()
        try:
            self._waiting = asyncio.get_running_loop().call_later(seconds, self._call)
        except RuntimeError:
            self._call()

    def drop(self) -> None:
        """Forget the call."""
        if self._waiting is not None:
            self._waiting.cancel()


class WeightsTab:
    """Controls and figures; `box` is the widget."""

    def __init__(self, bench: Workbench) -> None:
        self._bench, self._settings = bench, bench.stored.settings
        self._held, self._cost = False, 0.0
        self._later = Later(self._intervals)
        self._rivals: Rivals
        self._controls()
        self._table, self._figures = widgets.HTML(layout=WIDE), widgets.HTML(layout=WIDE)
        self._status, self._headline = widgets.HTML(layout=WIDE), widgets.HTML(layout=WIDE)
        column = widgets.Layout(flex="1 1 19rem", max_width="26rem", padding="0 1rem 0 0")
        left = widgets.VBox(self._left(), layout=column)
        shown = [self._cell, self._figures, self._table]
        right = widgets.VBox(shown, layout=widgets.Layout(flex="3 1 20rem", min_width="0"))
        self.box = widgets.Box([left, right], layout=widgets.Layout(flex_flow="row wrap"))
        self._preset(next(iter(self._settings.videos.ensembles), ""))

    def _controls(self) -> None:
        videos = self._settings.videos
        self.preset = _choice("Preset", ["", *videos.ensembles])
        self.rule = _choice("Rule", list(ENSEMBLES))
        self.pooling = _choice("Frames to video", list(POOLS))
        self.pooling.value = videos.pooling
        self._cell = _choice("Figures of", [cell.title for cell in self._bench.cells])
        self.sliders = {name: self._slider(name) for name in self._bench.members}
        self._shares = {name: widgets.HTML() for name in self.sliders}
        self.threshold = widgets.FloatSlider(
            value=self._settings.results.threshold, min=0.01, max=0.99, step=0.01,
            description="Threshold", style=LABELLED, layout=WIDE,
        )  # fmt: skip
        self.name = widgets.Text(
            description="Name", placeholder="mostly_effort", style=LABELLED, layout=WIDE
        )
        self.replace = widgets.Checkbox(description="Replace if it exists", indent=False)
        for one in (self.rule, self.pooling, self.threshold, self._cell, *self.sliders.values()):
            one.observe(self._changed, "value")
        self.preset.observe(lambda change: self._preset(change["new"]), "value")

    def _slider(self, name: str) -> widgets.FloatSlider:
        return widgets.FloatSlider(
            value=0, min=0, max=HEAVIEST, step=0.1, readout_format=".1f",
            description=name, style=LABELLED, layout=widgets.Layout(flex="1 1 auto", min_width="0"),
        )  # fmt: skip

    def _left(self) -> list[widgets.Widget]:
        rows = [
            widgets.HBox([slider, self._shares[name]], layout=WIDE)
            for name, slider in self.sliders.items()
        ]
        fits = [
            _button("Fit weights on development", lambda _: self._fit()),
            _button("Stack on development", lambda _: self._stack()),
        ]
        save = _button("Write to params.yaml", lambda _: self._save())
        return [
            *(self.preset, self.rule, *rows, self._headline),
            widgets.Box(fits, layout=widgets.Layout(flex_flow="row wrap")),
            *(self.pooling, self.threshold),
            widgets.HTML(style.paragraph(ADVICE), layout=WIDE),
            *(self.name, self.replace, save, self._status),
        ]

    @property
    def weighting(self) -> Weighting:
        """What the controls say now."""
        weights = {name: slider.value for name, slider in self.sliders.items()}
        return Weighting(self.rule.value, weights, self.pooling.value)

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Several controls changed as one."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self._refresh()

    def _set(self, rule: str, weights: dict[str, float]) -> None:
        with self._together():
            self.rule.value = rule
            for name, slider in self.sliders.items():
                weight = weights.get(name, 0.0)
                slider.max = max(HEAVIEST, weight)
                slider.value = weight

    def _preset(self, name: str) -> None:
        """An ensemble of params.yaml; without a name, the controls as they are."""
        ensembles = self._settings.videos.ensembles
        if name in ensembles:
            self._set(ensembles[name].rule, dict(ensembles[name].weights))
            with self._together():
                self.preset.value = name
        else:
            self._refresh()

    def _fit(self) -> None:
        try:
            shares = self._bench.fit(self.pooling.value)
        except ValueError as error:
            self._say(str(error))
            return
        self._set("weighted_mean", {name: HEAVIEST * share for name, share in shares.items()})
        count = len(self._bench.development.sample.labels)
        self._say(f"Weights of the highest AUC on the {count} videos of the {DEVELOPMENT} split.")

    def _stack(self) -> None:
        self._set("stack", dict.fromkeys(self._settings.detectors, 1.0))
        self._say(f"A logistic regression fitted on the {DEVELOPMENT} split; a weight of 0 is out.")

    def _changed(self, change: dict[str, Any]) -> None:
        if not self._held:
            self._refresh()

    def _refresh(self) -> None:
        """Figures and AUCs at once; intervals too where they take no longer than a blink."""
        self._later.drop()
        weighting = self.weighting
        for name, share in weighting.shares.items():
            self._shares[name].value = f"<span class='share'>{100 * share:.0f} %</span>"
        self._rivals = self._bench.rivals(weighting)
        cell = next(c for c in self._bench.cells if c.title == self._cell.value)
        self._figures.value = style.paragraph(self._rivals.why, "error") + weights_html.figures(
            self._rivals, cell, self.threshold.value
        )
        if self._cost <= AT_ONCE:
            self._intervals()
        else:
            self._tell(computing=True)
            self._later.ask(min(self._cost, LONGEST_REST))

    def _intervals(self) -> None:
        start = time.perf_counter()
        self._tell(computing=False)
        self._cost = time.perf_counter() - start

    def _tell(self, computing: bool) -> None:
        draws = None if computing else self._bench.draws
        rows = [worth.worth(self._rivals, cell, draws) for cell in self._bench.cells]
        chosen = self._rivals.chosen
        said = style.paragraph(
            f"Best single: {chosen.name or 'none'}, by its AUC on the {DEVELOPMENT} split. "
            f"{chosen.note}".strip()
        )
        self._table.value = weights_html.auc_table(rows, chosen.name, computing) + said
        # on a telephone the table is far below the sliders
        mine = next(row for row in rows if row.title == self._cell.value)
        self._headline.value = weights_html.headline(mine, computing)

    def _save(self) -> None:
        weighting = self.weighting
        path = self._bench.stored.root / "params.yaml"
        try:
            ensemble = blocks.Ensemble.model_validate(
                {"rule": weighting.rule, "weights": weighting.used}
            )
            said = presets.save(path, self.name.value, ensemble, self.replace.value)
        except (ValueError, OSError) as error:
            self._say(str(error))
            return
        if weighting.pooling != (shared := self._settings.videos.pooling):
            said += f"; videos.pooling, which is for all scorers, is {shared}, not yours"
        self._say(f"{said}.")

    def _say(self, text: str) -> None:
        self._status.value = style.status(text)


def _choice(label: str, options: list[str]) -> widgets.Dropdown:
    return widgets.Dropdown(description=label, options=options, style=LABELLED, layout=WIDE)


def _button(label: str, act: Callable[[object], None]) -> widgets.Button:
    made = widgets.Button(description=label, layout=widgets.Layout(width="auto"))
    made.on_click(act)
    return made
