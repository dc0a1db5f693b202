"""The page about one examined file, to be kept or printed: verdict, reasons, digests, limits."""

import math
from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from deepbench.core.verdicts import Answer, Explanation
from deepbench.reporting import html
from deepbench.reporting.drawing import STYLE, line

# What no verdict of this kind can mean, whatever the file.
NOT_MEANT = (
    "It is not a proof. A detector gives a number, and the threshold makes a word of it.",
    "The probability is the scorer's own, fitted to its training data. It is not the probability "
    "that this file is forged: that also depends on how many of such files are.",
    "Confidence is the larger of both probabilities: how far the score is from even, not how often "
    "such verdicts are right. How often they are wrong stands under what was measured.",
    "“Real” means that these detectors saw no sign of the face manipulations that they were "
    "trained on. Other forgeries, of voice, words, context or a whole scene, are not looked for.",
    "A file that was cropped, resized, compressed again or filmed from a screen has lost what the "
    "detectors look for, and may be called either.",
    "Coloured places show what a detector's score rests on, not where a picture was changed.",
)
KIND = {"image": "picture", "video": "video", "frames": "folder of pictures, as one video"}


def page(
    answer: Answer,
    maps: tuple[Explanation, ...],
    settings: Mapping[str, str],
    facts: Mapping[str, str],
) -> str:
    """The whole page, which needs no other file.

    Args:
        answer: what is said of the file.
        maps: Grad-CAM of one of its frames; may be empty.
        settings: of the run, by name.
        facts: time, commit, versions and machine, by name.
    """
    moving = answer.media != "image"
    return html.render(
        "forensic.html",
        {
            "answer": answer,
            "verdict": answer.decision.prediction.upper(),
            "headline": _headline(answer),
            "not_meant": NOT_MEANT,
            "file": _file(answer),
            "detectors": _detectors(answer),
            "pools": _pools(answer) if moving else None,
            "timeline": html.picture(timeline(answer), _spoken(answer)) if moving else None,
            "frames": _frames(answer) if moving else None,
            "pictures": _pictures(maps),
            "mapped": maps[0].frame if maps else None,
            "moving": moving,
            "settings": settings,
            "facts": facts,
        },
    )


def _headline(answer: Answer) -> str:
    decision = answer.decision
    return (
        f"fake probability {decision.fake_prob:.3f}, real probability {decision.real_prob:.3f}, "
        f"confidence {decision.confidence:.3f}; above {answer.threshold:g} a file is called fake"
    )


def _file(answer: Answer) -> dict[str, str]:
    faces = f"{answer.faces} in one frame at most" if answer.media != "image" else f"{answer.faces}"
    if math.isfinite(answer.face_confidence):
        faces += f", found with a mean confidence of {answer.face_confidence:.3f}"
    facts = {
        "Name": answer.source.filename,
        "sha256": answer.source.sha256,
        "Size": f"{answer.source.size:,} bytes",
        "Kind": KIND[answer.media],
        "Faces": faces,
        "Processing": f"{answer.seconds:.2f} s on {answer.device}",
    }
    if answer.media != "image":
        facts["Frames"] = (
            f"{answer.frames_processed} of {answer.total_frames} looked at, "
            f"{len(answer.frames)} with a face, {answer.fake_frame_ratio:.0%} of them called fake"
        )
    if answer.remark:
        facts["Remark"] = answer.remark
    return facts


def _detectors(answer: Answer) -> html.Table:
    titles = {model.name: model.title for model in answer.models}
    rows = [
        html.row(
            titles[name],
            html.share(vote.fake_prob),
            html.share(vote.real_prob),
            vote.prediction,
        )
        for name, vote in answer.votes.items()
    ]
    decision = answer.decision
    total = [html.share(decision.fake_prob), html.share(decision.real_prob)]
    rows.append(html.row(f"together: {answer.scorer}", *total, decision.prediction))
    return html.Table(
        "Each detector's vote", ["Detector", "Fake probability", "Real probability", "Says"], rows
    )


def _pools(answer: Answer) -> html.Table:
    rows = [
        html.row(rule, html.share(decision.fake_prob), decision.prediction)
        for rule, decision in answer.pools.items()
    ]
    rows += [
        html.row(rule, html.Cell(why, undefined=True), "no verdict")
        for rule, why in answer.undecided.items()
    ]
    return html.Table(
        "The whole video by three pooling rules", ["Rule", "Fake probability", "Says"], rows
    )


def _frames(answer: Answer) -> html.Table:
    rows = [
        html.row(
            frame.index,
            html.share(frame.time_s) if math.isfinite(frame.time_s) else "",
            html.share(frame.decision.fake_prob),
            *(html.share(frame.votes[name].fake_prob) for name in answer.votes),
            html.share(frame.face_confidence),
        )
        for frame in answer.frames
    ]
    columns = ["Frame", "Seconds", answer.scorer, *answer.votes, "Face confidence"]
    return html.Table("Fake probability of each frame with a face", columns, rows)


def _pictures(maps: tuple[Explanation, ...]) -> list[tuple[str, html.Picture]]:
    if not maps:
        return []
    shown = [("the face", html.photograph(maps[0].crop, "the face as the detectors see it"))]
    for made in maps:
        text = f"{made.detector}, towards {made.towards}"
        if made.problem:
            text += f": no map, {made.problem}"
        alt = f"Grad-CAM of {made.detector}: the same face under the colours of its map"
        shown.append((text, html.photograph(made.overlay, alt)))
    return shown


def _spoken(answer: Answer) -> str:
    values = ", ".join(f"{frame.decision.fake_prob:.2f}" for frame in answer.frames)
    return f"fake probability of {answer.scorer} over the frames: {values}"


@mpl.rc_context(STYLE)
def timeline(answer: Answer) -> Figure:
    """Fake probability over time, of the scorer and of each detector."""
    figure = Figure(figsize=(6.4, 2.3), layout="constrained")
    axes = figure.subplots()
    times = np.array([frame.time_s for frame in answer.frames])
    known = bool(np.isfinite(times).all())
    across = times if known else np.array([frame.index for frame in answer.frames])
    for place, name in enumerate(answer.votes):
        values = [frame.votes[name].fake_prob for frame in answer.frames]
        axes.plot(across, values, label=name, linewidth=1, marker=".", **line(place))
    together = [frame.decision.fake_prob for frame in answer.frames]
    axes.plot(across, together, label=answer.scorer, color="black", linewidth=2.2, marker="o")
    axes.axhline(answer.threshold, color="#595959", linestyle=":", linewidth=1)
    axes.set(ylim=(-0.03, 1.03), xlabel="seconds" if known else "frame", ylabel="fake probability")
    figure.legend(loc="outside right upper", fontsize=8)
    return figure
