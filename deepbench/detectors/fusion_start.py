"""What a training of the fusion detector starts from."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from deepbench.core import files
from deepbench.detectors import checkpoint, fusion, fusion_data, legacy_xception, xception
from deepbench.detectors.fusion_data import Crops, Learning, Place
from deepbench.detectors.network import Network

SETTLED = 128  # crops that a random backbone takes its statistics from
RESNET50 = dataclasses.replace(
    fusion.CARD, title="ResNet-50", weights="resnet50.pth", published="torchvision or timm"
)


def network(form: fusion.Form, start: Path | None, seed: int, device: str) -> Network:
    """A network to train: random from a seed, its backbone from a checkpoint if one is given.

    Raises:
        ValueError: the checkpoint does not fit the backbone.
    """
    preprocessing = fusion.CARD.preprocessing
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = fusion.Fusion(form, preprocessing)
        if form.backbone == "xception":
            legacy_xception.randomise(module.backbone)
    if start is not None and form.backbone:
        _load(module.backbone, form.backbone, start)
    target = torch.device(device)
    module.to(target).eval().requires_grad_(False)
    module.to(memory_format=torch.channels_last)
    explained = fusion.EXPLAINED[form.backbone]
    return Network(module, preprocessing, target, torch.float32, explained)


def _load(backbone: nn.Module, name: str, start: Path) -> None:
    if name == "xception":
        origin = checkpoint.Origin(start, xception.CARD)
        unused = rf"backbone\.last_linear\..+|{legacy_xception.UNUSED}"
        state = checkpoint.read(origin)
        checkpoint.fit(backbone, state, lambda own: f"backbone.{own}", unused, origin)
    else:
        origin = checkpoint.Origin(start, RESNET50)
        checkpoint.fit(backbone, checkpoint.read(origin), str, r"fc\..+", origin)


def prepare(network: Network, crops: Crops, settle: bool) -> None:
    """Take from the training crops what is not learnt: the frequency features' scale.

    And, with `settle`, the statistics of a random backbone's normalisations.
    """
    assert isinstance(network.module, fusion.Fusion)
    form = network.module.form
    if form.frequency:
        _standardise(network, crops)
    if form.backbone and settle:
        _settle(network, crops)


def _standardise(network: Network, crops: Crops) -> None:
    """Take the frequency features' mean and deviation from crops as they are."""
    assert isinstance(network.module, fusion.Fusion)
    plain = Learning(0, augment=False)
    found = [fusion.frequency_features(part) for part in fusion_data.batches(crops, plain, 0)]
    values = np.concatenate(found).astype(np.float64)
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0) / count
    std = np.sqrt((np.where(known, values - mean, 0) ** 2).sum(axis=0) / count)
    # a feature that never varies, as an empty bin of a histogram, says nothing at any scale
    std[std == 0] = 1
    for name, value in (("mean", mean), ("std", std)):
        getattr(network.module.frequency, name).copy_(torch.from_numpy(value))


def _settle(network: Network, crops: Crops) -> None:
    """As a training begins: without this, a random network's activations grow with its depth."""
    assert isinstance(network.module, fusion.Fusion)
    backbone = network.module.backbone
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain average
    backbone.train()
    order = np.random.default_rng(0).permutation(len(crops.labels))[:SETTLED]
    plain = Learning(0, augment=False)
    with torch.no_grad():
        for part in np.array_split(order, -(-len(order) // fusion_data.AT_A_TIME)):
            rgb = [fusion_data.picture(crops, Place(0, int(i)), plain) for i in part]
            backbone.forward_features(network.prepare(np.stack(rgb)))  # type: ignore[operator]
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
    backbone.eval()


def class_weights(labels: Int64[np.ndarray, "crop"]) -> Float[Tensor, "2"]:
    """Weights with which reals and fakes count alike; mean 1 over the crops."""
    counts = np.bincount(labels, minlength=2)
    return torch.from_numpy((len(labels) / (2 * counts)).astype(np.float32))


def save(network: Network, path: Path) -> None:
    """Write a checkpoint that `fusion.load` reads."""
    state = {
        name: tensor.cpu().contiguous() for name, tensor in network.module.state_dict().items()
    }
    with files.unfinished(path) as part:
        torch.save(state, part)


def restore(network: Network, path: Path) -> None:
    """Take up what `save` wrote of the same form."""
    network.module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
