"""A weighting in params.yaml: everything else stays as it was."""

import difflib
import shutil
from pathlib import Path

import pytest

from deepbench.apps.explore import presets
from deepbench.core import blocks, params

ROOT = Path(__file__).parents[2]
MINE = blocks.Ensemble(rule="weighted_mean", weights={"xception": 2.5, "f3net": 0.0, "effort": 1.0})


@pytest.fixture
def path(tmp_path):
    return Path(shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml"))


def diff(before, after):
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "+-"]


def test_nothing_but_the_new_lines_changes(path):
    before = path.read_text("utf-8")
    said = presets.save(path, "mine", MINE, False)
    assert "dvc repro" in said
    assert diff(before, path.read_text("utf-8")) == [
        "+     mine:",
        "+       rule: weighted_mean",
        "+       weights: {xception: 2.5, effort: 1}",
    ]
    assert list(params.load(path).videos.ensembles)[-1] == "mine"
    assert [p.name for p in path.parent.iterdir()] == ["params.yaml"]


def test_an_existing_name_is_refused_unless_confirmed(path):
    before = path.read_text("utf-8")
    with pytest.raises(ValueError, match="effort_half"):
        presets.save(path, "effort_half", MINE, False)
    assert path.read_text("utf-8") == before
    presets.save(path, "effort_half", MINE, True)
    assert params.load(path).videos.ensembles["effort_half"].members == ["xception", "effort"]
    assert len(diff(before, path.read_text("utf-8"))) == 2


@pytest.mark.parametrize(
    "name", ["", "Mine", "two words", "1st", "null", "yes", "a" * 41, "a: b", "a\nb", "ä", "../x"]
)
def test_a_bad_name_is_refused(path, name):
    before = path.read_text("utf-8")
    with pytest.raises(ValueError, match="cannot be a name"):
        presets.save(path, name, MINE, True)
    assert path.read_text("utf-8") == before


@pytest.mark.parametrize(
    ("name", "ensemble", "why"),
    [
        ("effort", MINE, "names two scorers"),
        ("one", blocks.Ensemble(rule="median", weights={"effort": 1.0}), "min_detectors"),
        ("who", blocks.Ensemble(rule="max", weights={"effort": 1.0, "nobody": 1.0}), "nobody"),
    ],
)
def test_what_params_would_refuse_is_not_written(path, name, ensemble, why):
    before = path.read_text("utf-8")
    with pytest.raises(ValueError, match=why):
        presets.save(path, name, ensemble, False)
    assert path.read_text("utf-8") == before


def test_the_first_ensemble_of_all(path):
    text = path.read_text("utf-8")
    start, end = text.index("  ensembles:\n    equal"), text.index("\nresults:")
    path.write_text(text[:start] + "  ensembles: {}\n" + text[end:], "utf-8")
    presets.save(path, "mine", MINE, False)
    assert list(params.load(path).videos.ensembles) == ["mine"]


def test_a_comment_beside_an_ensemble_stays(path):
    text = path.read_text("utf-8").replace("    stack:\n", "    stack:  # the one that learns\n")
    path.write_text(text, "utf-8")
    presets.save(path, "mine", MINE, False)
    assert all(line[0] == "+" for line in diff(text, path.read_text("utf-8")))
