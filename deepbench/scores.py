"""Step `scores`: run one detector over the face crops of one data set."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Float32
from tqdm import tqdm

from deepbench.core import blocks, digests, plugins, recorded, shards, tables
from deepbench.detectors import batches, blindness, likeness, openvino_runtime, precision
from deepbench.detectors.network import Network
from deepbench.media import crops
from deepbench.sample import demo_weights

MEMORY = Path("runs/precision")  # verdicts on precisions, per checkpoint and machine
KEY = ["video_id", "frame", "face"]
LIBRARIES = ("torch", "timm", "numpy", "opencv-python-headless")


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

    Says on stderr if it is not the one that `weights.dvc` in git records.

    Raises:
        FileNotFoundError: no checkpoint in the folder.
        ValueError: several, none of which has the published name.
    """
    found = _the_one(folder, detector)
    recorded.tell(found)
    return found


def _the_one(folder: Path, detector: str) -> Path:
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


def load(
    detector: str,
    weights: Path,
    settings: blocks.Scores,
    crops: Callable[[], likeness.Crops] = likeness.no_crops,
    memory: Path = MEMORY,
) -> precision.Chosen:
    """A detector in the precision that is set, if it gives float32's scores on real crops.

    `crops` makes the crops to find out on, e.g. `partial(likeness.sample, faces)`; without any,
    what was found out before counts.
    """
    wanted = precision.Wanted(
        detector,
        weights,
        choose_device(settings.device),
        preprocessing(detector, settings.profile),
        settings.precision,
        detector in settings.openvino,
    )
    return precision.choose(wanted, crops, memory)


def describe(
    detector: str,
    weights: Path,
    network: Network,
    settings: blocks.Scores,
    verdict: precision.Verdict | None = None,
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
        "precision": str(network.dtype).removeprefix("torch."),
        "precision_check": dataclasses.asdict(verdict) if verdict else {},
        "profile": settings.profile,
        "device_kind": network.device.type,
        "title": card.title,
        "paper": card.paper,
        "trained_on": card.trained_on,
        "published_file": card.weights,
        "published_sha256": card.sha256,
        "input": f"{used.size} px, mean {used.mean}, std {used.std}",
    }


def score(
    faces: Path, out: Path, network: Network, facts: Mapping[str, object], batch_size: int
) -> None:
    """Fake log-odds of every crop, in shards in `out` as the faces are; those that stand are kept.

    `facts` are what `describe` says of the network.

    Raises:
        ValueError: a score that is no number, or the same for all crops.
    """
    detector, recipe = str(facts["detector"]), _recipe(network, facts, batch_size)
    folder = shards.Folder(out, tables.SCORES)
    total = shards.count(tables.FACES, faces)
    with tqdm(total=total, desc=detector, unit="crop") as bar:
        for number, path in enumerate(shards.paths(tables.FACES, faces)):
            groups = _groups(path, batch_size)
            noted = shards.noted(path)
            keys = {v: digests.of([recipe, v, [noted[w] for w in g]]) for g in groups for v in g}
            shard = shards.Shard(number, keys)
            if not folder.stands(shard):
                new = [g for g in groups if not all(folder.has(keys[video]) for video in g)]
                made = _scored(path, new, network, batch_size).assign(detector=detector)
                _refuse_non_finite(made)
                folder.write(shard, _by_video(made, new), frozenset())
            bar.update(pq.read_metadata(path).num_rows)
    folder.finish()
    blindness.refuse(out, faces, detector)


def _recipe(network: Network, facts: Mapping[str, object], batch_size: int) -> str:
    """Digest of what determines scores beside the crops.

    The last bits also depend on the kind of processor, which is left out: whoever takes over
    scores from another machine should not have to make them all again.
    """
    compiled = isinstance(network.module, openvino_runtime.Compiled)
    return digests.of(
        {
            "detector": facts["detector"],
            "weights": facts["weights_sha256"],
            "preprocessing": vars(network.preprocessing),
            "runs": [
                str(network.dtype),
                type(network.module).__qualname__,
                network.device.type,
                batch_size,
            ],
            "code": digests.of_code(__name__, f"deepbench.detectors.{facts['detector']}"),
            "libraries": digests.versions(*LIBRARIES, *(["openvino"] if compiled else [])),
            "columns": str(tables.schema(tables.SCORES)),
        }
    )


def _groups(path: Path, batch_size: int) -> list[list[str]]:
    """Videos of a shard that share batches: as few as have half a batch of crops together.

    The last bits of a score depend on the crops beside it. A video with enough crops of its own
    therefore has the same scores whatever videos there are.
    """
    held = Counter(pq.read_table(path, columns=["video_id"])["video_id"].to_pylist())
    groups: list[list[str]] = []
    crops = batch_size
    for video in shards.noted(path):
        if 2 * crops >= batch_size:
            groups.append([])
            crops = 0
        groups[-1].append(video)
        crops += held[video]
    return groups


def _scored(path: Path, groups: list[list[str]], network: Network, batch_size: int) -> pd.DataFrame:
    """Keys and scores of the crops of some videos, in batches that no two groups share."""
    wanted = [video for group in groups for video in group]
    crops: pd.DataFrame = shards.rows(path, [*KEY, "png"], wanted).to_pandas()
    parts = [
        own.iloc[start : start + batch_size]
        for group in groups
        for own in [crops[crops["video_id"].isin(group)]]
        for start in range(0, len(own), batch_size)
    ]
    logits = batches.side_by_side(lambda p: _score_batch(p, network), parts, network.device)
    return crops[KEY].assign(fake_logit=np.concatenate([np.empty(0, np.float32), *logits]))


def _by_video(made: pd.DataFrame, groups: list[list[str]]) -> dict[str, tuple[pa.Table]]:
    rows = pa.Table.from_pandas(made, tables.schema(tables.SCORES), preserve_index=False)
    own = shards.by_video(rows, [video for group in groups for video in group])
    return {video: (table,) for video, table in own.items()}


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
