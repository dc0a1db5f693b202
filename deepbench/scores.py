"""Step `scores`: run one detector over the face crops of one data set."""

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float32, UInt8
from tqdm import tqdm

from deepbench.core import params, plugins, shards, tables
from deepbench.detectors.network import Network
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
    """Fake log-odds of every crop, one row each, in the order of the faces table.

    On a CPU each batch runs in one thread and several batches side by side: as fast as sharing one
    batch among the threads, and the last bits no longer depend on how many there are.
    """
    columns = ["video_id", "frame", "face"]
    found = list(shards.batches(tables.FACES, faces, columns, 100_000))
    empty = tables.from_rows(tables.SCORES, [])[columns]
    keys = pd.concat(found, ignore_index=True) if found else empty
    batches = shards.batches(tables.FACES, faces, ["png"], batch_size)
    logits = [np.empty(0, np.float32)]
    threads = torch.get_num_threads()
    workers = threads if network.device.type == "cpu" else 1
    torch.set_num_threads(1)
    try:
        with (
            ThreadPoolExecutor(workers) as pool,
            tqdm(total=len(keys), desc=detector, unit="crop") as bar,
        ):
            # as many batches at a time as there are workers bounds what is in memory
            while side_by_side := list(itertools.islice(batches, workers)):
                for part in pool.map(lambda b: _score_batch(b, network), side_by_side):
                    logits.append(part)
                    bar.update(len(part))
    finally:
        torch.set_num_threads(threads)
    table = keys.assign(detector=detector, fake_logit=np.concatenate(logits))
    _refuse_non_finite(table)
    return table


def _score_batch(batch: pd.DataFrame, network: Network) -> Float32[np.ndarray, "crop"]:
    return network(np.stack([decode(png) for png in batch["png"]]))


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


def decode(png: bytes) -> UInt8[np.ndarray, "height width 3"]:
    """RGB pixels of a stored crop."""
    bgr = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        msg = f"a crop of {len(png)} bytes is not a PNG; make the faces anew: dvc repro -f faces"
        raise ValueError(msg)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
