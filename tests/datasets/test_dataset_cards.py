"""Every data set file is complete: its card, its leak rule, its two functions."""

import inspect
from dataclasses import asdict

import pytest

from deepbench.core import plugins

NAMES = plugins.names("datasets")


def test_every_data_set_file_is_found():
    assert {"celeb_df", "dfdc", "dfdc_preview", "faceforensics", "folder"} <= set(NAMES)
    # what all of them use is no data set
    assert "listing" not in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_card_is_complete(name):
    card = plugins.load("datasets", name).CARD
    assert isinstance(card, plugins.DatasetCard)
    empty = [k for k, v in asdict(card).items() if not v and (name, k) != ("folder", "counts")]
    assert empty == []
    for cell, count in card.counts.items():
        split, _, method = cell.partition("/")
        assert split in ("train", "val", "test"), cell
        assert method, cell
        assert count > 0, cell


@pytest.mark.parametrize("name", NAMES)
def test_module_has_the_contract(name):
    source = plugins.load("datasets", name)
    assert isinstance(source.SPLITS_ARE_DISJOINT, bool)
    assert list(inspect.signature(source.list_videos).parameters) == ["root"]
    assert list(inspect.signature(source.notes).parameters) == ["root", "rows"]


@pytest.mark.parametrize(
    ("name", "total"),
    [("faceforensics", 6000), ("celeb_df", 890 + 5639), ("dfdc", 119_154 + 5000)],
)
def test_official_counts_add_up_to_the_published_total(name, total):
    assert sum(plugins.load("datasets", name).CARD.counts.values()) == total
