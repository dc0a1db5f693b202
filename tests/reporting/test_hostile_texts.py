"""Pages made of hostile names, in a real browser: they show them, and do nothing that they say."""

import os
import random
import subprocess
import sys
from pathlib import Path

import chromium
import detect_answers
import explore_checkout
import hostile
import pytest
import report_tables as made
import yaml

from deepbench.apps.detection import answers as detection_answers
from deepbench.apps.detection import page_html
from deepbench.apps.explore import checkout, style, sweeps, sweeps_view, videos_html
from deepbench.core.verdicts import Batch, Failure
from deepbench.reporting import forensic, html, page

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
pytestmark = pytest.mark.slow
TEXTS = hostile.texts()
# what folders of fakes may be called
LEGAL = [t for t in TEXTS if t.isprintable() and t.isascii() and not {*"$/"} & {*t}]
METHODS = random.Random(7).sample(LEGAL, 12)


@pytest.fixture(scope="module")
def browser():
    with chromium.launched(FLAGS) as opened:
        yield opened


def test_the_look_finds_what_it_looks_for(browser, tmp_path):
    """Without escaping, every kind of harm is seen."""
    plain = hostile.look(browser, "<!DOCTYPE html><p>plain</p>", tmp_path / "a.html")
    text = "<img src=//evil.example/x onerror=window.hit=1><script>alert(1)</script>"
    bad = hostile.look(browser, f"<!DOCTYPE html><p>{text}</p>", tmp_path / "b.html")
    assert bad.hit == 1
    assert bad.dialogs == ("1",)
    assert bad.asked
    assert bad.scripts == 1
    assert ("img", "onerror") in bad.elements - plain.elements
    with pytest.raises(AssertionError):
        hostile.check(bad, plain, [])
    with pytest.raises(AssertionError):
        hostile.check(plain, plain, [text])


def test_report(browser, tmp_path):
    plain = hostile.look(browser, page.compose(made.inputs()), tmp_path / "plain.html")
    names = ["Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "Celeb-synthesis"]
    sentences = [made.UNREADABLE, made.FACELESS, made.SHORT, "Authors, a paper", "_best.pth"]
    sentences += ["test split, 8 uniform frames", "/val_00", "/test_00"]
    parts = [TEXTS[place :: len(sentences)] for place in range(len(sentences))]
    swaps = dict(zip(names, METHODS, strict=False))
    swaps |= {said: " | ".join(part) for said, part in zip(sentences, parts, strict=True)}
    inputs = hostile.swapped(made.inputs(), swaps)
    seen = hostile.look(browser, page.compose(inputs), tmp_path / "hostile.html")
    unseen = {text for part in parts[-2:] for text in part}  # of videos that no table shows
    hostile.check(seen, plain, [*METHODS[:5], *(text for text in TEXTS if text not in unseen)])


def test_commit_machine_and_pages(browser, tmp_path):
    def view(names):
        pages = {"all results": ["results.csv"], "a": [f"a/{n}.html" for n in names]}
        facts = {f"fact {n}": n for n in names}
        return html.render("checkout.html", {"pages": pages, "facts": facts})

    plain = hostile.look(browser, view(["plain"]), tmp_path / "plain.html")
    hostile.check(hostile.look(browser, view(TEXTS), tmp_path / "a.html"), plain, TEXTS)


def several():
    """The texts, some to a page; each first on one."""
    return [TEXTS[place::8] for place in range(8)]


def answers(text):
    """A picture and a video of which everything is called so."""
    say = {"me.jpg": text, "me.mp4": text, "Xception": text, "xception.pth": text, "few": text}
    say |= dict.fromkeys(detect_answers.SENTENCES, text)
    models = tuple(detect_answers.model(name, True) for name in ("xception", "effort"))
    of = [detect_answers.answer(models=models), detect_answers.video(models=models)]
    return [hostile.swapped(one, say) for one in of]


def forensic_page(text):
    return "".join(
        forensic.page(one, (), {f"setting {text}": text}, {"fact": text}) for one in answers(text)
    )


def test_printable_page(browser, tmp_path):
    plain = hostile.look(browser, forensic_page("plain"), tmp_path / "plain.html")
    for texts in several():
        seen = hostile.look(browser, forensic_page(" | ".join(texts)), tmp_path / "hostile.html")
        hostile.check(seen, plain, texts)


def document(body):
    return f"<!DOCTYPE html><html><head><title>x</title></head><body>{body}</body></html>"


def detect_page(text):
    picture, video = answers(text)
    failed = Failure(text, text)
    return document(
        page_html.answer(picture, picture.frames[0].index)
        + page_html.answer(video, video.frames[0].index)
        + page_html.failure(failed)
        + page_html.batch(Batch((picture, video), (failed,), (text,)))
        + page_html.link(text, text, "text/html", text)
    )


def test_own_files(browser, tmp_path):
    plain = hostile.look(browser, detect_page("plain"), tmp_path / "plain.html")
    for texts in several():
        seen = hostile.look(browser, detect_page(" | ".join(texts)), tmp_path / "hostile.html")
        hostile.check(seen, plain, [detection_answers.printable(text) for text in texts])


def explore_page(stored, text):
    video = stored.manifest["video_id"].iloc[0]
    swaps = {made.UNREADABLE: text, made.FACELESS: text, "Deepfakes": text, video: text}
    of = hostile.swapped(stored, swaps)
    runs = [sweeps.Run(text, {text: text}, {text: 0.5}), sweeps.Run("b", {text: "x"}, {text: 0.1})]
    ids = [text, *of.manifest["video_id"].tail(1)]
    return document(
        "".join(videos_html.facts(of, one, 0.5) for one in ids)
        + sweeps_view._settings(*runs)
        + sweeps_view._figures(*runs, "")
        + sweeps_view._figures(*runs, text + "no such")
        + style.paragraph(text, "error")
        + style.status(text)
    )


def test_explorer(browser, tmp_path):
    (tmp_path / "root").mkdir()
    stored = checkout.load(explore_checkout.build(tmp_path / "root"))
    plain = hostile.look(browser, explore_page(stored, "plain"), tmp_path / "plain.html")
    for texts in several():
        text = " | ".join(texts)
        seen = hostile.look(browser, explore_page(stored, text), tmp_path / "hostile.html")
        hostile.check(seen, plain, texts)


def run_stage(root, notebook, *parameters):
    words = ["-m", "deepbench.apps.notebook", str(ROOT / "notebooks" / notebook), "page.html"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *words, *parameters], cwd=root, env=environment, capture_output=True,
        encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return (root / "page.html").read_text("utf-8")


def stages(root, names, methods):
    """Pages of the stages manifest and external, of files with such names."""
    settings = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    settings |= {"datasets": ["folder"], "development": ""}
    settings["roots"] = {"folder": {"path": "data", "watch": "data"}}
    settings["external"] = {"bench": {"path": "bench.csv"}}
    settings["videos"]["ensembles"] = {}
    (root / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    for place in ("real", *(f"fake/{method}" for method in methods)):
        (root / "data" / place).mkdir(parents=True)
        for name in names if place == "real" else names[:1]:
            (root / "data" / place / f"{name}.png").write_text(f"{place} {name}", "utf-8")
    quoted = [name.replace('"', '""') for name in names]
    lines = [f'"folder/real/{name}.png",0.5' for name in quoted]
    lines += [f'"nobody {name}",0.5' for name in quoted]
    (root / "bench.csv").write_text("\n".join(["video_id,fake_prob", *lines]) + "\n", "utf-8")
    first = run_stage(root, "01_manifest.ipynb", "-p", "dataset", "folder")
    return [first, run_stage(root, "external.ipynb", "-p", "name", "bench")]


def test_pages_of_stages(browser, tmp_path):
    """Real notebooks over a folder whose files are called so, as far as Linux lets them."""
    legal = [text for text in TEXTS if "/" not in text and len(text) < 80]
    for name in ("plain", "hostile"):
        (tmp_path / name).mkdir()
    plain = stages(tmp_path / "plain", ["a", "b", "c"], ["m", "n"])
    bad = stages(tmp_path / "hostile", legal, [m for m in METHODS if m in legal][:3])
    for one, other in zip(plain, bad, strict=True):
        before = hostile.look(browser, one, tmp_path / "plain.html")
        after = hostile.look(browser, other, tmp_path / "hostile.html")
        # colours of a terminal become elements of their own
        extra = frozenset({("span", "class"), ("span", ""), ("span", "style")})
        hostile.check(after, before._replace(elements=before.elements | extra), [])
        assert "window.hit=1" in after.text
