import numpy as np
import pytest
import torch

from deepbench.media import integral

RGB = np.random.default_rng(0).integers(0, 256, (97, 131, 3), np.uint8)


def pooled(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    tensor = torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1)[None]
    pool = torch.nn.functional.adaptive_avg_pool2d(tensor, (height, width))
    return pool.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("size", [(97, 131), (40, 50), (13, 7), (1, 1), (120, 140)])
def test_whole_equals_torch_bit_for_bit(size):
    np.testing.assert_array_equal(
        integral.whole(integral.integrate(RGB), *size), pooled(RGB, *size)
    )


def test_crops_equal_torch_bit_for_bit():
    boxes = np.array([[0, 0, 131, 97], [5, 7, 40, 90], [100, 50, 101, 51], [130, 96, 131, 97]])
    crops = integral.crops(integral.integrate(RGB), boxes, 24)
    for (x1, y1, x2, y2), crop in zip(boxes, crops, strict=True):
        np.testing.assert_array_equal(crop[None], pooled(RGB[y1:y2, x1:x2], 24, 24))


def test_averages_stay_exact_where_sums_wrap_around():
    white = np.full((3000, 3000, 3), 255, np.uint8)
    sums = integral.integrate(white)
    assert sums.min() < 0
    assert (integral.whole(sums, 2, 3) == 255).all()
    boxes = np.array([[0, 0, 3000, 3000], [2900, 2900, 3000, 3000]])
    assert (integral.crops(sums, boxes, 24) == 255).all()


def test_pixels_lie_row_by_row_with_their_colours_together():
    # networks take this layout fastest, and in another one their last bits differ
    sums = integral.integrate(RGB)
    assert integral.whole(sums, 40, 50).flags.c_contiguous
    assert integral.crops(sums, np.array([[0, 0, 131, 97], [5, 7, 40, 90]]), 24).flags.c_contiguous
