"""What the fusion detector learns from: crops on disk, in an order and with random changes.

Seed and epoch decide both, so that a training that was interrupted goes on as if it had not been.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from tqdm import tqdm

from deepbench.core import files, shards, tables
from deepbench.detectors import fusion
from deepbench.detectors.network import Network
from deepbench.media import augment
from deepbench.media.crops import decode
from deepbench.media.treatments import Rgb

AT_A_TIME = 16  # crops
VIEWS = 4  # of each crop, of which the head's training sees one per epoch


class Place(NamedTuple):
    """A crop, and how often the training has gone through all of them before."""

    epoch: int
    crop: int


class Crops(NamedTuple):
    """The crops of one split."""

    png: pa.ChunkedArray  # mapped from disk, not in memory
    labels: Int64[np.ndarray, "crop"]  # 1: fake


class Learning(NamedTuple):
    """What decides every random draw, and whether there are changes to draw."""

    seed: int
    augment: bool


def store(faces: Path, manifest: pd.DataFrame, path: Path) -> str:
    """Copy the crops of a manifest's videos to one file for random access; returns its sha256.

    Raises:
        ValueError: the videos have no crops, or crops of several sizes.
    """
    labels = manifest.set_index("video_id")["label"]
    schema = pa.schema([("png", pa.binary()), ("label", pa.int64())])
    digest, count = hashlib.sha256(), 0
    with (
        files.unfinished(path) as part,
        pa.OSFile(str(part), "wb") as file,
        pa.ipc.new_file(file, schema) as writer,
    ):
        for batch in shards.batches(tables.FACES, faces, ["video_id", "png"], 500):
            wanted = batch[batch["video_id"].isin(labels.index)]
            truth = labels.loc[wanted["video_id"]].astype("int64").tolist()
            for png, label in zip(wanted["png"], truth, strict=True):
                digest.update(hashlib.sha256(png).digest() + bytes([label]))
            count += len(wanted)
            columns = [pa.array(wanted["png"].tolist(), pa.binary()), pa.array(truth, pa.int64())]
            writer.write_batch(pa.record_batch(columns, schema=schema))
        if not count:
            msg = f"none of {len(manifest)} videos has a crop in {faces}; see its ledger for why"
            raise ValueError(msg)
    return digest.hexdigest()


def read(path: Path) -> Crops:
    """What `store` wrote."""
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    return Crops(table["png"], table["label"].to_numpy().astype(np.int64))


class Shuffled(Sampler[Place]):
    """Every crop once per epoch, in an order of the epoch's own."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed, self.epoch = count, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning, also when it goes on in the middle of a training."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Place]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.count)
        return (Place(self.epoch, int(index)) for index in order)


class Example(NamedTuple):
    """One crop as the network takes it, or a batch of them."""

    pixels: Tensor  # uint8 [side side 3]; empty where only features are wanted
    features: Tensor  # frequency features; in the head's training, all that the head sees
    label: Tensor


class Examples(Dataset[Example]):
    """Examples of some crops, by place."""

    crops: Crops

    def __len__(self) -> int:
        return len(self.crops.labels)


class Pictures(Examples):
    """Crops with fresh changes in every epoch."""

    def __init__(self, crops: Crops, network: Network, learning: Learning) -> None:
        self.crops, self.learning = crops, learning
        self.frequency = has_frequency(network)

    def __getitem__(self, place: Place) -> Example:
        rgb = picture(self.crops, place, self.learning)
        found = fusion.frequency_features(rgb[None])[0] if self.frequency else np.empty(0, "f4")
        label = torch.tensor(self.crops.labels[place.crop])
        return Example(torch.from_numpy(rgb), torch.from_numpy(found), label)


class Cached(Examples):
    """Features of some views of each crop, of which every epoch shows one by chance."""

    def __init__(
        self, views: list[Float32[np.ndarray, "crop width"]], crops: Crops, seed: int
    ) -> None:
        self.views, self.crops, self.seed = views, crops, seed

    def __getitem__(self, place: Place) -> Example:
        rng = np.random.default_rng([self.seed, place.epoch, place.crop])
        features = self.views[int(rng.integers(len(self.views)))][place.crop]
        nothing = torch.empty(0, dtype=torch.uint8)
        label = torch.tensor(self.crops.labels[place.crop])
        return Example(nothing, torch.from_numpy(features.copy()), label)


class Data(NamedTuple):
    """What a stage learns from, and what chooses its best epoch."""

    train: Examples
    val: Examples


def pictures(network: Network, crops: Mapping[str, Crops], learning: Learning) -> Data:
    """Pictures of the splits train, with fresh changes in every epoch, and val, as they are."""
    plain = learning._replace(augment=False)
    return Data(Pictures(crops["train"], network, learning), Pictures(crops["val"], network, plain))


def cached(network: Network, crops: Mapping[str, Crops], learning: Learning, folder: Path) -> Data:
    """Features of both splits, from files in the folder that are made once."""
    settings = {"train": learning, "val": learning._replace(augment=False)}
    return Data(
        *(
            Cached(cache(network, crops[name], own, folder / name), crops[name], own.seed)
            for name, own in settings.items()
        )
    )


def picture(crops: Crops, place: Place, learning: Learning) -> Rgb:
    """A crop as one epoch shows it, of the size that the network takes."""
    rgb, side = decode(crops.png[place.crop].as_py()), fusion.CARD.preprocessing.size
    if len(rgb) != side:
        # as Network.prepare does
        rgb = cv2.resize(rgb, (side, side), None, 0, 0, cv2.INTER_CUBIC)
    if not learning.augment:
        return rgb
    rng = np.random.default_rng([learning.seed, place.epoch, place.crop])
    return augment.augmented(rgb, rng)


def has_frequency(network: Network) -> bool:
    """Whether the network sees frequency features."""
    assert isinstance(network.module, fusion.Fusion)
    return network.module.form.frequency


def batches(crops: Crops, learning: Learning, view: int) -> Iterator[UInt8[np.ndarray, "n s s 3"]]:
    """One view of all crops in their order, some at a time."""
    count = len(crops.labels)
    for start in tqdm(range(0, count, AT_A_TIME), f"view {view}", unit="batch"):
        indices = range(start, min(start + AT_A_TIME, count))
        yield np.stack([picture(crops, Place(view, i), learning) for i in indices])


def cache(
    network: Network, crops: Crops, learning: Learning, folder: Path
) -> list[Float32[np.ndarray, "crop width"]]:
    """What the head sees of each view of the crops, from files that are made once."""
    views = []
    for view in range(VIEWS if learning.augment else 1):
        path = folder / f"view-{view}.npy"
        if not path.exists():
            found = [_features(network, part) for part in batches(crops, learning, view)]
            with files.unfinished(path) as part, part.open("wb") as file:
                np.save(file, np.concatenate(found))
        views.append(np.load(path, mmap_mode="r"))
    return views


def _features(network: Network, crops: UInt8[np.ndarray, "n s s 3"]) -> Float32[np.ndarray, "n _"]:
    assert isinstance(network.module, fusion.Fusion)
    with torch.inference_mode():
        x = network.prepare(crops)
        frequency = None
        if has_frequency(network):
            frequency = torch.from_numpy(fusion.frequency_features(crops)).to(x.device)
        features: np.ndarray = network.module.features(x, frequency).cpu().numpy()
    return features
