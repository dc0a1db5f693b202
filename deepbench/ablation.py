"""Step `ablation`: what each part of the fusion detector is worth.

Outside the pipeline. Every variant is trained as `train_fusion` in params.yaml says but for one
thing, and tested on the same videos of the test splits, so that differences are paired.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Float32
from tqdm import tqdm

from deepbench.core import blocks, params, shards, tables
from deepbench.core.ablations import ABLATION, FUSED
from deepbench.detectors import batches, fusion
from deepbench.detectors.network import Network
from deepbench.media.crops import decode
from deepbench.sample import demo_weights
from deepbench.statistics import intervals, metrics, pooling
from deepbench.statistics.intervals import Estimate

VARIANTS: dict[str, dict[str, object]] = {
    FUSED: {},
    "spatial only": {"inputs": ["spatial"]},
    "frequency only": {"inputs": ["frequency"]},
    "without transfer learning": {"transfer": False},
    "without augmentation": {"augment": False},
    "ResNet50 instead of Xception": {"backbone": "resnet50"},
}
KEYS = ["video_id", "frame", "face"]


class Outcome(NamedTuple):
    """How a variant was trained."""

    start: str
    head_epochs: int
    backbone_epochs: int


def recipe(settings: blocks.Fusion, variant: str) -> blocks.Fusion:
    """The settings of a variant, checked as those of params.yaml are."""
    return blocks.Fusion.model_validate(settings.model_dump() | VARIANTS[variant])


def outcome(chosen: blocks.Fusion, start: Path | None, curves: pd.DataFrame) -> Outcome:
    """What a training started from, and how many epochs each stage took."""
    if "spatial" not in chosen.inputs:
        origin = "none"
    elif start is not None:
        origin = start.name + (" (demo)" if demo_weights.is_demo(start) else "")
    else:
        origin = "random" + (", no file given" if chosen.transfer else "")
    epochs = curves["stage"].value_counts()
    return Outcome(origin, int(epochs.get("head", 0)), int(epochs.get("backbone", 0)))


def score(weights: Path, device: str, faces: Path, videos: set[str]) -> pd.DataFrame:
    """Fake log-odds (table scores, without detector) of the crops of some videos."""
    network = fusion.load(weights, device, "float32")
    stored = shards.batches(tables.FACES, faces, [*KEYS, "png"], 16)
    chosen = (batch[batch["video_id"].isin(videos)] for batch in stored)
    total = -(-shards.count(tables.FACES, faces) // 16)

    def scored(batch: pd.DataFrame) -> pd.DataFrame:
        return batch[KEYS].assign(fake_logit=_logits(batch, network))

    parts = batches.side_by_side(scored, chosen, network.device)
    return pd.concat(tqdm(parts, faces.name, total, unit="batch"), ignore_index=True)


def _logits(batch: pd.DataFrame, network: Network) -> Float32[np.ndarray, "crop"]:
    if batch.empty:
        return np.empty(0, np.float32)
    return network(np.stack([decode(png) for png in batch["png"]]))


def evaluate(
    manifest: pd.DataFrame,
    scores: pd.DataFrame,
    faces: pd.DataFrame,
    outcomes: Mapping[str, Outcome],
    settings: params.Params,
) -> pd.DataFrame:
    """Table ablation.

    Args:
        manifest: of the data sets tested.
        scores: of all variants, named in the column detector.
        faces: table faces without pictures.
        outcomes: by variant.
        settings: for pooling and intervals.
    """
    pooled = pooling.by_video(pooling.by_frame(scores, faces), settings.videos.pooling)
    wide = pooled.pivot_table("fake_logit", "video_id", "detector")[list(outcomes)]
    test = manifest[manifest["split"] == "test"].set_index("video_id").join(wide)
    rows = [
        {"dataset": str(dataset), "variant": variant, **outcomes[variant]._asdict(), **found}
        for dataset, items in test.groupby("dataset")
        for variant, found in _rows(items, list(outcomes), settings).items()
    ]
    return tables.from_rows(ABLATION, rows)


def _rows(
    items: pd.DataFrame, variants: list[str], settings: params.Params
) -> dict[str, dict[str, object]]:
    """Figures of each variant on one data set."""
    scored = items.dropna(subset=variants)
    labels = scored["label"].to_numpy(bool)
    sample = intervals.Sample(labels, scored["cluster_id"].to_numpy(str))
    logits = {name: scored[name].to_numpy(np.float64) for name in variants}

    def aucs(weights: Float[np.ndarray, "replicate item"]) -> dict[str, np.ndarray]:
        values = {name: metrics.auc(labels, own, weights) for name, own in logits.items()}
        return values | {f"- {name}": own - values[FUSED] for name, own in values.items()}

    chosen = settings.results
    draws = intervals.Draws(chosen.replicates, chosen.interval, settings.seed)
    found = intervals.estimate(aucs, sample, draws)
    counts = {
        "n_real": int((~labels).sum()),
        "n_fake": int(labels.sum()),
        "n_missing": len(items) - len(scored),
    }
    return {name: _row(found[name], found[f"- {name}"], name) | counts for name in variants}


def _row(value: Estimate, difference: Estimate, variant: str) -> dict[str, object]:
    # against itself nothing is tested
    own = variant == FUSED
    return {
        "value": value.value,
        "low": value.low,
        "high": value.high,
        "difference": np.nan if own else difference.value,
        "difference_low": np.nan if own else difference.low,
        "difference_high": np.nan if own else difference.high,
        "p": np.nan if own else difference.p,
        "note": value.note,
    }
