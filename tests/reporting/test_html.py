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
    assert html.estimate(0.8, 0.7, 0.9, "") == html.Cell("0.800", ("[0.700, 0.900]",))
    few = "no interval from 3 independent clips, fewer than 5"
    assert html.estimate(0.8, math.nan, math.nan, few) == html.Cell("0.800", (few,))


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
    assert html.row("videos", 12345) == [html.Cell("videos"), html.Cell("12,345")]


def test_templates_escape_and_refuse_missing_values():
    page = html.render("checkout.html", {"pages": {}, "facts": {"<b>": "a & b"}})
    assert "&lt;b&gt;" in page
    assert "a &amp; b" in page
    with pytest.raises(jinja2.UndefinedError, match="facts"):
        html.render("checkout.html", {"pages": {}})
