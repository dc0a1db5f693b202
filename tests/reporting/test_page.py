import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import report_tables as made

from deepbench.core import blocks
from deepbench.core.gaps import Gap
from deepbench.reporting import attrition, html, page, setup
from deepbench.reporting.inputs import ExternalScores, members, scored_videos, trained_on

# whole pages are composed
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def inputs():
    return made.inputs()


@pytest.fixture(scope="module")
def text(inputs):
    return page.compose(inputs)


@pytest.fixture
def undrawn(monkeypatch):
    """Pages in a tenth of the time, for what stands beside the figures."""
    monkeypatch.setattr(html, "picture", lambda _, alt: html.Picture("data:,", alt))


class Reader(HTMLParser):
    """Collects tags with their attributes, and checks that they nest."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_equal_tables_give_equal_bytes(text):
    assert page.compose(made.anew()) == text


def test_it_stays_small(text):
    assert len(text.encode()) < 6_000_000


def test_nothing_is_fetched(text):
    reader = Reader(text)
    assert reader.all("script") == [{}]  # the sorting, in the page itself
    assert not reader.all("link")
    assert all(img["src"].startswith("data:image/") for img in reader.all("img"))
    assert all(a["href"].startswith("#") for a in reader.all("a"))
    assert "url(" not in text
    assert "@import" not in text
    for img in reader.all("img"):
        if img["src"].startswith("data:image/jpeg"):
            continue
        drawing = base64.b64decode(img["src"].split(",")[1]).decode()
        assert not re.search(r'(?:href|src)="https?:', drawing)
        assert "<dc:date>" not in drawing


def test_the_style_sheet_is_not_escaped(text):
    style = text.split("<style>")[1].split("</style>")[0]
    assert '"Segoe UI"' in style
    assert "&#" not in style


def test_it_can_be_read_without_eyes(text):
    reader = Reader(text)
    ids = {attrs["id"] for _, attrs in reader.tags if "id" in attrs}
    assert {a["href"][1:] for a in reader.all("a")} <= ids
    assert all(th["scope"] in ("col", "row") for th in reader.all("th"))
    assert len(reader.all("caption")) == len(reader.all("table"))
    alts = [img["alt"] for img in reader.all("img")]
    assert all(alts)
    assert len(set(alts)) == len(alts)
    # per data set three of scores, a map, reliability, abstention, sensitivity, five of spectra
    drawn = [img for img in reader.all("img") if img["src"].startswith("data:image/svg+xml")]
    assert len(drawn) == 12 * len(made.METHODS)
    assert any("of 16 reals 1 called fake" in alt for alt in alts)


@pytest.mark.parametrize("sentence", [made.UNREADABLE, made.FACELESS, made.SHORT, made.ONE_CLASS])
def test_every_problem_and_reason_is_told(text, sentence):
    assert sentence in text


def test_a_hostile_video_id_is_only_text(undrawn, inputs):
    ledger = inputs.ledger.copy()
    ledger.loc[ledger["video_id"] == made.HOSTILE, "problem"] = "<img src=x onerror=alert(1)>"
    text = page.compose(replace(inputs, ledger=ledger))
    assert text.count("<script") == 1
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


@pytest.mark.parametrize(
    ("demo", "samples", "said", "unsaid"),
    [
        (True, ("dfdc",), ["Sample pack and demo weights", "stands in for: dfdc."], []),
        (True, (), ["Demo weights"], ["Sample pack"]),
        (False, ("dfdc",), ["Sample pack"], ["published detectors", "Demo weights"]),
        (False, (), [], ["banner\" role", "Sample pack", "they say nothing"]),
    ],
)  # fmt: skip
def test_the_banner_says_what_is_not_real(undrawn, demo, samples, said, unsaid):
    text = page.compose(made.inputs(demo, samples))
    assert all(words in text for words in said)
    assert not any(words in text for words in unsaid)


def test_the_first_screen_says_what_is_missing_of_the_data(undrawn, inputs):
    said = "1 of 518 listed videos are not on disk, first <b>x.mp4"
    gaps = inputs.gaps | {"celeb_df": (Gap("absent", 1, 518, said),)}
    text = page.compose(replace(inputs, gaps=gaps))
    first, _, rest = text.partition("<nav")
    assert "<strong>Incomplete data:</strong>" in first
    assert "<b>celeb_df</b>: 1 of 518 listed videos are not on disk, first &lt;b&gt;x.mp4" in first
    assert "<b>dfdc</b>" not in first
    assert re.search(r"<small>Celeb_Df</small>\s*<small>incomplete</small>", rest)
    assert "Incomplete data" not in page.compose(inputs)


@pytest.mark.parametrize("place", [page.PLACEHOLDER, page.LATENCY, page.RECORDED])
def test_there_is_one_place_for_what_is_published(text, place):
    assert text.count(place) == 1


ORDER = [
    *("run", "auc", "differences", "methods", "transfer", "ensembles", "thresholds"),
    *("calibration", "sensitivity", "frequency", "gradcam", "errors", "missing"),
]


def test_it_reads_in_the_order_of_decisions(text):
    sections = re.findall(r'<section id="(\w+)">', text)
    assert sections[: len(ORDER)] == ORDER
    assert re.findall(r'<a href="#(\w+)">', text.partition("</nav>")[0]) == sections


def test_the_policy_names_the_one_script(text):
    script = text.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "default-src 'none'" in text


def test_scores_from_elsewhere_are_named(undrawn, inputs):
    outside = ExternalScores("bench", "data/scores/bench.csv", "ab" * 32, 50, 48)
    text = page.compose(replace(inputs, external=(outside,)))
    assert "Scores made elsewhere" in text
    assert "data/scores/bench.csv" in text


def test_a_data_set_without_test_videos_says_so(inputs):
    videos = inputs.manifest.copy()
    videos.loc[videos["dataset"] == "dfdc", "split"] = "val"
    results = inputs.results.query("dataset != 'dfdc'")
    text = page.compose(replace(inputs, manifest=videos, results=results))
    assert "No results: the manifest has no test videos of this data set." in text
    assert "ROC curves on dfdc. no test videos." in text


def test_losses_are_counted_at_each_step(text, inputs):
    plain = re.sub(r"<[^>]+>", " ", text)
    # videos, decoded, with a face, scored by all, frames expected, decoded, with a face
    assert re.search(r"celeb_df, test, real +16 +16 +15 +15 +128 +128 +120 ", plain)
    assert re.search(r"dfdc, test, real +16 +15 +15 +15 +128 +120 +120 ", plain)
    # one fake is lost to the ensembles only
    assert re.search(r"dfdc, test, fake +16 +16 +16 +15 +128 +128 +128 ", plain)


def test_a_video_that_is_not_in_the_ledger_counts_as_lost(inputs):
    without = replace(inputs, ledger=inputs.ledger.iloc[1:])
    assert [cell.text for cell in attrition.losses(without).rows[0]] == [
        "faceforensics, test, real",
        "16",
        "16",
        "16",
        "16",
        "128",
        "128",
        "128",
    ]
    first = inputs.ledger["video_id"].iloc[0]
    assert first.startswith("faceforensics/real/val")
    assert [cell.text for cell in attrition.losses(without).rows[2]] == [
        "faceforensics, val, real", "4", "3", "3", "4", "24", "24", "24",
    ]  # fmt: skip


def test_only_test_videos_are_drawn(inputs):
    scored = scored_videos(inputs, "dfdc")
    assert set(scored["video_id"].str.contains("/test_")) == {True}
    assert list(scored["scorer"].unique()) == [
        "xception", "efficientnet_b4", "f3net", "effort", "frequency", "equal", "effort_half",
        "log_odds", "stack",
    ]  # fmt: skip


def test_members_leave_out_a_weight_of_zero(inputs):
    pair = blocks.Ensemble(rule="weighted_mean", weights={"xception": 1.0, "effort": 0.0})
    videos = inputs.settings.videos.model_copy(update={"ensembles": {"pair": pair}})
    changed = replace(inputs, settings=inputs.settings.model_copy(update={"videos": videos}))
    assert members(changed.settings, "pair") == ["xception"]
    assert trained_on(changed, "pair") == {"faceforensics"}


def test_a_detector_that_ran_in_two_ways_is_told_twice(inputs):
    other = replace(inputs.runs[0], weights_sha256="f" * 64)
    table = setup.detectors(replace(inputs, runs=(other, *inputs.runs[1:])))
    lines = [line for line in table.rows if line[0].text == inputs.runs[0].detector]
    assert [line[2].text for line in lines] == ["f" * 12, inputs.runs[0].weights_sha256[:12]]
    assert "on faceforensics" in lines[0][1].small


def test_more_than_twenty_problems_fold_away(undrawn, inputs):
    ledger = inputs.ledger.copy()
    ledger["problem"] = np.where(ledger.index < 30, "a torn file", ledger["problem"])
    text = page.compose(replace(inputs, ledger=ledger))
    total = int(re.search(r"<summary>All (\d+) problems</summary>", text)[1])
    assert 30 < total < 40
    assert text.count("a torn file") == 30


def test_a_cut_list_of_problems_says_so(undrawn, inputs, monkeypatch):
    monkeypatch.setattr(attrition, "SHOWN", 25)
    ledger = inputs.ledger.copy()
    ledger["problem"] = np.where(ledger.index < 30, "a torn file", ledger["problem"])
    text = page.compose(replace(inputs, ledger=ledger))
    assert re.search(r"<summary>25 of 3\d problems</summary>", text)


def test_no_problem_is_said_too(undrawn, inputs):
    ledger, videos = inputs.ledger.assign(problem=""), inputs.videos.assign(problem="")
    text = page.compose(replace(inputs, ledger=ledger, videos=videos))
    assert "No video had a problem." in text
