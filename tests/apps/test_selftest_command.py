"""The self-test from end to end: stored scores, recomputed through each detector's own door."""

import numpy as np
import pytest

from deepbench.apps import selftest
from deepbench.core import plugins
from deepbench.detectors import selftest as stored_scores

STORED = stored_scores.read()


@pytest.fixture
def pretend(monkeypatch):
    """Change what is stored of Effort."""

    def change(**values):
        changed = STORED | {"effort": STORED["effort"]._replace(**values)}
        monkeypatch.setattr(stored_scores, "read", lambda: changed)

    return change


@pytest.fixture(scope="module")
def effort_made():
    return selftest.make("effort", full=False)


@pytest.fixture
def made_once(effort_made, monkeypatch):
    monkeypatch.setattr(selftest, "make", lambda detector, full: effort_made)


def test_every_detector_has_stored_scores():
    names = {selftest.key(n, full) for n in plugins.names("detectors") for full in (False, True)}
    assert set(STORED) == names
    for stored in STORED.values():
        assert len(stored.scores) == 4
        assert np.std(stored.scores) > 0.1
        assert set(stored.libraries) == {"torch"}


QUICK = ["effort"]
ALL = [
    n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in plugins.names("detectors")
]


@pytest.mark.parametrize("detector", ALL)
def test_the_installed_libraries_give_the_stored_scores(detector):
    assert selftest.run(detector) == ""


@pytest.mark.slow
def test_effort_at_its_published_size():
    assert selftest.run("effort", full=True) == ""


def test_drift_names_the_library_and_a_known_cause(pretend, made_once):
    older = STORED["effort"].libraries | {"torch": "1.13"}
    turned = [-score for score in STORED["effort"].scores]
    pretend(scores=turned, libraries=older)
    fault = selftest.run("effort")
    assert "are the classes swapped?; stored with torch 1.13 (installed: " in fault
    pretend(scores=turned)
    assert selftest.run("effort").endswith("are the classes swapped?")


def test_drift_without_a_known_cause(pretend, made_once):
    pretend(scores=[score + 0.002 for score in STORED["effort"].scores])
    fault = selftest.run("effort")
    assert fault.startswith("scores differ from the stored ones by up to 0.002 ")
    assert fault.endswith("no common mistake explains them")


def test_another_checkpoint_is_not_called_drift(pretend, made_once):
    pretend(checkpoint="0" * 64)
    fault = selftest.run("effort")
    assert fault.startswith("the made-up checkpoint is not the one whose scores are stored")
    assert fault.endswith("python -m deepbench.apps.selftest --write effort")


def test_no_stored_scores_say_how_to_store(monkeypatch):
    monkeypatch.setattr(stored_scores, "read", dict)
    assert selftest.run("effort").startswith("no stored scores for effort; store them")


def test_writing_gives_the_stored_scores_and_keeps_the_others(made_once, tmp_path):
    path = tmp_path / "scores.json"
    other = stored_scores.Stored("abc", {"torch": "1"}, [1.0])
    stored_scores.write({"other": other}, path)
    assert selftest.write(["effort"], False, path) == ["effort"]
    written = stored_scores.read(path)
    assert written["other"] == other
    assert written["effort"].checkpoint == STORED["effort"].checkpoint
    np.testing.assert_allclose(written["effort"].scores, STORED["effort"].scores, atol=1e-4)


def test_the_command_compares_and_fails_on_a_fault(made_once, pretend, capsys):
    assert selftest.main(["effort"]) == 0
    assert capsys.readouterr().out == "effort: ok\n"
    pretend(checkpoint="0" * 64)
    assert selftest.main(["effort"]) == 1
    assert capsys.readouterr().out.startswith("effort: the made-up checkpoint is not")
