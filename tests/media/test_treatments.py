"""What is done to crops does what its name says, and nothing else."""

import cv2
import numpy as np
import pytest

from deepbench.media import spectrum, treatments


@pytest.fixture
def rgb(rng):
    rough = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    smooth = cv2.resize(rough, (256, 256), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 6, smooth.shape)
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)


def detail(rgb):
    """Typical log magnitude around a quarter of a cycle per pixel."""
    place = spectrum.FEATURE_NAMES.index("fft.band.12.median")
    return spectrum.features(treatments.grey(rgb)[None])[0, place]


def test_a_stored_crop_comes_back_as_rgb(rgb):
    png = cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
    assert np.array_equal(treatments.decode(png), rgb)


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match="a crop of 9 bytes is no picture; make it anew"):
        treatments.decode(b"not a png")


def test_grey_weighs_the_colours_and_has_the_size_of_the_spectrum():
    red = np.zeros((256, 256, 3), np.uint8)
    red[..., 0] = 200
    grey = treatments.grey(red)
    assert grey.shape == (224, 224)
    # ITU-R BT.601: red counts 0.299, blue 0.114
    assert set(np.unique(grey)) == {60}
    assert set(np.unique(treatments.grey(red[..., ::-1].copy()))) == {23}


@pytest.mark.parametrize("side", [100, 224, 300])
def test_grey_of_any_size_keeps_the_mean(rng, side):
    rgb = np.repeat(rng.integers(90, 110, (side, side, 1), dtype=np.uint8), 3, axis=2)
    grey = treatments.grey(rgb)
    assert grey.shape == (224, 224)
    assert abs(grey.mean() - rgb.mean()) < 0.5
    if side == 224:
        assert np.array_equal(grey, rgb[..., 0])


def test_lower_quality_changes_more(rgb):
    errors = [np.abs(treatments.jpeg(rgb, q).astype(int) - rgb).mean() for q in (95, 50, 10)]
    assert 0 < errors[0] < errors[1] < errors[2]
    assert treatments.jpeg(rgb, 50).shape == rgb.shape


def test_a_smaller_face_has_less_detail(rgb):
    whole, half, quarter = map(detail, (rgb, *(treatments.small(rgb, s) for s in (128, 64))))
    assert whole > half + 0.2
    assert half > quarter + 0.2


def test_a_face_that_has_no_more_pixels_cannot_be_shrunk(rgb):
    assert treatments.small(rgb, 256) is None
    assert treatments.small(rgb, 300) is None
    assert treatments.small(rgb, 255).shape == rgb.shape
