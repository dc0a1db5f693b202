import json
import math
from dataclasses import replace

import pytest
import report_tables as made

from deepbench.reporting import records

# a whole report's figures are drawn
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def inputs():
    return made.inputs()


def child(inputs, root, name):
    return next(record for record in records.children(inputs, root) if record.name == name)


def test_a_child_is_made_when_it_is_asked_for(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_child", None)
    made_later = records.children(inputs, tmp_path)
    with pytest.raises(TypeError, match="not callable"):
        next(made_later)


def test_what_is_not_finite_is_a_tag(inputs, tmp_path):
    f3net = child(inputs, tmp_path, "dfdc f3net")
    assert f3net.tags["undefined.log_loss"] == "infinite"
    assert "log_loss" not in f3net.metrics
    folder = child(inputs, tmp_path, "folder effort")
    assert folder.tags["undefined.auc"] == made.ONE_CLASS
    assert "auc" not in folder.metrics
    unsaid = replace(inputs, results=inputs.results.assign(note=""))
    assert "no reason" in child(unsaid, tmp_path, "folder effort").tags["undefined.auc"]
    parent = records.parent(inputs, tmp_path, ())
    assert parent.tags["undefined.auc.folder.effort"] == made.ONE_CLASS
    for record in (f3net, folder, parent):
        assert all(map(math.isfinite, record.metrics.values()))


@pytest.mark.parametrize(
    ("jobs", "name"), [({}, "seconds"), ({"jobs": 1}, "seconds"), ({"jobs": 2}, "seconds_shared")]
)
def test_seconds_beside_other_stages_have_another_name(tmp_path, jobs, name):
    inputs = made.checkout(tmp_path)
    timing = {"stage": "scores@dfdc-xception", "seconds": 12.5} | jobs
    folder = tmp_path / "artifacts/timings"
    (folder / "scores@dfdc-xception.json").write_text(json.dumps(timing))
    (folder / "scores@dfdc-gone.json").write_text('{"stage": "scores@dfdc-gone", "seconds": 1}')
    parent = records.parent(inputs, tmp_path, ())
    timed = {k: v for k, v in parent.metrics.items() if k.startswith("seconds")}
    assert timed == {f"{name}.scores.dfdc-xception": 12.5}
    own = child(inputs, tmp_path, "dfdc xception").metrics
    assert {k: v for k, v in own.items() if k.startswith("seconds")} == {f"{name}.scores": 12.5}
