"""The networks in training: what of a checkpoint is trained, and what stays as its seed made it.

A checkpoint of full size must be made from a few hundred kilobytes. So the late point-wise
convolutions, which hold nearly all parameters, keep their random values; trained are stem,
depth-wise kernels, batch norms, head and the early point-wise convolutions. Most residual blocks
are closed: with a last batch norm of zero they pass their input on.
"""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from deepbench.apps.cli import DEMO_SEED
from deepbench.core import plugins
from deepbench.detectors import checkpoint, efficientnet_b4, effort, f3net, legacy_xception
from deepbench.sample import demo_weights
from tools.demo_weights import starts

NEVER = r"(?!)"
LATE = r"(block(3|12)\..*(pointwise|skip)|conv[34]\.pointwise)\.weight"
MIDDLE = r"block([4-9]|10|11)"


class Plan(NamedTuple):
    """How a detector is trained."""

    build: Callable[[], nn.Module]
    """The network on the meta device."""
    published: Callable[[str], str]
    """Name in the published file of a tensor of the network."""
    frozen: str
    """Regular expression of the network's tensors that keep the seed's values."""
    closed: str
    """... of its residual blocks that pass their input on."""
    head: str
    """The last layer."""
    start: Callable[[nn.Module], None]
    """Sets what training should not begin at random."""
    window: int
    """Pixels of the square that is trained on, until the last steps."""
    pairs: int
    """Pairs of real and fake in a batch."""
    rate: float
    """Largest learning rate."""


class Trainee(NamedTuple):
    """A network ready to train."""

    detector: str
    module: nn.Module
    trained: tuple[str, ...]
    """The module's tensors that the seed does not give, which must be shipped."""
    plan: Plan


def demo_vit() -> effort.Effort:
    """The small ViT that stands in for Effort's, on the meta device."""
    state = {k.removeprefix("module."): v for k, v in effort.demo_layout().items()}
    origin = checkpoint.Origin(Path(effort.CARD.weights), effort.CARD)
    return effort.build(effort.infer_size(state, origin))


PLANS = {
    "xception": Plan(
        build=legacy_xception.build,
        published=lambda name: legacy_xception.published(name, "backbone.last_linear"),
        frozen=LATE,
        closed=MIDDLE,
        head="fc",
        start=starts.xception,
        window=160,
        pairs=8,
        rate=3e-3,
    ),
    "effort": Plan(
        build=demo_vit,
        published=effort.published,
        frozen=NEVER,
        closed=NEVER,
        head="head",
        start=starts.vit,
        window=256,
        pairs=16,
        rate=1e-3,
    ),
    "f3net": Plan(
        build=f3net.build,
        published=lambda name: f3net.published(name, "backbone.last_linear.1"),
        frozen=rf"FAD_head\.(_DCT.*|.*base)|backbone\.{LATE}",
        closed=rf"backbone\.{MIDDLE}",
        head="backbone.fc",
        start=starts.f3net,
        window=160,
        pairs=8,
        rate=3e-3,
    ),
    "efficientnet_b4": Plan(
        build=efficientnet_b4.build,
        published=efficientnet_b4.published,
        # of the last two stages
        frozen=r"efficientnet\.(_blocks\.(2[2-9]|3[01])\._(expand|project|se)_.*|_conv_head\.)weight",
        # all but the first of each stage
        closed=r"efficientnet\._blocks\.(?!(0|2|6|10|16|22|30)\b)\d+",
        head="last_layer",
        start=starts.efficientnet,
        window=160,
        pairs=8,
        rate=3e-3,
    ),
}


def prepare(detector: str) -> Trainee:
    """A network in training mode with the values that training starts from."""
    plan = PLANS[detector]
    module = plan.build()
    state = seeded(detector)
    state = effort.folded(state) if detector == "effort" else state
    own = {name: state[plan.published(name)] for name in module.state_dict()}
    module.load_state_dict(own, strict=True, assign=True)
    zeroed = _close(module, plan.closed)
    inside = re.compile(rf"({plan.closed})\..+")
    trained = [
        name
        for name in own
        if name in zeroed
        or not (
            inside.fullmatch(name)
            or re.fullmatch(plan.frozen, name)
            or name.endswith("num_batches_tracked")
        )
    ]
    with torch.no_grad():
        plan.start(module)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in trained and name not in zeroed)
    module.train().to(memory_format=torch.channels_last)
    return Trainee(detector, module, tuple(trained), plan)


def layout(detector: str) -> dict[str, Tensor]:
    """Keys of the checkpoint that `deepbench sample` writes."""
    component = plugins.load("detectors", detector)
    found: dict[str, Tensor] = getattr(component, "demo_layout", component.layout)()
    return found


def seeded(detector: str) -> dict[str, Tensor]:
    """What the seed gives, under the names that the detector's loader reads."""
    card = plugins.load("detectors", detector).CARD
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / card.weights
        demo_weights.write(layout(detector), DEMO_SEED, path)
        return checkpoint.read(checkpoint.Origin(path, card))


def _close(module: nn.Module, pattern: str) -> set[str]:
    """Let the blocks of that name pass their input on; returns the tensors that are now zero."""
    zeroed: set[str] = set()
    for name, block in module.named_modules():
        if not re.fullmatch(pattern, name):
            continue
        norms = [n for n, part in block.named_modules() if isinstance(part, nn.BatchNorm2d)]
        last = block.get_submodule(norms[-1])
        for tensor in ("weight", "bias"):
            nn.init.zeros_(getattr(last, tensor))
            zeroed.add(f"{name}.{norms[-1]}.{tensor}")
        # the same to the last bit, without the work
        block.forward = nn.Identity().forward
    return zeroed


def restore(trainee: Trainee, state: dict[str, Tensor]) -> None:
    """Put trained values back."""
    found = trainee.module.state_dict()
    trainee.module.load_state_dict({**found, **state}, strict=True)


def shipped(trainee: Trainee) -> dict[str, Tensor]:
    """The tensors that the seed does not give, copied."""
    state = trainee.module.state_dict()
    return {name: state[name].detach().clone() for name in trainee.trained}
