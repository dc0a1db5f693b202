import shutil
import subprocess
import sys
import time

import mlflow
import pytest
from matplotlib.figure import Figure

from deepbench.reporting import tracking
from deepbench.reporting.tracking import Record

# MLflow uses what SQLAlchemy and others have deprecated
pytestmark = [
    # a store is made and a whole report drawn
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def record(name, **more):
    return Record(name, tags={"dataset": name}, metrics={"auc": 0.8}, **more)


def search(root, text=""):
    client = mlflow.MlflowClient(tracking.store(root))
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    return list(client.search_runs([experiment.experiment_id], text))


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A checkout with one logged state: a parent and two children."""
    root = tmp_path_factory.mktemp("checkout")
    page = root / "report.html"
    page.write_text("<p>the report</p>")
    figures = {"roc.svg": Figure()}
    children = [record("dfdc", params={"crop": "aligned"}, figures=figures), record("folder")]
    run = tracking.log_state(root, "s1", Record("state", files=(page,)), children)
    return root, run


@pytest.fixture
def copy(logged, tmp_path):
    """The same checkout somewhere else, to be changed."""
    shutil.copytree(logged[0], tmp_path / "moved")
    return tmp_path / "moved"


def test_a_state_is_a_parent_with_a_child_per_record(logged):
    root, run = logged
    assert run.created
    children = search(root, f"tags.`mlflow.parentRunId` = '{run.run_id}'")
    assert sorted(child.info.run_name for child in children) == ["dfdc", "folder"]
    assert {child.info.status for child in search(root)} == {"FINISHED"}
    dfdc = next(child for child in children if child.info.run_name == "dfdc")
    assert dfdc.data.params == {"crop": "aligned"}
    assert dfdc.data.metrics["auc"] == 0.8


def test_files_and_figures_lie_in_the_checkout(logged):
    root, run = logged
    assert list((root / "mlartifacts").rglob("roc.svg"))
    client = mlflow.MlflowClient(tracking.store(root))
    assert client.list_artifacts(run.run_id)[0].path == "report.html"


def test_the_same_state_is_not_logged_twice(logged):
    def children():
        pytest.fail("a child was made for nothing")
        yield record("dfdc")

    root, run = logged
    again = tracking.log_state(root, "s1", Record("state"), children())
    assert again == tracking.TrackedRun(run.run_id, False)
    assert len(search(root)) == 3


class Broken(dict):
    """Tables that cannot be written."""

    def items(self):
        raise OSError("the disk is full")


def test_a_crashed_attempt_is_replaced(copy):
    with pytest.raises(OSError, match="disk is full"):
        tracking.log_state(copy, "s2", Record("state"), [record("a"), record("b", tables=Broken())])
    before = len(search(copy))
    run = tracking.log_state(copy, "s2", Record("state"), [record("a")])
    assert run.created
    left = search(copy, "tags.`deepbench.state` = 's2'")
    assert {r.info.run_id for r in left if r.info.run_name == "state"} == {run.run_id}
    assert {r.data.tags.get("mlflow.parentRunId") for r in left} == {None, run.run_id}
    # the crashed parent and both of its children went, a parent and a child came
    assert len(search(copy)) == before - 3 + 2


def test_a_killed_attempt_of_another_state_goes_too(copy):
    with pytest.raises(OSError, match="disk is full"):
        tracking.log_state(copy, "s2", Record("state"), [record("a"), record("b", tables=Broken())])
    assert search(copy, "tags.`deepbench.state` = 's2'")
    tracking.log_state(copy, "s5", Record("state"), [])
    assert not search(copy, "tags.`deepbench.state` = 's2'")
    assert {run.info.status for run in search(copy)} == {"FINISHED"}


KILLED = """
import sys
from pathlib import Path
from deepbench.reporting import tracking
print("ready", flush=True)
tracking.log_state(Path(), "s1", tracking.Record("state"), [tracking.Record("a")])
"""


def test_a_kill_while_the_store_is_made_leaves_none_and_two_at_once_log_one_state(tmp_path, rng):
    command = [sys.executable, "-c", KILLED]
    quiet = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as process:
        process.stdout.readline()
        while not list(tmp_path.glob("mlflow.db.*")):
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
    for process in [subprocess.Popen(command, **quiet) for _ in range(2)]:
        process.communicate(timeout=240)
        assert process.returncode == 0
    assert sorted(run.info.run_name for run in search(tmp_path)) == ["a", "state"]
    assert [p.name for p in tmp_path.glob("mlflow.db*")] == ["mlflow.db"]


def test_a_moved_checkout_finds_its_runs_and_files(logged, copy):
    root, run = logged
    again = tracking.log_state(copy, "s1", Record("state"), [])
    assert again == tracking.TrackedRun(run.run_id, False)
    client = mlflow.MlflowClient(tracking.store(copy))
    assert client.get_run(run.run_id).info.artifact_uri.startswith(copy.as_uri())
    assert client.list_artifacts(run.run_id)[0].path == "report.html"
    # what is logged next lies beside it
    new = tracking.log_state(copy, "s4", record("later", figures={"a.svg": Figure()}), [])
    assert list((copy / "mlartifacts").glob(f"{new.run_id}/artifacts/a.svg"))
    assert not list((root / "mlartifacts").rglob("a.svg"))


def test_two_states_compare_in_one_search(copy):
    better = Record("dfdc", tags={"dataset": "dfdc"}, metrics={"auc": 0.9})
    tracking.log_state(copy, "s3", Record("state"), [better])
    mlflow.set_tracking_uri(tracking.store(copy))
    try:
        runs = mlflow.search_runs(
            experiment_names=["deepbench"], filter_string="tags.dataset = 'dfdc'"
        )
    finally:
        mlflow.set_tracking_uri(None)
    assert sorted(runs["metrics.auc"]) == [0.8, 0.9]
    table = runs.pivot_table(
        index="tags.dataset", columns="tags.deepbench.state", values="metrics.auc"
    )
    assert table.loc["dfdc"].to_dict() == {"s1": 0.8, "s3": 0.9}


def test_the_store_is_made_quietly(tmp_path):
    # in a process of its own: what MLflow says depends on who imports it first
    code = (
        "from pathlib import Path\n"
        "from deepbench.reporting import tracking\n"
        "run = tracking.log_state(Path(), 's1', tracking.Record('state'), [])\n"
        "assert run.created\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    told = done.stderr.replace("\r", "\n").splitlines()
    assert done.returncode == 0, done.stderr
    assert not [line for line in told if line and not line.startswith("MLflow:")]
    assert not done.stdout


def test_timings_of_stages(tmp_path):
    assert tracking.timings(tmp_path) == {}
    folder = tmp_path / "artifacts/timings"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text('{"stage": "scores@dfdc-effort", "seconds": 3}')
    (folder / "b.json").write_text('{"stage": "videos", "seconds": 5, "jobs": 2}')
    (folder / "c.json").write_text('{"stage": "scores@gone-effort", "seconds": 4}')
    assert tracking.timings(tmp_path) == {}
    (tmp_path / "dvc.lock").write_text("stages: {scores@dfdc-effort: {}, videos: {}}")
    found = tracking.timings(tmp_path)
    assert found == {"scores@dfdc-effort": (3.0, 1), "videos": (5.0, 2)}
    assert [timing.metric for timing in found.values()] == ["seconds", "seconds_shared"]


def test_more_than_one_call_takes_is_logged_whole(tmp_path):
    metrics = {f"m{n}": float(n) for n in range(1234)}
    params = {f"p{n}": str(n) for n in range(234)}
    run = tracking.log_state(tmp_path, "big", Record("state", metrics=metrics, params=params), [])
    data = mlflow.MlflowClient(tracking.store(tmp_path)).get_run(run.run_id).data
    assert (data.metrics, data.params) == (metrics, params)
