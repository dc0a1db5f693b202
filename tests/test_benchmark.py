"""The benchmark in its smallest form: both roads must lead to the same place."""

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STEPS = {"decode", "detect", "crop", "preprocess"}
DETECTORS = {"xception", "efficientnet_b4", "f3net", "effort"}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    out = folder / "figures.json"
    options = ["--quick", "--rounds", "1", "--frames", "2", "--threads", "1", "--ways", "float32"]
    command = [sys.executable, "-m", "benchmarks.end_to_end", *options]
    command += ["--cache", str(folder / "cache"), "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(out.read_text("utf-8")) | {"text": done.stdout}


@pytest.mark.slow
def test_both_roads_give_the_same_boxes_crops_and_probabilities(report):
    found = report["differences"]["float32"]
    assert report["frames"] == 2
    assert found["box_px"] < 1e-3
    assert found["landmark_px"] < 2e-4
    assert found["crop_levels"] <= 1  # a landmark's last bits can round a pixel the other way
    assert found["crop_pixels_that_differ"] < 1e-3
    assert {name: found[name] for name in DETECTORS if found[name] >= 1e-3} == {}


@pytest.mark.slow
def test_every_ratio_and_time_is_a_positive_number(report):
    ratios = report["ratios"]["float32"]
    assert set(ratios) == STEPS | DETECTORS | {"all"}
    numbers = [x for step in ratios.values() for middle in step.values() for x in middle]
    for steps in report["ms_per_frame"].values():
        numbers += [x for step in steps.values() for x in step.values()]
    assert all(math.isfinite(x) and x > 0 for x in numbers)
    for shares in report["forward_share"].values():
        assert 0 < shares["detectors"] < shares["with_face_detection"] < 1
    assert "nan" not in report["text"]
    assert "inf" not in report["text"]


@pytest.fixture
def first_verdict(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.first_verdict")


def test_imports_of_a_notebook_are_its_statements(first_verdict):
    found = first_verdict.imports(ROOT / "notebooks/10_report.ipynb")
    assert found == "from deepbench import report"
    assert "imports of 10_report" in first_verdict.stages()


@pytest.mark.slow
def test_first_verdict_times_whole_processes(first_verdict, tmp_path):
    command = [sys.executable, "-m", "benchmarks.first_verdict", "--quick", "--runs", "1"]
    command += ["--no-stages", "--cache", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert [line.partition("  ")[0] for line in lines] == list(first_verdict.COMMAND)
    verdict, usage = (float(line.partition("cpu ")[2].split()[0]) for line in lines)
    # --help imports nothing, a verdict at least torch
    assert 0 < usage < verdict
