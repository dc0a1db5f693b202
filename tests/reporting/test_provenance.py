import subprocess
import sys

import pytest
import report_tables as made

from deepbench.core import blocks, params
from deepbench.reporting import provenance


@pytest.fixture
def settings():
    return params.load(made.ROOT / "params.yaml")


def test_the_state_is_that_of_the_stages_behind_the_figures(tmp_path, settings):
    made.lock(tmp_path)
    first = provenance.state(tmp_path, settings)
    made.lock(tmp_path, report_md5="other")  # the report and latency do not count
    assert provenance.state(tmp_path, settings) == first
    made.lock(tmp_path, results_md5="other")
    assert provenance.state(tmp_path, settings).digest != first.digest


def test_the_state_forgets_what_params_no_longer_name(tmp_path, settings):
    made.lock(tmp_path)
    first = provenance.state(tmp_path, settings)
    lock = tmp_path / "dvc.lock"
    asked = lock.read_text()
    stale = [
        "manifest@gone", "faces@gone", "scores@gone-effort", "scores@dfdc-gone", "manifest",
    ]  # fmt: skip
    lock.write_text(asked + "".join(f"  {name}: {{cmd: a}}\n" for name in stale))
    assert len(provenance.recorded(tmp_path)) == 5 + len(stale)
    assert provenance.state(tmp_path, settings) == first
    lock.write_text(asked + "  scores@dfdc-effort: {cmd: a}\n")
    assert provenance.state(tmp_path, settings).digest != first.digest


@pytest.mark.parametrize("stage", ["comparisons", "ensembles", "calibration", "sensitivity"])
def test_the_state_is_that_of_every_step_on_the_page(tmp_path, settings, stage):
    made.lock(tmp_path)
    first = provenance.state(tmp_path, settings)
    lock = tmp_path / "dvc.lock"
    lock.write_text(lock.read_text() + f"  {stage}: {{params: {{seed: 1}}}}\n")
    assert provenance.state(tmp_path, settings) != first


def test_the_state_knows_scores_from_elsewhere(tmp_path, settings):
    made.lock(tmp_path)
    lock = tmp_path / "dvc.lock"
    lock.write_text(lock.read_text() + "  external@bench: {cmd: a}\n")
    without = provenance.state(tmp_path, settings)
    bench = {"bench": blocks.External(path="data/bench.csv")}
    asked = settings.model_copy(update={"external": bench})
    assert provenance.state(tmp_path, asked) != without


def test_the_state_knows_the_data(tmp_path, settings):
    made.lock(tmp_path)
    data = provenance.state(tmp_path, settings).data
    assert data == {"faceforensics": "", "celeb_df": "", "dfdc": "dada.dir", "folder": ""}


def test_without_dvc_lock_the_tables_are_the_state(tmp_path, settings):
    for name in provenance.TABLES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"one")
    first = provenance.state(tmp_path, settings)
    assert "outside `dvc repro`" in first.source
    (tmp_path / "artifacts/ensembles/oracle.parquet").write_bytes(b"two")
    assert provenance.state(tmp_path, settings).digest != first.digest


@pytest.fixture
def repository(tmp_path):
    for words in (["init", "-q"], ["config", "user.email", "a@b"], ["config", "user.name", "a"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_a_commit_and_whether_files_changed_since(repository):
    assert provenance.commit(repository).name.startswith("none")
    (repository / "a.txt").write_text("one")
    for words in (["add", "a.txt"], ["commit", "-qm", "first", "--no-verify"]):
        subprocess.run(["git", *words], cwd=repository, check=True)
    clean = provenance.commit(repository)
    assert len(clean.name) == 40
    assert not clean.dirty
    (repository / "a.txt").write_text("two")
    assert provenance.commit(repository) == (clean.name, True)
    assert provenance.committed_text(repository, "a.txt") == "one"
    assert provenance.committed_text(repository, "b.txt") is None


def test_a_checkout_knows_its_machine_and_libraries(repository):
    facts = provenance.checkout(repository)
    assert facts["Python"] == sys.version.split()[0]
    assert facts["torch"][0].isdigit()
    assert facts["Tracked files"] == "not compared"  # nothing is committed
    assert all(facts.values())


def test_an_absent_library_is_said():
    assert provenance._version("no-such-library-anywhere") == "not installed"
