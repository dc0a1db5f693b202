"""The ablation in the report: values with intervals, differences, and reasons for what is not."""

import math

import pytest

from deepbench.core import tables
from deepbench.core.ablations import ABLATION, FUSED, PLACE
from deepbench.reporting import ablation

NONE = math.nan


def row(dataset, variant, value, difference, **more):
    plain = {
        "dataset": dataset,
        "variant": variant,
        "start": "xception_best.pth (demo)",
        "head_epochs": 15,
        "backbone_epochs": 2,
        "value": value,
        "low": value - 0.1,
        "high": value + 0.1,
        "difference": difference,
        "difference_low": difference - 0.05,
        "difference_high": difference + 0.05,
        "p": NONE,
        "n_real": 6,
        "n_fake": 6,
        "n_missing": 0,
        "note": "",
    }
    return plain | more


@pytest.fixture
def root(tmp_path):
    few = {"low": NONE, "high": NONE, "difference_low": NONE, "difference_high": NONE}
    few["note"] = "no interval from 3 independent clips of a class, fewer than 5"
    rows = [
        row("dfdc", FUSED, 0.8, NONE),
        row("dfdc", "frequency <only>", 0.7, -0.1, start="none", backbone_epochs=0),
        row("folder", FUSED, 0.6, NONE, **few),
        row("folder", "frequency <only>", 0.5, -0.1, start="none", **few),
    ]
    tables.write(ABLATION, tables.from_rows(ABLATION, rows), tmp_path / PLACE)
    return tmp_path


def test_a_row_has_each_data_sets_value_and_difference(root):
    view = ablation.table(tables.read(ABLATION, root / PLACE))
    assert len(view.columns) == 7
    fused, only = view.rows
    assert [cell.text for cell in fused[:4]] == [
        FUSED,
        "xception_best.pth (demo)",
        "15 + 2",
        "0.800",
    ]
    assert fused[3].small == ("[0.700, 0.900]",)
    assert fused[4].text == ""
    assert [cell.text for cell in only[3:]] == ["0.700", "-0.100", "0.500", "-0.100"]
    assert only[4].small == ("[-0.150, -0.050]",)
    assert "no interval from 3" in only[5].notes[0]


def test_the_section_is_there_when_the_table_is_and_escapes_it(root, tmp_path):
    text = ablation.section(root)
    assert "frequency &lt;only&gt;" in text
    assert "<only>" not in text
    assert 'id="ablation"' in text
    assert ablation.section(tmp_path / "elsewhere") == ""
