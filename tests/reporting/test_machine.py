import json
from dataclasses import replace

import numpy as np
import pytest
import report_tables as made

from deepbench.reporting import analyses, headline, machine


@pytest.fixture(scope="module")
def inputs():
    return made.inputs()


@pytest.fixture(scope="module")
def content(inputs):
    return json.loads(machine.compose(inputs))


def rows(content, section):
    found = content["sections"][section]
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def test_it_says_what_it_is(content, inputs):
    assert content["schema"] == machine.SCHEMA
    assert content["state"] == inputs.state.digest
    assert content["sample"] == list(made.METHODS)
    assert content["data_md5"] == inputs.state.data
    assert content["incomplete"] == {}
    assert content["scorers"] == inputs.settings.scorers


def test_every_table_behind_the_page_is_there(content, inputs):
    named = analyses.frames(inputs.analyses)
    named = {name: table for name, table in named.items() if name not in machine.CURVES}
    assert set(named) <= set(content["sections"])
    for name, table in named.items():
        if name != "simplex":
            assert len(content["sections"][name]["rows"]) == len(table), name
    assert len(content["sections"]["results"]["rows"]) == len(inputs.results)


def test_the_headline_can_be_found_again(content, inputs):
    found = {
        (row["scorer"], row["dataset"]): row
        for row in rows(content, "results")
        if (row["method"], row["level"], row["metric"]) == ("all", "video", "auc")
    }
    table = headline.table(inputs)
    for line in table.rows:
        for dataset, cell in zip(table.columns[1:], line[1:], strict=True):
            row = found[line[0].text, dataset]
            if cell.undefined:
                assert row["value"] is None
                assert row["note"] == cell.text
            else:
                assert row["value"] == pytest.approx(cell.value, rel=1e-5)
    (widths,) = rows(content, "interval_widths")
    assert widths["median"] == pytest.approx(headline.widths(inputs).median, rel=1e-5)


def test_the_infinite_is_said(content):
    losses = [r for r in rows(content, "results") if r["metric"] == "log_loss"]
    assert {r["value"] for r in losses if r["scorer"] == "f3net"} == {"infinite"}


def test_weightings_stand_in_one_row_each(content, inputs):
    found = rows(content, "simplex")
    points = inputs.analyses.ensembles.simplex
    assert len(found) == len(points) // len(inputs.settings.detectors)
    weights = [[r[f"weight {d}"] for d in inputs.settings.detectors] for r in found]
    assert np.allclose(np.sum(weights, axis=1), 1)
    first = points[points["point"] == points["point"].iloc[0]].head(4)
    assert weights[0] == first["weight"].tolist()


def test_errors_are_told_without_pictures(content, inputs):
    found = rows(content, "errors")
    assert len(found) == len(inputs.exhibits)
    assert "jpeg" not in found[0]


def test_equal_tables_give_equal_bytes(inputs):
    assert machine.compose(inputs) == machine.compose(made.anew())


def test_nothing_run_is_empty_sections(inputs):
    bare = replace(inputs, exhibits=(), external=())
    content = json.loads(machine.compose(bare))
    assert content["sections"]["errors"] == {"columns": [], "rows": []}


def test_it_stays_small(inputs):
    assert len(machine.compose(inputs)) < 1_000_000
