"""What `detect` is asked to do: which scorer, and what its ensemble rule may learn from."""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from deepbench.core import params, plugins, tables
from deepbench.core.verdicts import Model, Source


class Asked(NamedTuple):
    """A scorer, and the settings narrowed to it."""

    root: Path  # the checkout
    scorer: str  # an ensemble or a detector of params.yaml
    settings: params.Params  # whose only detectors are the scorer's, and whose only ensemble it is


def ask(root: Path, scorer: str, frames: int | None) -> Asked:
    """The settings of a checkout for one scorer; "" chooses it, None leaves the frames as they are.

    Raises:
        ValueError: there is no such scorer, or it needs more than pixels.
    """
    settings = params.load(root / "params.yaml")
    scorer = scorer or default(settings)
    ensembles = settings.videos.ensembles
    if scorer not in [*ensembles, *settings.detectors]:
        available = [*ensembles, *settings.detectors]
        raise ValueError(plugins.unknown("ensemble or detector", scorer, available))
    members = ensembles[scorer].members if scorer in ensembles else [scorer]
    if others := [name for name in members if name not in settings.detectors]:
        msg = (
            f"ensemble {scorer!r} needs {', '.join(others)}, which are no detectors of crops; "
            f"ask for one of {', '.join(choices(settings))}"
        )
        raise ValueError(msg)
    faces = settings.faces
    wanted: dict[str, object] = {"frames": frames, "at_most": frames} if frames else {}
    if faces.landmark_model:
        wanted["landmark_model"] = str(root / faces.landmark_model)
    chosen = {scorer: ensembles[scorer]} if scorer in ensembles else {}
    narrowed = {
        "detectors": members,
        "external": {},
        "faces": faces.model_copy(update=wanted),
        "frequency": settings.frequency.model_copy(update={"scorer": False}),
        "videos": settings.videos.model_copy(update={"ensembles": chosen}),
    }
    return Asked(root, scorer, settings.model_copy(update=narrowed))


def default(settings: params.Params) -> str:
    """The first ensemble that can judge a file alone, else the first detector."""
    fit = [n for n in _fit(settings) if settings.videos.ensembles[n].rule not in params.LEARNT]
    return next(iter(fit), settings.detectors[0])


def choices(settings: params.Params) -> list[str]:
    """Scorers that can judge a file: ensembles of detectors alone, then detectors."""
    return [*_fit(settings), *settings.detectors]


def _fit(settings: params.Params) -> list[str]:
    """Ensembles of detectors alone."""
    known = set(settings.detectors)
    return [name for name, e in settings.videos.ensembles.items() if known >= set(e.members)]


class Development(NamedTuple):
    """What an ensemble rule may learn from; empty tables where it learns from nothing."""

    manifest: pd.DataFrame
    videos: pd.DataFrame  # of the members


def development(asked: Asked, models: list[Model]) -> Development:
    """Stored scores of the development split, for the rules that learn from it.

    Raises:
        ValueError: they are missing, or were made with other weights.
    """
    settings, artifacts = asked.settings, asked.root / "artifacts"
    ensemble = settings.videos.ensembles.get(asked.scorer)
    if ensemble is None or ensemble.rule not in params.LEARNT:
        return Development(
            tables.from_rows(tables.MANIFEST, []), tables.from_rows(tables.VIDEOS, [])
        )
    home = settings.development
    try:
        for model in models:
            place = artifacts / f"{settings.scores_file(home, model.name)}.json"
            ran = json.loads(place.read_text("utf-8"))
            if ran["weights_sha256"] != model.sha256:
                msg = (
                    f"the rule {ensemble.rule} learns from the stored scores of {home}, which "
                    f"{model.name} made with other weights; make them anew: dvc repro"
                )
                raise ValueError(msg)
        manifest = tables.read(tables.MANIFEST, artifacts / f"manifest/{home}.parquet")
        stored = tables.read(tables.VIDEOS, artifacts / "videos.parquet")
    except FileNotFoundError as error:
        msg = (
            f"the rule {ensemble.rule} learns from the stored scores of {home}: "
            f"{error.filename or error} is missing; run dvc repro, or ask for "
            f"{default(params.load(asked.root / 'params.yaml'))!r}"
        )
        raise ValueError(msg) from None
    manifest = manifest[manifest["split"] == "val"]
    mine = stored["scorer"].isin(ensemble.members)
    return Development(manifest, stored[mine & stored["video_id"].isin(manifest["video_id"])])


def source(path: Path, name: str) -> Source:
    """Name, digest and size of a file; of a folder, over the names and bytes of its files."""
    # a name that is no UTF-8 could not be written anywhere
    name = (name or path.name).encode("utf-8", "replace").decode()
    if path.is_file():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Source(name, digest, path.stat().st_size)
    total, size = hashlib.sha256(), 0
    for part in sorted(p for p in path.iterdir() if p.is_file()):
        content = part.read_bytes()
        total.update(os.fsencode(f"{part.name}\0{hashlib.sha256(content).hexdigest()}\n"))
        size += len(content)
    return Source(name, total.hexdigest(), size)
