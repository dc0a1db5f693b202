"""Components are found by file name; a wrong name lists the right ones."""

import pytest

from deepbench.core import plugins


def test_a_component_is_a_file_with_a_card():
    detectors = ["efficientnet_b4", "effort", "f3net", "f3net_sobel", "fusion", "xception"]
    assert plugins.names("detectors") == detectors
    datasets = ["celeb_df", "deepfakebench", "dfdc", "dfdc_preview", "faceforensics", "folder"]
    assert plugins.names("datasets") == datasets


def test_a_wrong_name_suggests_and_lists():
    with pytest.raises(KeyError, match=r"unknown detector 'exception'.*'xception'.*Available"):
        plugins.load("detectors", "exception")


@pytest.mark.parametrize("kind", ["datasets", "detectors"])
def test_every_card_is_complete(kind):
    may_be_empty = {"sha256", "counts"}
    for name in plugins.names(kind):
        card = plugins.load(kind, name).CARD
        empty = {key for key, value in vars(card).items() if not value}
        assert empty <= may_be_empty, name
