"""What was run: data sets, detectors, ensembles and settings, as the report lists them."""

import pandas as pd

from deepbench.core import blocks
from deepbench.reporting import html
from deepbench.reporting.inputs import Component, Inputs, ScoreRun

SHORT = 12  # hex digits of a digest: enough to tell files apart by eye


def datasets(inputs: Inputs) -> html.Table:
    """Each data set with its content digest and its videos by split."""
    splits = [s for s in ("train", "val", "test") if s in set(inputs.manifest["split"])]
    rows = []
    for name in inputs.settings.datasets:
        own = inputs.manifest[inputs.manifest["dataset"] == name]
        content = inputs.state.data.get(name, "")[:SHORT] or "not recorded"
        told = {"incomplete": inputs.gaps.get(name), "sample pack": name in inputs.samples}
        small = (_component(inputs, name).title, *(what for what, is_so in told.items() if is_so))
        rows.append(
            html.row(html.Cell(name, small), *(_split(own, split) for split in splits), content)
        )
    columns = ["Data set", *(f"Videos, {split}" for split in splits), "Content (md5)"]
    return html.Table("Data sets", columns, rows)


def _split(videos: pd.DataFrame, split: str) -> html.Cell:
    own = videos[videos["split"] == split]
    fakes = int(own["label"].sum())
    below = f"{len(own) - fakes} real, {fakes} fake"
    return html.Cell(f"{len(own):,}", (below,), value=len(own))


def _component(inputs: Inputs, name: str) -> Component:
    return inputs.components.get(name, Component(name))


def detectors(inputs: Inputs) -> html.Table:
    """Each detector with its weights and how it ran."""
    rows = []
    for name in inputs.settings.framewise:
        runs = [run for run in inputs.runs if run.detector == name]
        card = _component(inputs, name)
        trained = ", ".join(card.trained_on) or "not stated"
        if not runs:
            rows.append(html.row(html.Cell(name, (card.title,)), *["not run"] * 4, trained))
        for run, where in _distinct(runs):
            # the card is about the published file, and this is another
            learnt = (
                html.Cell("rendered people", (f"published: {trained}",)) if run.demo else trained
            )
            first = html.Cell(name, (card.title, card.paper))
            rows.append(html.row(first, *_facts(run, where), learnt))
    columns = ["Detector", "Weights", "sha256", "Precision", "Input", "Trained on"]
    return html.Table("Detectors", columns, rows)


def _distinct(runs: list[ScoreRun]) -> list[tuple[ScoreRun, str]]:
    """One line per way a detector ran; data sets are named only where they differ."""
    groups: dict[ScoreRun, list[str]] = {}
    for run in runs:
        same = ScoreRun("", *(getattr(run, f) for f in list(ScoreRun.__dataclass_fields__)[1:]))
        groups.setdefault(same, []).append(run.dataset)
    return [(r, f"on {', '.join(d)}" if len(groups) > 1 else "") for r, d in groups.items()]


def _facts(run: ScoreRun, where: str) -> list[html.Cell]:
    small = tuple(text for text in (run.weights, where) if text)
    ran = tuple(
        text
        for text in (
            f"on {run.device}" if run.device else "",
            f"in {run.runtime}" if run.runtime else "",
            run.precision_why,
        )
        if text
    )
    return [
        html.Cell(run.weights_file, small),
        html.Cell(run.weights_sha256[:SHORT]),
        html.Cell(run.precision, ran),
        html.Cell(run.profile),
    ]


def external(inputs: Inputs) -> html.Table:
    """Scores from elsewhere: the file, and how many videos it scored."""
    rows = [
        html.row(one.scorer, one.file, one.sha256[:SHORT], one.rows, one.matched, "not stated")
        for one in inputs.external
    ]
    columns = ["Scorer", "File", "sha256", "Rows", "Videos scored", "Trained on"]
    return html.Table("Scores made elsewhere", columns, rows)


def ensembles(inputs: Inputs) -> html.Table:
    """Each ensemble with its rule and its members' weights."""
    rows = [
        html.row(
            name,
            RULES[ensemble.rule],
            ", ".join(
                f"{member} {ensemble.weights[member]:g}"
                if ensemble.rule.startswith("weighted")
                else member
                for member in ensemble.members
            ),
        )
        for name, ensemble in inputs.settings.videos.ensembles.items()
    ]
    return html.Table("Ensembles", ["Ensemble", "Rule", "Members, with weights if any"], rows)


RULES = {
    "weighted_mean": "weighted mean of probabilities",
    "weighted_log_odds": "weighted mean of log-odds",
    "median": "median",
    "max": "highest",
    "rank_mean": "mean of ranks among the development split's scores",
    "stack": "logistic regression, fitted on the development split",
}


def _protocol(inputs: Inputs) -> str:
    """What all results say of how they came about; rules and weights stand in other tables."""
    lines = {line.partition(", weights: ")[0] for line in inputs.results["protocol"]}
    parts = [line.split(", ") for line in sorted(lines)]
    return ", ".join(p for p in parts[0] if all(p in other for other in parts)) if parts else ""


def _face(faces: blocks.Faces) -> str:
    """Which face, and how it was found: MTCNN's limits bind no other finder."""
    if faces.crop == "whole":
        return "the picture itself; no face was looked for"
    if faces.crop == "dlib":
        return f"{faces.select}; found by dlib, landmarks {faces.landmark_sha256[:SHORT]}"
    return f"{faces.select}; at least {faces.min_face} px, confidence {faces.confidence:g}"


def settings(inputs: Inputs) -> html.Table:
    """The settings that figures depend on, and the pipeline's state."""
    chosen = inputs.settings
    faces, results = chosen.faces, chosen.results
    frames = (
        f"{faces.frames} per video, spread evenly"
        if faces.frame_rule == "uniform"
        else f"every {faces.every}th, at most {faces.at_most}"
    )
    facts = {
        "Frames": frames,
        "Face": _face(faces),
        "Crop": faces.crop,
        "Input": f"{chosen.scores.profile} preprocessing, precision {chosen.scores.precision}",
        "Pooling": f"{chosen.videos.pooling} of a video's frames",
        "Threshold": f"fake above a probability of {results.threshold:g}",
        "Intervals": f"{results.interval * 100:g} %, {results.replicates:,} bootstrap replicates",
        "Development": f"the val split of {chosen.development}",
        "Seed": str(chosen.seed),
        "Protocol": _protocol(inputs) or "not stated",
    }
    rows = [html.row(name, value) for name, value in facts.items()]
    rows.append(html.row("State", html.Cell(inputs.state.digest, (inputs.state.source,))))
    return html.Table("Settings", ["What", "Value"], rows)
