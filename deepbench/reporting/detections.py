"""What MLflow is told of an examined file."""

import math
from pathlib import Path

from deepbench.core.verdicts import Answer
from deepbench.reporting import tracking

KIND = "detect"  # in the tag deepbench.kind, apart from the states of the pipeline
LONGEST = 500  # characters of a parameter; MLflow takes 6,000, older stores fewer


def record(answer: Answer) -> tracking.Record:
    """The run of one file."""
    metrics = {
        "confidence": answer.decision.confidence,
        "fake_probability": answer.decision.fake_prob,
        "real_probability": answer.decision.real_prob,
        "processing_time_sec": answer.seconds,
        **{f"{name}_fake_prob": vote.fake_prob for name, vote in answer.votes.items()},
    }
    if answer.media != "image":
        metrics["fake_frame_ratio"] = answer.fake_frame_ratio
    return tracking.Record(
        name=f"detect {answer.source.filename}"[:LONGEST],
        tags={
            "sha256": answer.source.sha256,
            "demo_weights": str(answer.demo).lower(),
            "validation": " ".join(answer.standing.sentences),
            **{f"weights.{model.name}": model.sha256 for model in answer.models},
        },
        params={
            "prediction_type": answer.media,
            "prediction": answer.decision.prediction,
            "models_used": ", ".join(answer.votes),
            "num_models": str(len(answer.votes)),
            "filename": answer.source.filename[:LONGEST],
            "scorer": answer.scorer,
            "threshold": f"{answer.threshold:g}",
        },
        metrics={name: value for name, value in metrics.items() if math.isfinite(value)},
    )


def log(root: Path, answer: Answer) -> str:
    """Log one file to the checkout's own store; returns the run's id."""
    return tracking.log_alone(root, KIND, record(answer))
