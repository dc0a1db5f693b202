import time
from dataclasses import replace

import pandas as pd
import pytest
import report_tables as made

from deepbench.reporting import attrition


@pytest.fixture(scope="module")
def inputs():
    return made.inputs()


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def lost(inputs, count):
    """The inputs with so many more videos that no scorer could score."""
    names = [f"many/{i:05d}" for i in range(count)]
    ledger = inputs.ledger.iloc[[0] * count].assign(video_id=names, problem="unreadable")
    videos = pd.concat(
        inputs.videos.iloc[[0] * count].assign(
            video_id=names, scorer=scorer, problem="unreadable", fake_prob=float("nan")
        )
        for scorer in inputs.videos["scorer"].unique()
    )
    return replace(
        inputs,
        ledger=pd.concat([inputs.ledger, ledger], ignore_index=True),
        videos=pd.concat([inputs.videos, videos], ignore_index=True),
    )


def test_each_problem_of_a_video_is_said_once(inputs):
    assert texts(attrition.problems(inputs).table) == [
        ["celeb_df/real/test_001", made.FACELESS, "faces, every scorer"],
        ["dfdc/fake/test_003", made.SHORT, "equal, effort_half"],
        ["dfdc/real/test_000", made.UNREADABLE, "faces, every scorer"],
    ]


def test_no_problems_are_no_rows(inputs):
    none = replace(
        inputs, ledger=inputs.ledger.assign(problem=""), videos=inputs.videos.assign(problem="")
    )
    assert attrition.problems(none).table.rows == []


def test_as_many_as_are_shown_need_no_last_row(inputs):
    rows = texts(attrition.problems(lost(inputs, attrition.SHOWN - 3)).table)
    assert len(rows) == attrition.SHOWN
    assert rows[-1] == [f"many/{attrition.SHOWN - 4:05d}", "unreadable", "faces, every scorer"]


def test_thousands_of_problems_are_counted_in_seconds(inputs):
    many = lost(inputs, 5000)
    start = time.perf_counter()
    problems = attrition.problems(many)
    assert time.perf_counter() - start < 2
    rows = texts(problems.table)
    assert len(rows) == attrition.SHOWN + 1
    assert problems.summary == "200 of 5,003"
    assert rows[-1][0] == "4,803 more rows"
    assert "artifacts/faces/<dataset>/ledger-*.parquet" in rows[-1][1]


def test_figures_without_a_value_or_an_interval_are_counted_by_reason(inputs):
    found = attrition.undefined(inputs)
    bounds = found[found["note"] == "no interval: a bound"]
    assert set(bounds["lacks"]) == {"interval"}
    results = inputs.results
    lacking = results["value"].isna() | results["low"].isna()
    assert found.loc[found["table"] == "results", "figures"].sum() == lacking.sum()
    assert set(found["table"]) > {"results", "comparisons", "thresholds", "sensitivity"}
    assert made.ONE_CLASS in set(found["note"])
