"""The short cut of edge filters: what it computes, which file it takes, and that it is another."""

import cv2
import numpy as np
import pytest
import synthetic
import torch

from deepbench.detectors import f3net, f3net_sobel


def test_channels_are_the_filters_of_each_colour_filter_after_filter(network_of):
    network = network_of("f3net_sobel", 96)
    x = network.prepare(synthetic.images("any", 2, 96))
    found = network.module.edges(x)
    assert found.shape == (2, 12, 96, 96)
    sobel = np.float32([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    laplacian = np.float32([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    high_pass = np.float32([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
    for row, kernel in enumerate([sobel, sobel.T, laplacian, high_pass]):
        for colour in range(3):
            wanted = cv2.filter2D(
                x[1, colour].numpy(), cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT
            )
            np.testing.assert_allclose(found[1, 3 * row + colour].numpy(), wanted, atol=1e-5)


def test_scores_are_the_backbones_on_those_channels_and_not_f3nets(network_of):
    crops = synthetic.images("public-1", 1, 256)
    variant, exact = network_of("f3net_sobel"), network_of("f3net")
    with torch.inference_mode():
        logits = exact.module.backbone(variant.module.edges(variant.prepare(crops)))
    scores = variant(crops)
    np.testing.assert_allclose(scores, logits[:, 1] - logits[:, 0], atol=1e-4)
    assert abs(scores - exact(crops)).min() > 0.1


def test_unused_tensors_must_be_in_the_file(load_spoilt):
    sentence = r"1 faults: missing FAD_head\.filters\.3\.learnable\. Is this the file f3net_best"
    with pytest.raises(ValueError, match=sentence):
        load_spoilt("f3net_sobel", lambda state: state.pop("FAD_head.filters.3.learnable"))


def test_constants_are_those_of_f3net():
    layout, wanted = f3net_sobel.layout(), f3net.constants()
    given = {name: tensor for name, tensor in layout.items() if not tensor.is_meta}
    assert given.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(given[name], tensor, rtol=0, atol=1e-7)
    assert f3net_sobel.BANDS == f3net.BANDS


@pytest.mark.slow
def test_half_precision_keeps_the_filters_exact(published_file):
    network = f3net_sobel.load(published_file("f3net"), "cpu", "bfloat16")
    assert network.module.filters.dtype is torch.bfloat16
    assert network.module.filters[:, 0].tolist() == [
        [list(map(float, row)) for row in kernel] for kernel in f3net_sobel.FILTERS
    ]
    assert np.isfinite(network(synthetic.images("any", 1, 256))).all()
