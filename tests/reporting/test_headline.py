from dataclasses import replace

import pytest
import report_tables as made

from deepbench.reporting import headline, manipulations


@pytest.fixture(scope="module")
def inputs():
    return made.inputs()


def cells(inputs, scorer):
    table = headline.table(inputs)
    line = next(line for line in table.rows if line[0].text == scorer)
    return dict(zip(table.columns, line, strict=True))


def with_ranks(inputs, ranks):
    comparisons = replace(inputs.analyses.comparisons, ranks=ranks)
    return replace(inputs, analyses=replace(inputs.analyses, comparisons=comparisons))


def test_a_cell_has_value_interval_rank_and_counts(inputs):
    auc = inputs.results.query(
        "scorer == 'xception' and dataset == 'celeb_df' and level == 'video' and metric == 'auc'"
    ).iloc[0]
    shown = cells(inputs, "xception")["celeb_df"]
    assert shown.text == f"{auc['value']:.3f}"
    assert shown.value == auc["value"]
    assert shown.small == (
        f"[{auc['low']:.3f}, {auc['high']:.3f}]", "rank 1, tied with 3",
        "15 real, 16 fake, 1 not scored",
    )  # fmt: skip
    assert "rank 2, no tie" in cells(inputs, "effort")["celeb_df"].small


def test_trained_on_and_chance_are_marked(inputs):
    assert cells(inputs, "effort")["faceforensics"].text.endswith("†")
    assert cells(inputs, "equal")["faceforensics"].text.endswith("†")
    assert cells(inputs, "effort")["celeb_df"].text[-1].isdigit()
    assert cells(inputs, "f3net")["celeb_df"].text.endswith("°")


def test_an_undefined_cell_is_its_reason(inputs):
    cell = cells(inputs, "xception")["folder"]
    assert cell.undefined
    assert cell.value is None
    assert (cell.text, cell.small) == (made.ONE_CLASS, ("16 real, 0 fake",))


def test_a_missing_result_is_not_passed_over(inputs):
    without = inputs.results.query("scorer != 'effort' or dataset != 'dfdc'")
    cell = cells(replace(inputs, results=without), "effort")["dfdc"]
    assert cell.text == "not in the results table"


def test_without_comparisons_of_auc_no_rank_is_claimed(inputs):
    ranks = inputs.analyses.comparisons.ranks
    without = with_ranks(inputs, ranks[ranks["metric"] != "auc"])
    assert not any("rank" in line for line in cells(without, "effort")["dfdc"].small)
    assert not headline.ties(without).rows


def test_ties_are_named(inputs):
    rows = {line[0].text: line for line in headline.ties(inputs).rows}
    assert len(rows) == 9
    cell = rows["equal"][1]
    assert (cell.text, cell.small) == ("2", ("tied with xception, efficientnet_b4, f3net",))
    folder = rows["equal"][-1]
    assert folder.undefined
    assert folder.text == made.ONE_CLASS


def test_bounds_only_where_videos_were_lost(inputs):
    table = headline.bounds(inputs)
    assert table.columns == ["Scorer", "celeb_df", "dfdc"]
    result = inputs.results.query(
        "scorer == 'equal' and dataset == 'dfdc' and level == 'video' and metric == 'auc'"
    ).iloc[0]
    equal = next(line for line in table.rows if line[0].text == "equal")[2]
    assert equal.text == f"{result['value'] - 0.05:.3f} to {result['value'] + 0.04:.3f}"
    assert equal.small == ("2 lost",)
    none = replace(inputs, results=inputs.results.assign(n_missing=0))
    assert headline.bounds(none).rows == []


def test_intervals_are_held_against_plain_ones(inputs):
    results = inputs.results.assign(low=0.6, high=0.9, plain_low=0.7, plain_high=0.9)
    found = headline.widths(replace(inputs, results=results))
    assert found.median == pytest.approx(1.5)
    assert found.figures == 36
    assert "on median 1.50 times as wide" in found.sentence
    nothing = results.assign(plain_low=float("nan"))
    assert headline.widths(replace(inputs, results=nothing)).sentence == ""


def test_manipulations_are_tables_only_where_there_are_several(inputs):
    (table,) = manipulations.per_manipulation(inputs)
    assert table.columns == ["Scorer", *made.METHODS["faceforensics"]]
    assert len(table.rows) == 9
    assert "rank 1, tied with 3" in table.rows[0][1].small
