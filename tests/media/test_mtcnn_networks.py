"""MTCNN's networks and its suppression against those of facenet-pytorch and torchvision."""

import facenet_pytorch
import numpy as np
import pytest
import torch
from torchvision.ops import nms

from deepbench.media import mtcnn_networks
from deepbench.media.suppression import ROWS, suppress


@pytest.mark.parametrize(("name", "side"), [("PNet", 53), ("RNet", 24), ("ONet", 48)])
def test_networks_give_the_bits_of_facenet_pytorch(name, side, rng):
    x = torch.from_numpy(rng.normal(size=(5, 3, side, side)).astype(np.float32))
    ours = getattr(mtcnn_networks, name)().eval()
    theirs = getattr(facenet_pytorch, name)()
    with torch.inference_mode():
        for found, expected in zip(ours(x), theirs(x), strict=True):
            assert torch.equal(found, expected)


@pytest.mark.parametrize("count", [0, 1, 40, 3 * ROWS + 7])
@pytest.mark.parametrize("overlap", [0.5, 0.7])
def test_suppression_is_that_of_torchvision(count, overlap, rng):
    low = rng.uniform(0, 25, (count, 2))
    # whole numbers, as of proposals, among others; some boxes without area, some equal scores
    boxes = np.hstack([low, low + rng.integers(0, 40, (count, 2))]).astype(np.float32)
    boxes[::2] = np.floor(boxes[::2])
    scores = rng.uniform(0.6, 1, count).round(2).astype(np.float32)
    expected = nms(torch.from_numpy(boxes), torch.from_numpy(scores), overlap).numpy()
    found = suppress(boxes, scores, overlap)
    np.testing.assert_array_equal(found, expected)
    assert count < 2 or 0 < len(found) < count
