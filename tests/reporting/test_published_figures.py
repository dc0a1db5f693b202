"""The page's sections on published figures and on the published protocol."""

from dataclasses import replace

import pytest
import report_tables as made

from deepbench.reporting import anchors, html, published
from deepbench.statistics import deepfakebench

# whole pages are composed
pytestmark = pytest.mark.slow

KNOWN = anchors.load()


@pytest.mark.parametrize(
    ("demo", "samples", "whose"),
    [
        (True, tuple(made.METHODS), "the sample pack and demo weights"),
        (True, (), "demo weights"),
        (False, tuple(made.METHODS), "the sample pack"),
    ],
)
def test_one_sentence_and_no_verdict(demo, samples, whose):
    found = published.figures(made.inputs(demo, samples), KNOWN)
    assert found == published.Figures(
        [f"Nothing here is comparable with published figures: these are figures of {whose}."], []
    )


def test_real_runs_get_a_table():
    inputs = made.inputs(demo=False, samples=("dfdc",))
    inputs = replace(inputs, manifest=inputs.manifest.assign(compression="c23"))
    found = published.figures(inputs, KNOWN)
    assert f"of {len(KNOWN)} published figures" in found.sentences[0]
    assert found.sentences[1].startswith("Left out are demo weights and the sample pack: xception")
    table, users, paper = found.tables
    assert [t.table.caption.partition(": ")[2] for t in found.tables] == [
        anchors.TABLE, anchors.SINGLE, "paper, level not stated",
    ]  # fmt: skip
    assert "dfdc" not in {row[1].text for shown in found.tables for row in shown.table.rows}
    lines = {(row[0].text, row[1].text): row for row in table.table.rows}
    line = lines["xception", "celeb_df"]
    assert (line[2].text, line[3].text) == ("frame AUC", "0.7365")
    assert line[6] == html.Cell("not comparable", ("(1) (2)",))
    assert table.reasons[0].startswith("(1) a cell of the table is the mean of the three best")
    assert table.reasons[1] == "(2) 32 frames per video, here 8"
    assert {row[0].text for row in users.table.rows} == {"xception", "f3net"}
    assert paper.table.rows[-1][2].text == "level not stated, AUC"


def test_detectors_nobody_published_figures_of():
    inputs = made.inputs(demo=False, samples=())
    strange = tuple(replace(run, detector="mine") for run in inputs.runs)
    found = published.figures(replace(inputs, runs=strange), KNOWN)
    assert found.sentences == [
        "No published figure at hand is of a detector and a data set that ran here."
    ]


@pytest.fixture(scope="module")
def sides():
    return {side.table.caption: side for side in published.side_by_side(made.inputs())}


def test_every_data_set_stands_side_by_side(sides):
    assert set(sides) == set(made.METHODS)
    table = sides["faceforensics"].table
    assert table.columns == ["Scorer", *deepfakebench.TITLES]
    assert [row[0].text for row in table.rows] == ["xception", "efficientnet_b4", "f3net", "effort"]


def test_both_figures_are_shown(sides):
    row = made.inputs().published.query(
        "scorer == 'f3net' and dataset == 'faceforensics' and metric == 'video AUC'"
    ).iloc[0]  # fmt: skip
    cell = sides["faceforensics"].table.rows[2][1]
    assert cell.text == f"{row['value_here']:.3f}"
    assert cell.small == (f"there {row['value_deepfakebench']:.3f}",)


def test_reasons_are_told_once(sides):
    first, *others = sides["faceforensics"].reasons
    assert first == (
        "video AUC: 64 fakes of 4 methods share 16 folder names and are merged: 80 videos become 32"
    )
    assert not any("merged" in reason or "the same" in reason for reason in others)
    assert not any("merged" in reason for reason in sides["dfdc"].reasons)


def test_what_is_undefined_there_says_why(sides):
    assert sides["folder"].reasons == [
        f"{', '.join(deepfakebench.TITLES)}: DeepfakeBench stops: 32 real and 0 fake frames"
    ]
    assert sides["folder"].table.rows[0][1] == html.Cell(
        "undefined", ("there undefined",), undefined=True
    )


def test_a_reason_of_some_scorers_names_them():
    table = made.inputs().published.copy()
    first = (table["dataset"] == "dfdc") & (table["metric"] == "frame EER")
    table.loc[first & (table["scorer"] == "effort"), "why_different"] = "for a test"
    found = published.side_by_side(replace(made.inputs(), published=table))
    (dfdc,) = [side for side in found if side.table.caption == "dfdc"]
    assert "frame EER: for a test (effort)" in dfdc.reasons
