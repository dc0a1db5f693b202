"""The explorer's second tab: a list of videos, and everything about the one picked."""

from typing import Any

import ipywidgets as widgets
import pandas as pd

from deepbench.apps.explore import checkout, style, videos
from deepbench.apps.explore import videos_html as html
from deepbench.apps.explore.checkout import Stored
from deepbench.apps.explore.gradcam import Explained, Explainer, Rgb
from deepbench.apps.explore.videos import ANY, OUTCOMES, QUALITIES, Band, Filter
from deepbench.media import crops as stored_crops

AUTO = widgets.Layout(width="auto")
NARROW = widgets.Layout(width="auto", flex="1 1 15rem", min_width="0")
LABELLED = {"description_width": "6.5rem"}
MOST_LISTED = 500  # rows of the list; filters narrow it down
WRAP = widgets.Layout(flex_flow="row wrap")
WIDER = widgets.Layout(flex="2 1 19rem", min_width="0")


class VideosTab:
    """The list and the panels; `box` is the widget."""

    def __init__(self, stored: Stored) -> None:
        self._stored, self._threshold = stored, stored.settings.results.threshold
        self._explainer = Explainer(stored.root, stored.settings)
        self._tables: dict[str, pd.DataFrame] = {}
        self._bands: dict[str, Band] = {}
        self._maps: dict[tuple[str, int, int], list[Explained]] = {}
        self._held, self._picked = False, ""
        self._crops: pd.DataFrame | None = None
        self._pictures: list[Rgb] = []
        self._filters()
        self.videos = widgets.Select(description=html.aligned(html.HEAD), rows=10, layout=AUTO)
        self.videos.add_class("list")
        self.frame = widgets.IntSlider(
            description="Frame", min=0, max=0, style=LABELLED, layout=AUTO, readout=False
        )
        self.explain = widgets.Checkbox(
            description="Grad-CAM of this frame", indent=False, layout=AUTO
        )
        names = ("count", "facts", "strip", "figures", "maps", "status")
        self._shown = {name: widgets.HTML(layout=AUTO) for name in names}
        self.box = widgets.VBox(self._rows())
        self.videos.observe(lambda _: self._pick(), "value")
        self.frame.observe(lambda _: self._look(), "value")
        self.explain.observe(lambda _: self._look(), "value")
        self._list()

    def _filters(self) -> None:
        settings = self._stored.settings
        first = next(iter(settings.videos.ensembles), settings.scorers[0])
        self.scorer = _choice("Scorer", settings.scorers)
        self.scorer.value = first
        self.dataset = _choice("Data set", [ANY, *settings.datasets])
        self.method = _choice("Method", [ANY, *videos.methods(self._stored, ANY)])
        self.outcome = _choice("Outcome", [ANY, *OUTCOMES])
        self.quality = _choice("Quality", [ANY, *QUALITIES])
        self.disagreement = widgets.FloatSlider(
            description="Disagreement", min=0, max=1, step=0.05, style=LABELLED, layout=NARROW
        )
        self.dataset.observe(lambda change: self._methods(change["new"]), "value")
        for one in (self.scorer, self.method, self.outcome, self.quality, self.disagreement):
            one.observe(self._changed, "value")

    def _rows(self) -> list[widgets.Widget]:
        filters = (self.scorer, self.dataset, self.method, self.outcome, self.quality)
        shown = self._shown
        right = widgets.VBox([self.frame, *(shown[n] for n in ("strip", "figures"))], layout=WIDER)
        shown["facts"].layout = widgets.Layout(flex="1 1 18rem", min_width="0")
        return [
            widgets.Box([*filters, self.disagreement], layout=WRAP),
            *(shown["count"], self.videos, widgets.Box([shown["facts"], right], layout=WRAP)),
            *(self.explain, shown["status"], shown["maps"]),
        ]

    def _methods(self, dataset: str) -> None:
        options = [ANY, *videos.methods(self._stored, dataset)]
        kept = self.method.value if self.method.value in options else ANY
        with self.method.hold_trait_notifications():
            self.method.options = options
            self.method.value = kept
        self._list()

    def _changed(self, change: dict[str, Any]) -> None:
        self._list()

    def _list(self) -> None:
        """The videos that the filters let through."""
        wanted = Filter(
            self.dataset.value, self.method.value, self.outcome.value,
            self.quality.value, self.disagreement.value,
        )  # fmt: skip
        table = self._overview(self.scorer.value)
        found = videos.choose(table, wanted)
        listed = f"; the first {MOST_LISTED} are listed" if len(found) > MOST_LISTED else ""
        self._shown["count"].value = style.status(
            f"{len(found)} of {len(table)} videos{listed}. What the detectors disagree on most "
            "comes first."
        )
        rows = found.head(MOST_LISTED).to_dict("records")
        before = self.videos.value
        ids = [row["video_id"] for row in rows]
        self._held = True  # new options pick the first video before the last one is picked again
        self.videos.options = [(html.option(_named(row)), row["video_id"]) for row in rows]
        self.videos.value = before if before in ids else next(iter(ids), None)
        self._held = False
        self._pick()

    def _overview(self, scorer: str) -> pd.DataFrame:
        if scorer not in self._tables:
            made = videos.overview(self._stored, scorer, self._threshold)
            self._tables[scorer] = made
        return self._tables[scorer]

    def _pick(self) -> None:
        """Everything about one video."""
        video, shown = self.videos.value, self._shown
        if self._held or (video is not None and video == self._picked):
            return
        self._picked = video
        self._crops, self._pictures = None, []
        self._quietly()
        if video is None:
            for name in ("facts", "strip", "figures", "maps", "status"):
                shown[name].value = ""
            return
        shown["facts"].value = html.facts(self._stored, video, self._threshold)
        self._crops = videos.frames(self._stored, video)
        self._pictures = [stored_crops.decode(png) for png in self._crops["png"]]
        self.frame.disabled = self.explain.disabled = not self._pictures
        self.frame.max = max(0, len(self._pictures) - 1)
        self._look()

    def _quietly(self) -> None:
        """Forget frame and Grad-CAM of the video before: networks run for what is asked alone."""
        self._held = True
        self.frame.value, self.explain.value = 0, False
        self._held = False

    def _look(self) -> None:
        """Everything about the frame under the cursor."""
        if self._held:
            return
        shown = self._shown
        if self._crops is None or not self._pictures:
            shown["strip"].value = style.paragraph("No face of this video is stored.")
            shown["figures"].value = shown["maps"].value = shown["status"].value = ""
            return
        place = min(self.frame.value, len(self._pictures) - 1)
        row, video = self._crops.iloc[place], self.videos.value
        frames = [int(frame) for frame in self._crops["frame"]]
        shown["strip"].value = html.strip(self._pictures, frames, place)
        table = videos.timeline(self._stored, video)
        drawn = html.timeline(table, frames[place], self._threshold) if len(table) else ""
        drawn += html.spectrum(videos.rings_of(row["png"]), self._band(video))
        shown["figures"].value = f'<div class="figures">{drawn}</div>'
        self._say(f"Frame {frames[place]}, {place + 1} of {len(frames)}.")
        shown["maps"].value = ""
        if self.explain.value:
            shown["maps"].value = html.maps(
                self._explained((video, frames[place], int(row["face"])), self._pictures[place]),
                self._pictures[place],
            )

    def _band(self, video: str) -> Band:
        dataset = str(checkout.one(self._stored.manifest, video)["dataset"])
        if dataset not in self._bands:
            self._bands[dataset] = videos.band(self._stored, dataset)
        return self._bands[dataset]

    def _explained(self, key: tuple[str, int, int], rgb: Rgb) -> list[Explained]:
        if key not in self._maps:
            names, found = self._stored.settings.detectors, []
            for place, name in enumerate(names, 1):
                self._say(f"Grad-CAM of {name}, {place} of {len(names)} ...")
                found.append(self._explainer.explain(name, rgb))
            self._maps[key] = found
            self._say(f"Grad-CAM of frame {key[1]} by {len(names)} detectors.")
        return self._maps[key]

    def _say(self, text: str) -> None:
        self._shown["status"].value = style.status(text)


def _named(row: dict[Any, Any]) -> dict[str, object]:
    return {str(name): value for name, value in row.items()}


def _choice(label: str, options: list[str]) -> widgets.Dropdown:
    return widgets.Dropdown(description=label, options=options, style=LABELLED, layout=NARROW)
