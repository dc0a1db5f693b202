"""Measure what demo weights find in the sample pack's test clips: the figures for the card.

`python -m tools.demo_weights.measure --tables artifacts --weights weights`, after the pipeline's
steps manifest and faces. Nothing may be chosen by these figures.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from deepbench import scores
from deepbench.core import plugins
from tools.demo_weights.networks import PLANS

REPLICATES, BATCH = 2000, 8


class Area(NamedTuple):
    """An AUC of clips, its 95 % bootstrap interval over clusters, and what it is about."""

    value: float
    low: float
    high: float
    real: int
    fake: int
    clusters: int

    def __str__(self) -> str:
        counts = f"{self.real} real, {self.fake} fake, {self.clusters} clusters"
        return f"{self.value:.3f} [{self.low:.2f} to {self.high:.2f}] ({counts})"


def area(clips: pd.DataFrame) -> Area:
    """AUC of clips that have `label`, `fake_logit` and `cluster_id`."""
    rng = np.random.default_rng(0)
    labels, logits = clips["label"].to_numpy(bool), clips["fake_logit"].to_numpy()
    _, member = np.unique(clips["cluster_id"].to_numpy(str), return_inverse=True)
    clusters = int(member.max()) + 1
    drawn = []
    for _ in range(REPLICATES):
        times = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)[member]
        if len(set(labels[times > 0])) == 2:
            drawn.append(roc_auc_score(labels, logits, sample_weight=times))
    low, high = np.quantile(drawn, [0.025, 0.975])
    value = roc_auc_score(labels, logits)
    return Area(value, low, high, int((~labels).sum()), int(labels.sum()), clusters)


def clips_of(tables: Path, weights: Path, detector: str) -> pd.DataFrame:
    """Test clips of every data set with the mean log-odds of their frames."""
    path = scores.find_weights(weights / detector, detector)
    network = plugins.load("detectors", detector).load(path, "cpu", "float32")
    parts = []
    for file in sorted((tables / "manifest").glob("*.parquet")):
        crops = scores.score(tables / "faces" / file.stem, detector, network, BATCH)
        logit = crops[crops["face"] == 0].groupby("video_id")["fake_logit"].mean()
        clips = pd.read_parquet(file).set_index("video_id").join(logit, how="inner")
        parts.append(clips[clips["split"] == "test"])
    return pd.concat(parts)


def tell(clips: pd.DataFrame) -> list[str]:
    """All clips together, then each data set and each of its methods."""
    lines = [f"all: {area(clips)}"]
    for dataset, part in clips.groupby("dataset"):
        lines.append(f"{dataset}: {area(part)}")
        methods = sorted(set(part.loc[part["label"], "method"]))
        for method in methods if len(methods) > 1 else []:
            lines.append(f"  {method}: {area(part[~part['label'] | (part['method'] == method)])}")
    fake = clips["label"].to_numpy(bool)
    called = clips["fake_logit"].to_numpy() > 0
    lines.append(
        f"at 0.5: {np.mean(~called[~fake]):.2f} of real, {called[fake].mean():.2f} of fake"
    )
    return lines


def main() -> None:
    """Parse the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detectors", nargs="*", metavar="DETECTOR", help="default: all")
    parser.add_argument("--tables", type=Path, default=Path("artifacts"))
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    for detector in arguments.detectors or list(PLANS):
        lines = tell(clips_of(arguments.tables, arguments.weights, detector))
        print("\n  ".join([detector, *lines]), flush=True)


if __name__ == "__main__":
    main()
