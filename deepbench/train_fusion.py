"""Step `train_fusion`: train the fusion detector on one data set's train split.

Outside the pipeline. Everything a training has made lies in a folder named by what it depends on:
the same call goes on where it was interrupted, another one starts beside it.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from deepbench.core import blocks, files, tables
from deepbench.detectors import fusion, fusion_data, fusion_start, fusion_training
from deepbench.detectors.fusion_data import Crops, Learning
from deepbench.detectors.fusion_training import Stage

SHORT = 12  # hex digits of a digest


@dataclass(frozen=True)
class Job:
    """A training: its settings, where all draws start, where it runs, what it starts from."""

    recipe: blocks.Fusion
    seed: int
    device: str
    start: Path | None  # weights of the backbone; None: random


class Trained(NamedTuple):
    """What came of a training."""

    weights: Path  # a checkpoint of detectors/fusion.py
    digest: str  # of all that it depends on
    curves: pd.DataFrame  # a row per epoch: stage, epoch, train_loss, val_loss, val_auc, ...


def job(recipe: blocks.Fusion, seed: int, device: str, starts: Mapping[str, Path | None]) -> Job:
    """A training; `starts` has weights to transfer by backbone, None where there are none."""
    transferred = recipe.transfer and "spatial" in recipe.inputs
    return Job(recipe, seed, device, starts[recipe.backbone] if transferred else None)


Open = Callable[[str, dict[str, str]], fusion_training.Report]  # of a run's curves, by digest


def train(job: Job, faces: Path, manifest: pd.DataFrame, out: Path, curves: Open) -> Trained:
    """Train both stages, or go on with a training that was interrupted.

    Args:
        job: what to train.
        faces: crops of the manifest's videos.
        manifest: of one data set, with the splits train and val.
        out: folder of trainings; this one's lies in it under its digest.
        curves: opens the record of a training, which takes the figures of each epoch.

    Raises:
        ValueError: a split is empty or of one class, or both share an identity.
    """
    splits = split(manifest)
    out.mkdir(parents=True, exist_ok=True)
    crops = {name: out / f"{name}.arrow" for name in splits}
    digests = {n: fusion_data.store(faces, rows, crops[n]) for n, rows in splits.items()}
    facts = _facts(job, digests)
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    folder = out / digest[:SHORT]
    folder.mkdir(exist_ok=True)
    files.write(folder / "job.json", json.dumps(facts, indent=1) + "\n")
    table, weights = folder / "curves.csv", folder / fusion.CARD.weights
    if not weights.exists():
        report = curves(digest, {name: str(value) for name, value in facts.items()})
        rows = _stages(job, {n: fusion_data.read(p) for n, p in crops.items()}, folder, report)
        files.write(table, pd.DataFrame(rows).to_csv(index=False))
        (folder / "trained.pth").replace(weights)
        for views in splits:
            shutil.rmtree(folder / views)
    return Trained(weights, digest, pd.read_csv(table))


def split(manifest: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The videos to learn from and those that choose the checkpoint.

    Raises:
        ValueError: a split is empty or of one class, or both share an identity.
    """
    tables.check(tables.MANIFEST, manifest)
    found = {name: manifest[manifest["split"] == name] for name in ("train", "val")}
    for name, rows in found.items():
        if rows["label"].nunique() < 2:
            fakes = int(rows["label"].sum())
            msg = (
                f"split {name} has {len(rows) - fakes} real and {fakes} fake videos; a training "
                "needs both in train and in val (train_fusion.dataset in params.yaml)"
            )
            raise ValueError(msg)
    shared = sorted(set(found["train"]["cluster_id"]) & set(found["val"]["cluster_id"]))
    if shared:
        msg = (
            f"{len(shared)} identities lie in train and val, first {shared[0]!r}: the checkpoint "
            "would be chosen on people it has learnt; choose a data set with disjoint splits"
        )
        raise ValueError(msg)
    return found


def _facts(job: Job, crops: dict[str, str]) -> dict[str, object]:
    """All that the result depends on, but for the machine."""
    start = ""
    if job.start is not None:
        with job.start.open("rb") as file:
            start = hashlib.file_digest(file, "sha256").hexdigest()
    return {**job.recipe.model_dump(), "seed": job.seed, "start_sha256": start, "crops": crops}


def _stages(
    job: Job, crops: dict[str, Crops], folder: Path, report: fusion_training.Report
) -> list[dict[str, object]]:
    """Both stages; leaves `trained.pth`, and a row per epoch."""
    network = fusion_start.network(form(job.recipe), job.start, job.seed, job.device)
    learning = Learning(job.seed, job.recipe.augment)
    prepared = folder / "start.pth"
    if prepared.exists():
        fusion_start.restore(network, prepared)
    else:
        fusion_start.prepare(network, crops["train"], settle=job.start is None)
        fusion_start.save(network, prepared)
    weights = fusion_start.class_weights(crops["train"].labels)
    rows: list[dict[str, object]] = []
    for stage in stages(job):
        if stage.name == "head":
            data = fusion_data.cached(network, crops, learning, folder)
        else:
            data = fusion_data.pictures(network, crops, learning)
        training = fusion_training.Training(network, stage, weights)
        report_stage = _after(report, len(rows))
        found = fusion_training.run(training, data, folder / stage.name, report_stage)
        rows += [{"stage": stage.name, **row} for row in found]
    fusion_start.save(network, folder / "trained.pth")
    return rows


def _after(report: fusion_training.Report, epochs: int) -> fusion_training.Report:
    """The same report for a stage that begins after so many epochs."""

    def shifted(epoch: int, figures: dict[str, float]) -> None:
        report(epochs + epoch, figures)

    return shifted


def stages(job: Job) -> list[Stage]:
    """The stages of a training; without spatial features there is only the head."""
    recipe = job.recipe
    head = Stage(
        name="head",
        epochs=recipe.head_epochs,
        rate=recipe.head_rate,
        decay=0.0,
        batch_size=recipe.batch_size,
        patience=recipe.patience,
        plateau=recipe.plateau,
        seed=job.seed,
        device=job.device,
    )
    if "spatial" not in recipe.inputs or not recipe.backbone_epochs:
        return [head]
    backbone = replace(
        head,
        name="backbone",
        epochs=recipe.backbone_epochs,
        rate=recipe.backbone_rate,
        decay=recipe.weight_decay,
        # of a random backbone there is nothing to keep
        whole=job.start is None,
    )
    return [head, backbone]


def form(recipe: blocks.Fusion) -> fusion.Form:
    """The network that a recipe trains."""
    backbone = recipe.backbone if "spatial" in recipe.inputs else ""
    return fusion.Form(backbone, "frequency" in recipe.inputs)
