"""The report says in which precision each score was made, and why."""

import dataclasses
import json

import pytest
import report_tables as made

from deepbench.reporting import setup
from deepbench.reporting.inputs import read_run

WHY = "on 64 crops bfloat16 shifts a probability by at most 0.003 (0.01 allowed)"


@pytest.fixture(scope="module")
def inputs():
    return made.inputs()


@pytest.fixture
def facts(inputs, tmp_path):
    """What stands beside one table of scores, and its place."""
    run = inputs.runs[0]
    said = {
        **{n: getattr(run, n) for n in ("detector", "weights_file", "weights_sha256", "demo")},
        **{"profile": "published", "device_kind": "cpu", "title": "X", "paper": "Y"},
        **{"trained_on": [], "published_file": "x.pth", "published_sha256": ""},
        "precision": "bfloat16",
        "precision_check": {"runtime": "openvino", "why": WHY},
    }
    path = tmp_path / "xception.json"
    path.write_text(json.dumps(said), "utf-8")
    return path


def told(inputs, run):
    table = setup.detectors(dataclasses.replace(inputs, runs=(run,)))
    return next(line[3] for line in table.rows if line[0].text == run.detector)


def test_precision_runtime_and_reason_stand_beside_the_detector(inputs, facts):
    cell = told(inputs, read_run(facts, inputs.settings.datasets[0]))
    assert cell.text == "bfloat16"
    assert cell.small == ("on cpu", "in OpenVINO", WHY)


def test_scores_whose_precision_nobody_checked_have_no_reason(inputs, facts):
    said = json.loads(facts.read_text("utf-8"))
    del said["precision_check"]
    facts.write_text(json.dumps(said | {"precision": "float64"}), "utf-8")
    cell = told(inputs, read_run(facts, inputs.settings.datasets[0]))
    assert (cell.text, cell.small) == ("float64", ("on cpu",))
