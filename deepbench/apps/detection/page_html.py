"""What the page says of an examined file; every text from outside is escaped."""

import base64
import math
from html import escape

import numpy as np

from deepbench.apps.detection import answers
from deepbench.apps.explore import style, svg
from deepbench.apps.explore.style import Cell
from deepbench.apps.explore.videos_html import THUMBNAIL, picture
from deepbench.core.verdicts import Answer, Batch, Decision, Explanation, Failure, FrameAnswer
from deepbench.media import crops


def failure(of: Failure) -> str:
    """Why there is no verdict."""
    name = answers.printable(of.filename)
    return style.paragraph(f"{name}: no verdict: {of.sentence}", "error")


def answer(of: Answer, frame: int) -> str:
    """The verdict, what stands behind it and its parts; one frame is marked."""
    demo = style.paragraph(answers.DEMO, "banner") if of.demo else ""
    warnings = "".join(
        style.paragraph(f"Quality: {warning.sentence}", "banner") for warning in of.warnings
    )
    moving = of.media != "image"
    return (
        demo
        + f"<h3>{escape(answers.printable(of.source.filename))}</h3>"
        + _verdict(of)
        + _standing(of)
        + warnings
        + style.table("Each detector's vote", ["detector", *_SAYS], _votes(of))
        + (style.table("The whole video by three pooling rules", _POOLS, _pools(of)) * moving)
        + style.table("How it was judged", ["what", "here"], _facts(of))
        + (f'<div class="figures">{timeline(of, frame)}</div>{_strip(of, frame)}' * moving)
    )


_SAYS = ("fake probability", "real probability", "says")
_POOLS = ("rule", "fake probability", "says", "confidence")


def _verdict(of: Answer) -> str:
    said = of.decision
    numbers = (
        f"fake probability {said.fake_prob:.3f}, real probability {said.real_prob:.3f}, "
        f"confidence {said.confidence:.3f}"
    )
    called = f"Above {of.threshold:g} a file is called fake. {answers.CONFIDENCE}"
    word = f'<span class="{said.prediction}">{said.prediction.upper()}</span>'
    return f'<p class="verdict">{word}{numbers}</p>{style.paragraph(called)}'


def _standing(of: Answer) -> str:
    said = "".join(style.paragraph(sentence) for sentence in of.standing.sentences)
    return f'<div class="standing">{said}</div>'


def _said(decision: Decision) -> list[str]:
    return [f"{decision.fake_prob:.3f}", f"{decision.real_prob:.3f}", decision.prediction]


def _votes(of: Answer) -> list[style.Row]:
    rows: list[style.Row] = [[name, *_said(vote)] for name, vote in of.votes.items()]
    if of.scorer in of.votes:  # a detector alone
        return rows
    return [*rows, [Cell("together", note=of.scorer), *_said(of.decision)]]


def _pools(of: Answer) -> list[style.Row]:
    rows: list[style.Row] = [
        [rule, f"{decision.fake_prob:.3f}", decision.prediction, f"{decision.confidence:.3f}"]
        for rule, decision in of.pools.items()
    ]
    lost: list[style.Row] = [
        [Cell(rule, note=why), "none", "no verdict", "none"] for rule, why in of.undecided.items()
    ]
    return [*rows, *lost]


def _facts(of: Answer) -> list[style.Row]:
    sure = of.face_confidence
    rows: list[style.Row] = [
        ["faces", f"{of.faces} in one frame" if of.media != "image" else f"{of.faces}"],
        ["face confidence", "not given" if math.isnan(sure) else f"{sure:.3f}"],
    ]
    if of.media != "image":
        frames = (
            f"{of.frames_processed} of {of.total_frames} looked at, {len(of.frames)} with a face, "
            f"{of.fake_frame_ratio:.0%} of them called fake"
        )
        rows.append(["frames", frames])
    rows.append(["scorer", f"{of.scorer}: {of.rule}"])
    rows.append(["processing time", f"{of.seconds:.2f} s on {of.device}"])
    return [*rows, *([["remark", of.remark]] if of.remark else [])]


def timeline(of: Answer, frame: int) -> str:
    """Fake probability over time, of the detectors and of all together; a line at one frame."""
    times = np.array([one.time_s for one in of.frames])
    known = bool(np.isfinite(times).all())
    x = times if known else np.array([float(one.index) for one in of.frames])
    across = svg.counted(float(x.min()), float(x.max()), "seconds" if known else "frame")
    axes = svg.Frame(across, svg.shares("fake probability"))
    series = {name: np.array([one.votes[name].fake_prob for one in of.frames]) for name in of.votes}
    together = np.array([one.decision.fake_prob for one in of.frames])
    if of.scorer not in of.votes:
        series[f"together ({of.scorer})"] = together
    looks = [svg.look(name, place) for place, name in enumerate(series)]
    now = next(i for i, one in enumerate(of.frames) if one.index == frame)
    layers = [svg.upright(axes, float(x[now])), svg.level(axes, of.threshold)]
    for values, look in zip(series.values(), looks, strict=True):
        layers += [svg.line(axes, x, values, look), svg.dots(axes, x, values, look)]
    said = ", ".join(f"{value:.2f}" for value in together)
    alt = f"Fake probability of {of.scorer} over the frames: {said}"
    return svg.figure("Timeline", axes, layers, alt, looks)


def _strip(of: Answer, frame: int) -> str:
    images = "".join(
        f'<img src="{picture(crops.decode(one.png), THUMBNAIL)}" alt="Face in {title(one)}"'
        f"{' class=now' if one.index == frame else ''}>"
        for one in of.frames
    )
    return f'<div class="strip">{images}</div>'


def title(of: FrameAnswer) -> str:
    """A frame in a list."""
    time = f", {of.time_s:.2f} s" if math.isfinite(of.time_s) else ""
    return f"frame {of.index}{time}, fake {of.decision.fake_prob:.3f}"


def maps(found: tuple[Explanation, ...]) -> str:
    """The face and, side by side, what each detector's score rests on."""
    shown = [_map("the face", found[0].crop, "The face as the detectors see it", "")]
    shown += [
        _map(
            f"{one.detector}, towards {one.towards}",
            one.overlay,
            f"Grad-CAM of {one.detector}: the same face under the colours of its map",
            f"no map: {one.problem}" if one.problem else "",
        )
        for one in found
    ]
    return f'<div class="maps">{"".join(shown)}</div>'


def _map(heading: str, jpeg: bytes, alt: str, problem: str) -> str:
    source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return (
        f'<figure><figcaption>{escape(heading)}</figcaption><img src="{source}" '
        f'alt="{escape(alt)}">{style.paragraph(problem)}</figure>'
    )


def batch(of: Batch) -> str:
    """What several files come to, and each in one row."""
    rows: list[style.Row] = [
        [answers.printable(one.source.filename), *_said(one.decision), _remarks(one)]
        for one in of.answers
    ]
    rows += [
        [answers.printable(one.filename), "none", "none", Cell("no verdict", note=one.sentence), ""]
        for one in of.failures
    ]
    head = ["file", *_SAYS, "remarks"]
    summary = "".join(map(style.paragraph, answers.summary(of).splitlines()))
    return f'<div class="summary">{summary}</div>{style.table("All files", head, rows)}'


def _remarks(of: Answer) -> Cell:
    return Cell(", ".join(warning.what for warning in of.warnings), note=of.remark)


def link(words: str, filename: str, kind: str, content: str) -> str:
    """A link that saves what the page itself carries."""
    data = base64.b64encode(content.encode()).decode()
    return f'<a download="{escape(filename)}" href="data:{kind};base64,{data}">{escape(words)}</a>'
