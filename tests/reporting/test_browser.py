"""The report in a real browser: it must fit a telephone, fetch nothing, and sort its tables."""

import chromium
import pytest
import report_tables as made

from deepbench.reporting import page

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with chromium.launched(FLAGS) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    text = page.compose(made.inputs())
    path.write_text(text.replace("<details>", "<details open>"), "utf-8")
    return path


@pytest.fixture
def tab(browser, report):
    """The report in a tab; whatever it requests or complains about fails the test."""
    tab = browser.new_page()
    requested, complaints = [], []
    tab.on("request", lambda request: requested.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(report.as_uri())
    yield tab
    assert [url for url in requested if not url.startswith("data:")] == [report.as_uri()]
    assert not complaints
    tab.close()


def column(tab, name):
    """Texts of a column of the headline, top to bottom, without their small lines."""
    return tab.evaluate(
        """name => {
          const table = document.getElementById("headline");
          const place = [...table.tHead.rows[0].cells].findIndex(c => c.textContent === name);
          return [...table.tBodies[0].rows].map(r => r.cells[place].firstChild.textContent);
        }""",
        name,
    )


def sorts(tab):
    """The headers of the headline that say how they sort."""
    return tab.evaluate(
        """[...document.querySelectorAll("#headline th[aria-sort]")]
        .map(th => [th.textContent, th.getAttribute("aria-sort")])"""
    )


def value(text):
    return float(text.rstrip("†°"))


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_the_window(tab, width):
    tab.set_viewport_size({"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


@pytest.mark.slow
def test_every_picture_has_a_text(tab):
    alts = tab.evaluate("[...document.images].map(i => i.alt)")
    assert len(alts) > 28
    assert all(alts)


@pytest.mark.slow
def test_a_click_on_a_header_sorts_by_value(tab):
    before = column(tab, "dfdc")
    head = tab.locator("#headline").get_by_role("button", name="dfdc", exact=True)
    head.click()
    rising = column(tab, "dfdc")
    assert [value(t) for t in rising] == sorted(value(t) for t in before)
    assert sorts(tab) == [["dfdc", "ascending"]]
    head.click()
    assert [value(t) for t in column(tab, "dfdc")] == sorted(map(value, before), reverse=True)
    assert sorts(tab) == [["dfdc", "descending"]]
    tab.locator("#headline").get_by_role("button", name="Scorer", exact=True).click()
    assert column(tab, "Scorer") == sorted(column(tab, "Scorer"))
    assert sorts(tab) == [["Scorer", "ascending"]]


@pytest.mark.slow
def test_rows_stay_whole(tab):
    of = dict(zip(column(tab, "Scorer"), column(tab, "celeb_df"), strict=True))
    tab.locator("#headline").get_by_role("button", name="dfdc", exact=True).click()
    assert dict(zip(column(tab, "Scorer"), column(tab, "celeb_df"), strict=True)) == of


@pytest.mark.slow
def test_the_undefined_is_last_both_ways(tab):
    table = tab.locator("table", has_text="Pairs of scorers that differ")
    for _ in range(2):
        table.get_by_role("button", name="AUC", exact=True).click()
        rows = table.locator("tbody tr th").all_inner_texts()
        assert rows[-1] == "folder"
        assert len(rows) == 4


@pytest.mark.slow
def test_sorting_needs_no_mouse(tab):
    head = tab.locator("#headline").get_by_role("button", name="dfdc", exact=True)
    head.focus()
    tab.keyboard.press("Enter")
    assert sorts(tab) == [["dfdc", "ascending"]]
    tab.keyboard.press("Space")
    assert sorts(tab) == [["dfdc", "descending"]]
    # the focus stays where it was, and goes on to the next header
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "folder"


@pytest.mark.slow
def test_paper_holds_what_is_folded(browser, report, tmp_path):
    folded = tmp_path / "report.html"
    folded.write_text(report.read_text("utf-8").replace("<details open>", "<details>"), "utf-8")
    tab = browser.new_page()
    tab.goto(folded.as_uri())
    open_now = "document.querySelectorAll('details[open]').length"
    assert tab.evaluate(open_now) == 0
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.evaluate("document.querySelectorAll('details:not([open])').length") == 0
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate(open_now) == 0
    tab.close()


@pytest.mark.slow
def test_without_scripts_the_tables_are_plain(browser, report):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(report.as_uri())
    assert tab.locator("button").count() == 0
    assert tab.locator("#headline tbody tr").count() == 9
    context.close()
