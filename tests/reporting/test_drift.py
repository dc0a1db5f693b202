import json
import subprocess

import numpy as np
import pytest

from deepbench.reporting import drift

RECORDED = {"dfdc": {"effort": {"auc": 0.8, "eer": 0.2}, "f3net": {"auc": None}}}


def changed(**effort):
    return RECORDED | {"dfdc": {**RECORDED["dfdc"], "effort": effort}}


def test_no_drift():
    assert drift.drift(RECORDED, RECORDED) == (
        "equal to the recorded results (3 figures)", 0.0, "",
    )  # fmt: skip


def test_the_largest_drift_is_named():
    found = drift.drift(RECORDED, changed(auc=0.81, eer=0.15))
    assert found.largest == pytest.approx(0.05)
    assert found.where == "dfdc / effort / eer"
    assert found.sentence == (
        "2 of 3 figures differ from the recorded results; the largest difference is at "
        "dfdc / effort / eer: 0.2 recorded, 0.15 now"
    )


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        (changed(auc=0.8), "0.2 recorded, absent now"),
        (changed(auc=0.8, eer=None), "0.2 recorded, undefined now"),
        (changed(auc=0.8, eer=0.2, ap=0.7), "absent recorded, 0.7 now"),
    ],
)
def test_what_appears_or_vanishes_is_drift(now, sentence):
    found = drift.drift(RECORDED, now)
    assert np.isinf(found.largest)
    assert found.sentence.endswith(sentence)


def test_drift_from_the_commit(tmp_path):
    path = tmp_path / drift.METRICS
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(RECORDED))
    setup = (["init", "-q"], ["config", "user.email", "a@b"], ["config", "user.name", "a"])
    for words in (*setup, ["add", "."], ["commit", "-qm", "results", "--no-verify"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    assert drift.from_commit(tmp_path) == "equal to the recorded results (3 figures)"
    path.write_text(json.dumps(changed(auc=0.8, eer=0.3)))
    assert "0.2 recorded, 0.3 now" in drift.from_commit(tmp_path)
