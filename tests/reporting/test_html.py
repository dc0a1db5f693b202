import math

import jinja2
import pytest

from deepbench.reporting import html


@pytest.mark.parametrize(
    ("value", "text"), [(0.87349, "0.873"), (1.0, "1.000"), (math.inf, "infinite")]
)
def test_number(value, text):
    assert html.number(value) == text


def test_an_estimate_has_its_interval():
    assert html.estimate(0.8, 0.7, 0.9, "") == html.Cell("0.800", ("[0.700, 0.900]",), value=0.8)
    few = "no interval from 3 independent clips, fewer than 5"
    assert html.estimate(0.8, math.nan, math.nan, few) == html.Cell(
        "0.800", value=0.8, notes=(few,)
    )


def test_a_note_beside_an_interval_is_kept():
    cell = html.estimate(0.8, 0.7, 0.9, "chosen on 2 reals; in-sample")
    assert (cell.small, cell.notes) == (("[0.700, 0.900]",), ("chosen on 2 reals", "in-sample"))


def test_what_many_cells_say_stands_below_the_table():
    often, once = html.Cell("0.8", notes=("few", "rare")), html.Cell("0.9", notes=("few",))
    shown = html.footnoted(html.Table("", ["a", "b", "c"], [[often, once, once]]))
    assert shown.below == ["(1) few"]
    assert [cell.small for cell in shown.rows[0]] == [("rare", "(1)"), ("(1)",), ("(1)",)]
    alone = html.footnoted(html.Table("", ["a"], [[once]]))
    assert (alone.rows[0][0].small, alone.below) == (("few", ""), [])


@pytest.mark.parametrize(
    ("value", "text"), [(0.0004, "p < 0.001"), (0.0312, "p 0.031"), (math.nan, "")]
)
def test_p(value, text):
    assert html.p(value) == text


def test_differences_have_signs():
    assert html.difference(0.05, -0.01, 0.11, "").text == "+0.050"
    assert html.difference(-math.inf, -math.inf, 0.1, "").text == "minus infinite"


def test_cells_sort_by_value():
    assert html.Cell("0.800", value=0.8).sorting == "0.8"
    assert html.Cell("infinite", value=math.inf).sorting == "Infinity"
    assert html.Cell("text").sorting == ""


def test_coordinates_are_cut_but_scales_are_not():
    svg = '<path transform="scale(0.015625)" d="M 1.23456 7.1"/><use x="3.14159" y="2"/>'
    assert html._shorter(svg) == (
        '<path transform="scale(0.015625)" d="M 1.23 7.1"/><use x="3.14" y="2"/>'
    )


@pytest.mark.parametrize(
    ("note", "text"),
    [
        ("undefined with 16 real and 0 fake", "undefined with 16 real and 0 fake"),
        ("", "undefined, and the table gives no reason"),
    ],
)
def test_nan_is_a_reason(note, text):
    assert html.estimate(math.nan, math.nan, math.nan, note) == html.Cell(text, undefined=True)


def test_rows_set_thousands_apart():
    assert html.row("videos", 12345) == [html.Cell("videos"), html.Cell("12,345", value=12345)]


def test_templates_escape_and_refuse_missing_values():
    page = html.render("checkout.html", {"pages": {}, "facts": {"<b>": "a & b"}})
    assert "&lt;b&gt;" in page
    assert "a &amp; b" in page
    with pytest.raises(jinja2.UndefinedError, match="facts"):
        html.render("checkout.html", {"pages": {}})
