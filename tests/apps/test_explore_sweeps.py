"""The explorer's third tab: two runs side by side."""

import json
import math
import subprocess

import pytest

from deepbench.apps.explore import sweeps
from deepbench.apps.explore.sweeps import Run
from deepbench.apps.explore.sweeps_view import NOW, SweepsTab
from deepbench.reporting import tracking

FIRST = {"seed": 0, "faces": {"frames": 8}, "videos": {"pooling": "mean"}}


def write(root, settings, auc):
    (root / "params.yaml").write_text(json.dumps(settings), "utf-8")  # JSON is YAML
    path = root / sweeps.FIGURES
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"dfdc": {"effort": {"auc": auc, "auc_low": None}}}), "utf-8")


def git(root, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path):
    git(tmp_path, "init", "-q")
    write(tmp_path, FIRST, 0.5)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first <b>")
    write(tmp_path, FIRST | {"faces": {"frames": 32}}, 0.75)
    git(tmp_path, "commit", "-qam", "second")
    (tmp_path / "other.txt").write_text("of no concern", "utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "third")
    return tmp_path


def test_only_commits_of_settings_or_figures_are_listed(root, tmp_path_factory):
    titles = list(sweeps.revisions(root))
    assert [title.split(" ", 2)[2] for title in titles] == ["second", "first <b>"]
    assert sweeps.revisions(tmp_path_factory.mktemp("no_git")) == {}


def test_a_revision_is_its_settings_and_figures(root):
    before = sweeps.committed(root, "HEAD~2")
    assert before.settings == {"seed": "0", "faces.frames": "8", "videos.pooling": "mean"}
    assert before.figures["auc.dfdc.effort"] == 0.5
    assert math.isnan(before.figures["auc_low.dfdc.effort"])


def test_what_differs_is_told_and_nothing_else(root):
    before, after = (sweeps.committed(root, name) for name in ("HEAD~2", "HEAD"))
    assert sweeps.changes(before, after) == [("faces.frames", "8", "32")]
    (one,) = sweeps.differences(before, after, "AUC effort dfdc")[:1]
    assert (one.name, one.difference) == ("auc.dfdc.effort", 0.25)
    assert sweeps.changes(after, sweeps.working(root)) == []


def test_the_largest_differences_come_first_and_the_undefined_last():
    nan = math.nan
    before = Run("a", {}, {"x": 1.0, "y": 1.0, "z": nan, "only": 3.0, "inf": math.inf})
    after = Run("b", {}, {"x": 1.1, "y": 0.5, "z": 2.0, "inf": math.inf})
    found = sweeps.differences(before, after, "")
    assert [one.name for one in found] == ["y", "x", "inf", "only", "z"]
    assert found[2].difference == 0


@pytest.mark.parametrize("name", ["nowhere", "--help", "-n 1", "HEAD~99", ""])
def test_an_unknown_revision_is_an_error_in_words(root, name):
    with pytest.raises(ValueError, match="git rev-parse"):
        sweeps.committed(root, name)


def test_looking_for_runs_makes_no_store(tmp_path):
    assert sweeps.logged(tmp_path) == {}
    assert not list(tmp_path.iterdir())


def test_runs_of_mlflow_are_read_back(tmp_path):
    for name, frames, auc in (("one", "8", 0.5), ("two", "16", 0.625)):
        record = tracking.Record(name, params={"faces.frames": frames}, metrics={"auc.dfdc": auc})
        tracking.log_state(tmp_path, name, record, [])
    runs = sweeps.logged(tmp_path)
    assert [title.split()[1] for title in runs] == ["two,", "one,"]
    after, before = runs.values()
    assert sweeps.changes(before, after) == [("faces.frames", "8", "16")]
    assert sweeps.differences(before, after, "")[0].difference == 0.125


def test_the_tab_compares_what_is_chosen_or_typed(root):
    tab = SweepsTab(root)
    assert tab._shown.value == ""
    tab.open()
    assert set(tab.before.options) == {NOW, *sweeps.revisions(root)}
    tab.before.value, tab.after.value = "HEAD~2", NOW
    assert "1 settings differ" in tab._shown.value
    assert "+0.25" in tab._shown.value
    tab.words.value = "nothing <of> that name"
    assert "Neither has a figure" in tab._shown.value
    assert "<of>" not in tab._shown.value
    tab.after.value = "nowhere"
    assert "no such revision" in tab._shown.value
    tab.before.value = tab.after.value = NOW
    assert "same settings" in tab._shown.value
