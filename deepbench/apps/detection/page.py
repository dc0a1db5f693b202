"""The page that examines one's own files: choices, a place to drop them, and what is said of them.

Networks are loaded with the first file. Nothing that was uploaded is kept.
"""

import json
from pathlib import Path

import ipywidgets as widgets

from deepbench.apps.detection import answers, asking, documents, examiner, explaining, many
from deepbench.apps.detection import page_html as html
from deepbench.apps.detection.intake import Intake, sentence
from deepbench.apps.detection.uploads import Upload
from deepbench.apps.explore import style
from deepbench.core import blocks, params
from deepbench.core.verdicts import Answer, Batch, Explanation, Failure, Progress
from deepbench.media import kinds

CSS = f"<style>{Path(__file__).with_name('page.css').read_text('utf-8')}</style>"
AUTO = widgets.Layout(width="auto")
LABELLED = {"description_width": "6.5rem"}
WRAP = widgets.Layout(flex_flow="row wrap")
MOST_FRAMES = 1000  # of a video
STEPS = {"frames": "looking for faces", "scores": "scoring", "Grad-CAM": "Grad-CAM"}


def show(root: Path = Path()) -> widgets.Widget:
    """The page of a checkout; where its settings are wrong, a sentence that says so."""
    try:
        settings = params.load(root / "params.yaml")
    except (ValueError, OSError) as error:
        box = widgets.VBox([widgets.HTML(style.paragraph(sentence(error), "error"))])
    else:
        box = Page(root, settings).box
    box.children = (widgets.HTML(style.CSS + CSS), *box.children)
    box.add_class("explore")
    box.add_class("detect")
    return box


class Page:
    """Everything below the heading; `box` is the widget."""

    def __init__(self, root: Path, settings: params.Params) -> None:
        self._root, self._usual = root, _usual_frames(settings.faces)
        self._judge: examiner.Examiner | None = None
        self._asked: tuple[str, int] | None = None  # what the judge was loaded for
        self._outcomes: list[Answer | Failure] = []
        self._left_out: list[str] = []
        self._maps: dict[tuple[int, int], tuple[Explanation, ...]] = {}
        self._logged, self._log_problem = 0, ""
        self._held = self._closed = False
        self._count = 0  # files that were announced
        self.intake = Intake(self)
        self._choices(settings)
        self.file = _dropdown("File")
        self.frame = _dropdown("Frame")
        names = ("summary", "result", "maps", "links")
        self._shown = {name: widgets.HTML(layout=AUTO) for name in names}
        choices = widgets.Box([self.scorer, self.frames, self.log], layout=WRAP)
        summary, result, maps, links = self._shown.values()
        self.box = widgets.VBox(
            [choices, self.intake, summary, self.file, result, self.frame, maps, links]
        )
        self.file.observe(lambda _: self._pick(), "value")
        self.frame.observe(lambda _: self._look(), "value")
        self._clear()

    def _choices(self, settings: params.Params) -> None:
        self.scorer = _dropdown("Scorer")
        self.scorer.layout = _narrow()
        self.scorer.options = asking.choices(settings)
        self.scorer.value = asking.default(settings)
        self.frames = widgets.BoundedIntText(
            description="Frames", min=1, max=MOST_FRAMES, value=self._usual,
            style=LABELLED, layout=_narrow(),
        )  # fmt: skip
        self.log = widgets.Checkbox(description="Log to MLflow", indent=False, layout=_narrow())

    # what the intake tells

    def open(self, count: int) -> None:
        """Forget the last files, and load the detectors."""
        self._clear()
        asked = (self.scorer.value, self.frames.value)
        if self._asked != asked:
            self.intake.say("Loading the detectors: some seconds")
            self._judge = self._asked = None
            frames = None if asked[1] == self._usual else asked[1]
            self._judge = examiner.load(self._root, asked[0], frames)
            self._asked = asked
        self._closed, self._count = False, count

    def take(self, upload: Upload) -> None:
        """Examine one file."""
        judge = self._loaded()
        try:
            answer = judge.examine(
                upload.path, upload.name, upload.media, kinds.UPLOADS, self._tell
            )
        except (ValueError, OSError) as error:
            self.refuse(upload, sentence(error))
            return
        self._add(answer)
        if self.log.value:
            self._log(answer)

    def refuse(self, upload: Upload, sentence: str) -> None:
        """Tell of a file that has no verdict."""
        if upload.foreign and "/" in upload.name:
            self._left_out.append(upload.name)  # of a folder, which may hold other things
        else:
            self._add(Failure(upload.name, sentence))

    def fail(self, sentence: str) -> None:
        """Tell why nothing can be examined."""
        self.intake.say("There is no verdict.")
        self._shown["result"].value = style.paragraph(sentence, "error")

    def close(self) -> None:
        """Show what there is."""
        self._closed = True
        found = self._outcomes
        if not found:
            self.fail(f"no picture or video among {len(self._left_out)} files")
            return
        if len(found) + len(self._left_out) > 1:
            self._shown["summary"].value = html.batch(many.gather(found, self._left_out))
        self._held = True
        self.file.options = [(_named(i, one), i) for i, one in enumerate(found)]
        self._held = False
        self.file.layout.display = None if len(found) > 1 else "none"
        self.file.value = 0
        self._pick()

    # what is shown

    def _clear(self) -> None:
        self._outcomes, self._left_out, self._maps = [], [], {}
        self._logged, self._log_problem = 0, ""
        self._held = True
        self.file.options = self.frame.options = ()
        self._held = False
        self.file.layout.display = self.frame.layout.display = "none"
        for shown in self._shown.values():
            shown.value = ""

    def _add(self, outcome: Answer | Failure) -> None:
        self._outcomes.append(outcome)
        self.intake.say(answers.brief(outcome).splitlines()[0])

    def _log(self, answer: Answer) -> None:
        from deepbench.reporting import detections

        self.intake.say(f"{answer.source.filename}: logging to MLflow")
        try:
            detections.log(self._root, answer)
            self._logged += 1
        except Exception as error:  # a verdict is not lost with its log
            self._log_problem = f" MLflow took it not: {type(error).__name__}: {error}"

    def _loaded(self) -> examiner.Examiner:
        if self._judge is None:
            msg = "no detectors are loaded; drop the file again"
            raise ValueError(msg)
        return self._judge

    def _tell(self, progress: Progress) -> None:
        place = len(self._outcomes) + len(self._left_out) + 1
        which = f" ({place} of {self._count})" if self._count > 1 and not self._closed else ""
        words = f"{progress.filename}{which}: {STEPS.get(progress.step, progress.step)}"
        self.intake.say(words, progress.done, progress.total)

    def _pick(self) -> None:
        """Another file of several."""
        if self._held or not self._closed or self.file.value is None:
            return
        outcome = self._outcomes[self.file.value]
        self._shown["maps"].value = self._shown["links"].value = ""
        if isinstance(outcome, Failure):
            self.frame.layout.display = "none"
            self._shown["result"].value = html.failure(outcome)
            self.intake.say(f"{answers.printable(outcome.filename)}: there is no verdict.")
            return
        self._held = True
        self.frame.options = [(html.title(one), one.index) for one in outcome.frames]
        self.frame.value = explaining.typical(outcome)
        self._held = False
        self.frame.layout.display = None if len(outcome.frames) > 1 else "none"
        self._look()

    def _look(self) -> None:
        """Another frame of a video."""
        if self._held or self.frame.value is None:
            return
        place = (self.file.value, self.frame.value)
        outcome = self._outcomes[place[0]]
        if isinstance(outcome, Failure):
            return
        self._shown["result"].value = html.answer(outcome, place[1])
        if place not in self._maps:
            self._tell(Progress(outcome.source.filename, "Grad-CAM", 0, len(outcome.votes)))
            self._maps[place] = explaining.explain(
                self._loaded(), outcome, place[1], tell=self._tell
            )
        maps = self._maps[place]
        self._shown["maps"].value = html.maps(maps)
        self._shown["links"].value = self._links(outcome, maps)
        logged = f" Logged to MLflow: {self._logged}." if self._logged else ""
        done = answers.brief(outcome).splitlines()[0]
        self.intake.say(f"{done}.{logged}{self._log_problem}")

    def _links(self, answer: Answer, maps: tuple[Explanation, ...]) -> str:
        told: Answer | Batch = answer
        if len(self._outcomes) > 1:
            told = many.gather(self._outcomes, self._left_out)
        text = json.dumps(answers.as_json(told), indent=1, allow_nan=False)
        page = documents.page(self._loaded(), answer, maps)
        links = (
            html.link("Save as JSON", "deepbench.json", "application/json", text),
            html.link("Save the report of this file (HTML)", "deepbench.html", "text/html", page),
        )
        return f'<p class="links">{" ".join(links)}</p>'


def _usual_frames(faces: blocks.Faces) -> int:
    """Frames of a video that params.yaml asks for."""
    return faces.frames if faces.frame_rule == "uniform" else faces.at_most


def _named(place: int, outcome: Answer | Failure) -> str:
    if isinstance(outcome, Failure):
        return f"{place + 1}. {answers.printable(outcome.filename)}: no verdict"
    name = answers.printable(outcome.source.filename)
    return f"{place + 1}. {name}: {outcome.decision.prediction}"


def _dropdown(label: str) -> widgets.Dropdown:
    return widgets.Dropdown(description=label, style=LABELLED, layout=_wide())


# a layout for each widget: what shares one is hidden together


def _wide() -> widgets.Layout:
    return widgets.Layout(width="auto")


def _narrow() -> widgets.Layout:
    return widgets.Layout(width="auto", flex="1 1 15rem", min_width="0")
