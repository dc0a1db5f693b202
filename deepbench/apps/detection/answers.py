"""Answers as JSON, by the keys that other programs expect, and as text for a terminal."""

import math
from typing import Any

from deepbench.core.verdicts import Answer, Batch, Decision, Failure, FrameAnswer

DEMO = (
    "DEMO WEIGHTS: stand-ins that know nothing of real deepfakes. This verdict shows that the "
    "program works, and means nothing."
)
SHOWN = 5  # names of files that were left out
CONFIDENCE = (
    "Confidence is the larger of both probabilities: how far the score is from even, not how often "
    "such verdicts are right."
)


def as_json(outcome: Answer | Batch) -> dict[str, Any]:
    """What `json.dumps` takes; undefined numbers are null."""
    if isinstance(outcome, Batch):
        return _batch(outcome)
    return _picture(outcome) if outcome.media == "image" else _video(outcome)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "fake_prob": decision.fake_prob,
        "real_prob": decision.real_prob,
        "prediction": decision.prediction,
    }


def _votes(votes: dict[str, Decision]) -> dict[str, Any]:
    return {name: _decision(vote) for name, vote in votes.items()}


def _picture(answer: Answer) -> dict[str, Any]:
    return {
        "filename": answer.source.filename,
        "prediction": answer.decision.prediction,
        "confidence": answer.decision.confidence,
        "fake_probability": answer.decision.fake_prob,
        "real_probability": answer.decision.real_prob,
        "processing_time": answer.seconds,
        "face_detection_confidence": _number(answer.face_confidence),
        "model_predictions": _votes(answer.votes),
        "models_used": list(answer.votes),
        "total_models": len(answer.votes),
        "device": answer.device,
        **_beside(answer),
    }


def _beside(answer: Answer) -> dict[str, Any]:
    """What no answer is without, whatever the file was."""
    return {
        "media": answer.media,
        "sha256": answer.source.sha256,
        "scorer": answer.scorer,
        "rule": answer.rule,
        "threshold": answer.threshold,
        "number_of_faces": answer.faces,
        "remark": answer.remark,
        "quality_warnings": [warning._asdict() for warning in answer.warnings],
        "validation": {
            "sentences": list(answer.standing.sentences),
            "rates": [
                {
                    name: [_number(v) for v in value] if isinstance(value, tuple) else value
                    for name, value in rate._asdict().items()
                }
                for rate in answer.standing.rates
            ],
        },
        "weights": {
            model.name: {
                "file": model.weights_file,
                "sha256": model.sha256,
                "demo": model.demo,
                "precision": model.precision,
            }
            for model in answer.models
        },
        "demo_weights": answer.demo,
    }


def _video(answer: Answer) -> dict[str, Any]:
    overall = {
        "prediction": answer.decision.prediction,
        "confidence": answer.decision.confidence,
        "fake_frame_ratio": answer.fake_frame_ratio,
        "fake_probability": answer.decision.fake_prob,
        "real_probability": answer.decision.real_prob,
        "face_detection_confidence": _number(answer.face_confidence),
        "model_predictions": _votes(answer.votes),
        "models_used": list(answer.votes),
        "total_models": len(answer.votes),
        "by_pooling": {
            **{
                rule: _decision(decision) | {"confidence": decision.confidence}
                for rule, decision in answer.pools.items()
            },
            **{rule: {"prediction": None, "why": why} for rule, why in answer.undecided.items()},
        },
    }
    return {
        "filename": answer.source.filename,
        "frame_results": [_frame(frame) for frame in answer.frames],
        "overall_result": overall,
        "processing_info": {
            "total_frames": answer.total_frames,
            "frames_processed": answer.frames_processed,
            "frames_with_face": len(answer.frames),
            "processing_time": answer.seconds,
            "processing_fps": answer.frames_processed / answer.seconds,
        },
        "device": answer.device,
        **_beside(answer),
    }


def _frame(frame: FrameAnswer) -> dict[str, Any]:
    return {
        "frame": frame.index,
        "time_s": _number(frame.time_s),
        "prediction": frame.decision.prediction,
        "confidence": frame.decision.confidence,
        "fake_probability": frame.decision.fake_prob,
        "real_probability": frame.decision.real_prob,
        "face_detection_confidence": _number(frame.face_confidence),
        "box": list(frame.box),
        "model_predictions": _votes(frame.votes),
    }


def _batch(batch: Batch) -> dict[str, Any]:
    return {
        "results": [as_json(answer) for answer in batch.answers],
        "total": batch.total,
        "fake_count": batch.count("fake"),
        "real_count": batch.count("real"),
        "average_confidence": _number(batch.average_confidence),
        "errors": [failure._asdict() for failure in batch.failures],
        "left_out": list(batch.left_out),
    }


def as_text(outcome: Answer | Failure) -> str:
    """One file's answer for a terminal; control characters of its name do not reach it."""
    if isinstance(outcome, Failure):
        return f"{printable(outcome.filename)}: no verdict: {outcome.sentence}"
    return "\n".join(_lines(outcome))


def brief(outcome: Answer | Failure) -> str:
    """One of many files, without what is said once of all."""
    if isinstance(outcome, Failure):
        return as_text(outcome)
    return "\n".join([_headline(outcome), *_remarks(outcome)])


def printable(name: str) -> str:
    """A file name without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


def _headline(answer: Answer) -> str:
    decision = answer.decision
    return (
        f"{printable(answer.source.filename)}: {decision.prediction.upper()}  "
        f"fake {decision.fake_prob:.3f}  real {decision.real_prob:.3f}  "
        f"confidence {decision.confidence:.3f}"
    )


def _lines(answer: Answer) -> list[str]:
    faces = "1 face" if answer.faces == 1 else f"{answer.faces} faces in one frame"
    if math.isfinite(answer.face_confidence):
        faces += f", the judged one found with confidence {answer.face_confidence:.3f}"
    return [
        *([DEMO] if answer.demo else []),
        _headline(answer),
        _line("scorer", f"{answer.scorer}: {answer.rule}"),
        *(_line(name, _said(vote)) for name, vote in answer.votes.items()),
        *(_of_video(answer) if answer.media != "image" else []),
        _line("faces", faces),
        *_remarks(answer),
        _line("took", f"{answer.seconds:.2f} s on {answer.device}"),
        *(f"  {sentence}" for sentence in answer.standing.sentences),
        f"  {CONFIDENCE}",
    ]


def _line(what: str, says: str) -> str:
    return f"  {what:<16} {says}"


def _said(decision: Decision) -> str:
    return f"fake {decision.fake_prob:.3f}  {decision.prediction}"


def _remarks(answer: Answer) -> list[str]:
    remark = [_line("remark", answer.remark)] if answer.remark else []
    return [*remark, *(_line("warning", warning.sentence) for warning in answer.warnings)]


def _of_video(answer: Answer) -> list[str]:
    frames = (
        f"{answer.frames_processed} of {answer.total_frames} looked at, {len(answer.frames)} with "
        f"a face, {answer.fake_frame_ratio:.0%} of them called fake"
    )
    return [
        *(_line(f"by {rule}", _said(decision)) for rule, decision in answer.pools.items()),
        *(_line(f"by {rule}", f"undefined: {why}") for rule, why in answer.undecided.items()),
        _line("frames", frames),
    ]


def summary(batch: Batch) -> str:
    """What a batch comes to, and what is to be said of all its verdicts."""
    lines = [
        f"{batch.total} files: {batch.count('fake')} called fake, {batch.count('real')} called "
        f"real, {len(batch.failures)} without a verdict"
    ]
    if batch.left_out:
        names = ", ".join(printable(name) for name in batch.left_out[:SHOWN])
        more = len(batch.left_out) - SHOWN
        also = f" and {more} more" if more > 0 else ""
        lines.append(f"neither pictures nor videos, and left out: {names}{also}")
    if not batch.answers:
        return "\n".join(lines)
    lines.append(f"average confidence {batch.average_confidence:.3f}")
    lines += [DEMO] if any(answer.demo for answer in batch.answers) else []
    for kind, among in (("Pictures", ("image",)), ("Videos", ("video", "frames"))):
        own = [answer for answer in batch.answers if answer.media in among]
        lines += [f"{kind}: {' '.join(own[0].standing.sentences)}"] if own else []
    return "\n".join([*lines, CONFIDENCE])
