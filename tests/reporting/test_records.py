import json
import math
import re
from dataclasses import replace

import pytest
import report_tables as made

from deepbench.core.gaps import Gap
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


def test_what_is_missing_of_the_data_is_a_tag(inputs, tmp_path):
    said = Gap("absent", 1, 518, "1 of 518 listed videos are not on disk")
    lacking = replace(inputs, gaps=inputs.gaps | {"celeb_df": (said,)})
    tags = records.parent(lacking, tmp_path, ()).tags
    assert (tags["incomplete"], tags["incomplete.celeb_df"]) == ("true", said.sentence)
    assert child(lacking, tmp_path, "celeb_df effort").tags["incomplete"] == said.sentence
    assert child(lacking, tmp_path, "dfdc effort").tags["incomplete"] == "false"
    assert records.parent(inputs, tmp_path, ()).tags["incomplete"] == "false"
    assert records.parent(inputs, tmp_path, ()).params["manifest.allow_incomplete"] == "False"


def test_digests_and_the_comparison_with_git_are_tags(inputs, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.jpg").write_bytes(b"a")
    tags = records.parent(inputs, tmp_path, ()).tags
    assert tags["data.md5"].endswith(".dir")
    assert tags["data.recorded"].startswith("not compared with data.dvc in git: ")
    assert tags["data.dfdc"] == inputs.state.data["dfdc"]
    (sha256,) = {run.weights_sha256 for run in inputs.runs if run.detector == "effort"}
    assert tags["weights.effort"] == sha256


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


def test_a_child_holds_ranks_thresholds_and_calibration(inputs, tmp_path):
    effort = child(inputs, tmp_path, "dfdc effort").metrics
    own = inputs.analyses.calibration.thresholds.query(
        "scorer == 'effort' and dataset == 'dfdc' and split == 'test' and criterion == 'fpr 0.05'"
    ).set_index("metric")
    assert effort["threshold.fpr_0.05"] == own.loc["fpr", "threshold"]
    assert effort["threshold.fpr_0.05.fpr"] == own.loc["fpr", "value"]
    assert effort["threshold.fpr_0.05.tpr.high"] == own.loc["tpr", "high"]
    assert effort["rank.auc"] == 2
    assert effort["ece"] == 0.08
    assert effort["temperature"] == 1.75
    assert "scaled.ece.low" in effort
    assert "transfer.auc.from.faceforensics" in effort
    assert "rank.auc.Deepfakes" in child(inputs, tmp_path, "faceforensics effort").metrics


def test_a_reason_stands_once_for_a_figure(inputs, tmp_path):
    tags = child(inputs, tmp_path, "folder effort").tags
    assert tags["undefined.rank.auc"] == made.ONE_CLASS
    assert tags["undefined.auc"] == made.ONE_CLASS
    assert "undefined.auc.low" not in tags
    dfdc = child(inputs, tmp_path, "dfdc effort")
    assert dfdc.tags["undefined.auc_lost_best.interval"] == "no interval: a bound"
    assert math.isfinite(dfdc.metrics["auc_lost_best"])


def test_the_parent_answers_what_runs_are_compared_by(inputs, tmp_path):
    parent = records.parent(inputs, tmp_path, ())
    pairs = inputs.analyses.comparisons.pairs.query(
        "dataset == 'dfdc' and method == 'all' and metric == 'auc'"
    )
    assert parent.metrics["pairs_that_differ.auc.dfdc"] == (pairs["p_holm"] < 0.05).sum()
    assert parent.metrics["rank.auc.dfdc.effort"] == 2
    assert "transfer.auc.faceforensics.dfdc.effort" in parent.metrics
    assert set(parent.tables) == {
        f"{name}.json"
        for name in (
            "comparisons", "ranks", "transfer", "contributions", "agreement", "oracle", "probe",
            "thresholds", "calibration", "sensitivity",
        )
    }  # fmt: skip


def test_an_ensemble_says_its_rule(inputs, tmp_path):
    stack = child(inputs, tmp_path, "dfdc stack").params
    assert (stack["kind"], stack["rule"], stack["weight.effort"]) == ("ensemble", "stack", "1")


def test_no_name_is_too_much_for_mlflow(inputs, tmp_path):
    for record in (records.parent(inputs, tmp_path, ()), *records.children(inputs, tmp_path)):
        assert all(re.fullmatch(r"[\w\-./]+", name, re.ASCII) for name in record.metrics)
        assert all(len(tag) < 250 and len(text) < 5000 for tag, text in record.tags.items())
