"""Step `scores`: run one detector over the face crops of one data set."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float32
from tqdm import tqdm

from deepbench.core import params, plugins, shards, tables
from deepbench.detectors import batches
from deepbench.detectors.network import Network
from deepbench.media import crops
from deepbench.sample import demo_weights


def choose_device(wanted: str) -> str:
    """Resolve `auto` to the first of cuda, mps and cpu that this machine has."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def preprocessing(detector: str, profile: str) -> plugins.Preprocessing:
    """The card's own preprocessing for `published`, else the named profile."""
    card: plugins.DetectorCard = plugins.load("detectors", detector).CARD
    if profile == "published":
        return card.preprocessing
    if profile not in plugins.PROFILES:
        raise ValueError(plugins.unknown("profile", profile, ["published", *plugins.PROFILES]))
    return plugins.PROFILES[profile]


def find_weights(folder: Path, detector: str) -> Path:
    """The one checkpoint of a detector: the published file if it is there, else the only other.

    Raises:
        FileNotFoundError: no checkpoint in the folder.
        ValueError: several, none of which has the published name.
    """
    card: plugins.DetectorCard = plugins.load("detectors", detector).CARD
    published = folder / card.weights
    if published.exists():
        return published
    suffixes = {".pth", ".pt", ".safetensors"}
    found = sorted(p for p in folder.glob("*") if p.suffix in suffixes)
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(p.name for p in found)
        msg = f"{folder} holds {named}; keep one, or name the one to use {card.weights}"
        raise ValueError(msg)
    cure = f"put {card.weights} there (from {card.published})"
    if (folder.parent / card.weights).exists():
        cure = f"move {folder.parent / card.weights} there"
    msg = f"no checkpoint in {folder}: {cure}, or run `deepbench sample` for demo weights"
    raise FileNotFoundError(msg)


def describe(
    detector: str, weights: Path, network: Network, settings: params.Scores
) -> dict[str, object]:
    """What ran: the facts that the report and MLflow tell of a detector's scores.

    The card's facts are among them, so that readers of the scores need not load the detector.
    """
    card: plugins.DetectorCard = plugins.load("detectors", detector).CARD
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    used = network.preprocessing
    return {
        "detector": detector,
        "weights_file": weights.name,
        "weights_sha256": digest,
        "demo": demo_weights.is_demo(weights),
        "precision": settings.precision,
        "profile": settings.profile,
        "device_kind": network.device.type,
        "title": card.title,
        "paper": card.paper,
        "trained_on": card.trained_on,
        "published_file": card.weights,
        "published_sha256": card.sha256,
        "input": f"{used.size} px, mean {used.mean}, std {used.std}",
    }


def score(faces: Path, detector: str, network: Network, batch_size: int) -> pd.DataFrame:
    """Fake log-odds of every crop, one row each, in the order of the faces table."""
    columns = ["video_id", "frame", "face"]
    found = list(shards.batches(tables.FACES, faces, columns, 100_000))
    empty = tables.from_rows(tables.SCORES, [])[columns]
    keys = pd.concat(found, ignore_index=True) if found else empty
    stored = shards.batches(tables.FACES, faces, ["png"], batch_size)
    logits = [np.empty(0, np.float32)]
    with tqdm(total=len(keys), desc=detector, unit="crop") as bar:
        for part in batches.side_by_side(
            lambda batch: _score_batch(batch, network), stored, network.device
        ):
            logits.append(part)
            bar.update(len(part))
    table = keys.assign(detector=detector, fake_logit=np.concatenate(logits))
    _refuse_non_finite(table)
    return table


def _score_batch(batch: pd.DataFrame, network: Network) -> Float32[np.ndarray, "crop"]:
    return network(np.stack([crops.decode(png) for png in batch["png"]]))


def _refuse_non_finite(table: pd.DataFrame) -> None:
    """Raise ValueError: pooling would take a NaN for a missing frame, or for a vote."""
    wrong = table[~np.isfinite(table["fake_logit"])]
    if len(wrong):
        first = wrong.iloc[0]
        msg = (
            f"{first['detector']} scored {len(wrong)} of {len(table)} crops NaN or infinite, first "
            f"{first['video_id']} frame {first['frame']}; use scores.precision: float32, and see "
            "`deepbench weights verify`"
        )
        raise ValueError(msg)
