"""Networks that are written out for the sake of a fast start, against those of timm, bit by bit."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from timm.models.efficientnet import efficientnet_b4 as timm_efficientnet_b4
from timm.models.xception import legacy_xception as timm_xception

from deepbench.detectors import efficientnet_b4, legacy_xception


def padded_as_published():
    """timm's EfficientNet-B4 with the padding of the published class."""
    theirs = timm_efficientnet_b4(num_classes=2, bn_eps=1e-3)
    theirs.conv_stem.padding = (0, 0)
    for stage, pads in {1: (0, 1, 0, 1), 3: (0, 1, 0, 1), 5: (1, 2, 1, 2)}.items():
        convolution = theirs.blocks[stage][0].conv_dw
        convolution.padding = (0, 0)
        convolution.register_forward_pre_hook(partial(pad, pads))
    return theirs


def pad(pads, module, inputs):
    return tuple(F.pad(x, pads) for x in inputs)


PAIRS = {
    "xception": (legacy_xception.build, partial(timm_xception, num_classes=2)),
    "xception of 12 channels": (
        partial(legacy_xception.build, 12),
        partial(timm_xception, num_classes=2, in_chans=12),
    ),
    "efficientnet_b4": (efficientnet_b4.build, padded_as_published),
}


@pytest.mark.parametrize("name", PAIRS)
def test_same_tensors_in_the_same_order_give_the_same_bits(name, rng):
    ours, theirs = (build() for build in PAIRS[name])
    stored = {
        key: torch.from_numpy(rng.uniform(0.01, 0.12, value.shape).astype(np.float32))
        for key, value in theirs.state_dict().items()
    }
    for key in [key for key in stored if key.endswith("num_batches_tracked")]:
        stored[key] = torch.tensor(0)
    theirs.load_state_dict(stored)
    own = ours.state_dict()
    assert [value.shape for value in own.values()] == [value.shape for value in stored.values()]
    values = dict(zip(own, stored.values(), strict=True))
    ours.load_state_dict(values, strict=True, assign=True)
    channels = 12 if "12" in name else 3
    x = torch.from_numpy(rng.normal(size=(2, channels, 99, 102)).astype(np.float32))
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        found, expected = (
            module.eval().to(memory_format=torch.channels_last)(x) for module in (ours, theirs)
        )
    assert expected.isfinite().all()
    assert torch.equal(found, expected)


def test_training_from_nothing_draws_what_timm_draws():
    drawn = []
    for make in (
        partial(legacy_xception.Xception, 3, classes=0),
        partial(timm_xception, num_classes=0),
    ):
        torch.manual_seed(5)
        module = make()
        if isinstance(module, legacy_xception.Xception):
            legacy_xception.randomise(module)
        drawn.append(module.state_dict())
    ours, theirs = drawn
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
