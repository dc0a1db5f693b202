"""Pictures of maps: the exact mixture, the right colours, and what stands in the titles."""

import cv2
import numpy as np
import pytest
from gradcam_tables import maps_of

from deepbench.reporting import overlays


def texts(figure):
    return [t.get_text() for t in figure.findobj() if hasattr(t, "get_text") and t.get_text()]


def images(figure):
    return [image.get_array() for axes in figure.axes for image in axes.images]


def test_jet_goes_from_blue_over_green_to_red():
    colours = overlays.jet(np.array([[0.0, 0.5, 1.0]], np.float32))[0].astype(int)
    assert colours[0].argmax() == 2
    assert colours[0].tolist() == [0, 0, 128]
    assert colours[1].argmax() == 1
    assert colours[2].argmax() == 0
    assert colours[2].tolist() == [128, 0, 0]


def test_an_overlay_is_six_tenths_crop_and_four_tenths_colour(rng):
    rgb = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    saliency = rng.random((4, 4), dtype=np.float32)
    large = cv2.resize(saliency, (64, 64), interpolation=cv2.INTER_LINEAR)
    expected = np.rint(0.6 * rgb + 0.4 * overlays.jet(large)).astype(np.uint8)
    assert np.array_equal(overlays.overlay(rgb, saliency), expected)
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    none, most = (overlays.overlay(red, np.full((2, 2), v, np.float32))[0, 0] for v in (0, 1))
    assert none.tolist() == [153, 0, 51]
    assert most.tolist() == [204, 0, 0]


def test_a_sheet_shows_each_crop_beside_its_overlay():
    maps = maps_of("xception")
    own = maps[maps["dataset"] == "faceforensics"]
    figure = overlays.sheet(own)
    shown = images(figure)
    rows = own.to_dict("records")
    assert len([s for s in shown if s.shape == (128, 256, 3)]) == len(rows)
    first = overlays.crop(rows[0])
    assert np.array_equal(shown[0][:, :128], first)
    assert np.array_equal(shown[0][:, 128:], overlays.overlay(first, overlays.square(rows[0])))
    assert {"counts least", "counts most", "Deepfakes: hit\nfake probability 0.881"} <= set(
        texts(figure)
    )


def test_a_constant_map_is_shown_as_the_plain_crop_and_said():
    maps = maps_of("xception")
    constant = maps[maps["problem"] != ""]
    figure = overlays.sheet(constant)
    left, right = np.hsplit(images(figure)[0], 2)
    assert np.array_equal(left, right)
    assert any(text.endswith("constant map") for text in texts(figure))


def test_mean_maps_are_over_the_crops_of_one_outcome():
    maps = maps_of("xception")
    figure = overlays.means(maps)
    titles = [text for text in texts(figure) if "\n" in text]
    assert titles == [
        "dfdc\nfake\nhit, n 1",
        "faceforensics\nDeepfakes\nhit, n 2",
        "faceforensics\nreal\nfalse alarm, n 1",
    ]
    hits = maps[(maps["method"] == "Deepfakes") & (maps["problem"] == "")].to_dict("records")
    picture = np.rint(np.mean([overlays.crop(row) for row in hits], axis=0)).astype(np.uint8)
    saliency = np.mean([overlays.square(row) for row in hits], axis=0).astype(np.float32)
    assert np.array_equal(images(figure)[1], overlays.overlay(picture, saliency))


def test_nothing_to_show_is_said():
    none = maps_of("xception").iloc[:0]
    assert texts(overlays.sheet(none)) == ["no crop was explained"]
    assert texts(overlays.means(none)) == ["no crop has a map"]


@pytest.mark.parametrize("draw", [overlays.sheet, overlays.means])
def test_the_same_table_gives_the_same_small_picture(draw):
    maps = maps_of("xception")
    one, other = (overlays.jpeg(draw(maps)) for _ in range(2))
    assert one == other
    assert one[:2] == b"\xff\xd8"
    assert len(one) < 60_000
