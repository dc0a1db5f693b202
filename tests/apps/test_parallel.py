import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from deepbench.apps import parallel
from deepbench.core import blocks, params

# every test starts DVC several times
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def project(root, scripts):
    """A checkout with two data sets, one detector, and these shell scripts as stages."""
    settings = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    settings |= {
        "datasets": ["a", "b"],
        "development": "a",
        "external": {"theirs": {"path": "theirs.csv"}},
        "detectors": ["effort"],
        "roots": {name: {"path": f"data/{name}", "watch": f"data/{name}"} for name in "ab"},
    }
    settings["videos"]["ensembles"] = {}
    (root / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    for name in "ab":
        (root / "data" / name).mkdir(parents=True)
    (root / "theirs.csv").write_bytes(b"0")
    (root / "weights/effort").mkdir(parents=True)
    (root / "weights/effort/effort.pth").write_bytes(b"0")
    if scripts:
        (root / "artifacts/manifest").mkdir(parents=True)
        for name, script in scripts.items():
            (root / f"{name}.sh").write_text(script)
        stages = {
            "manifest": {
                "foreach": ["a", "b"],
                "do": {"cmd": "sh ${item}.sh", "outs": ["artifacts/manifest/${item}.parquet"]},
            },
            "videos": {
                "cmd": "cat artifacts/manifest/*.parquet > artifacts/videos.parquet",
                "deps": ["artifacts/manifest"],
                "outs": ["artifacts/videos.parquet"],
            },
        }
        (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), "utf-8")
        dvc = [sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"]
        subprocess.run(dvc, cwd=root, check=True)
    return params.load(root / "params.yaml")


def put(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"0")


class Bar:
    """Takes note of what a progress bar shows."""

    def __init__(self):
        self.shown, self.done = [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def set_description(self, text):
        self.shown.append(text)

    def update(self):
        self.done += 1


def meet(own, other):
    """Shell lines that wait until the other stage runs too."""
    return f"touch {own}.here\nuntil test -e {other}.here; do sleep 0.05; done\n"


def test_stages_run_side_by_side_and_log_while_they_run(tmp_path, monkeypatch):
    # a stage finds in its own log what it said before it ended
    work = "echo half-way\ngrep half-way runs/manifest@{0}.log > artifacts/manifest/{0}.parquet\n"
    scripts = {name: meet(name, other) + work.format(name) for name, other in ("ab", "ba")}
    project(tmp_path, scripts)
    put(tmp_path, "artifacts/manifest/gone.parquet")
    bar = Bar()
    monkeypatch.setattr(parallel, "tqdm", lambda **_: bar)
    said = parallel.repro(tmp_path, 2)
    gone = tmp_path / "artifacts/manifest/gone.parquet"
    assert said == [f"{gone}: removed, params.yaml no longer names it"]
    assert (tmp_path / "artifacts/videos.parquet").read_text() == "half-way\n" * 2
    assert "manifest@a, manifest@b" in bar.shown
    assert bar.done == 3
    assert "Running stage 'videos'" in (tmp_path / "runs/videos.log").read_text()


def test_a_failure_ends_the_others_at_once(tmp_path):
    scripts = {
        "a": meet("a", "b") + "seq 5000\necho the disk is full >&2\nexit 3\n",
        "b": "echo $$ > b.pid\n" + meet("b", "a") + "sleep 300\n",
    }
    project(tmp_path, scripts)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="the disk is full") as caught:
        parallel.repro(tmp_path, 2)
    assert time.monotonic() - start < 60
    said, _, end = str(caught.value).partition("\n")
    log = tmp_path / "runs/manifest@a.log"
    assert said == f"stage manifest@a failed with exit code 255; the end of {log}:"
    assert len(end) == parallel.TAIL
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "b.pid").read_text()), 0)
    # what was ended holds no lock of DVC
    (tmp_path / "b.sh").write_text("echo 0 > artifacts/manifest/b.parquet\n")
    again = [sys.executable, "-m", "dvc", "repro", "--quiet", "-s", "manifest@b"]
    subprocess.run(again, cwd=tmp_path, check=True)


def test_what_dvc_would_only_name_is_said_with_its_cure(tmp_path):
    settings = project(tmp_path, {})
    parallel.check(tmp_path, settings)
    (tmp_path / "data/b").rmdir()
    (tmp_path / "weights/effort/effort.pth").unlink()
    with pytest.raises(ValueError, match="data set b") as caught:
        parallel.repro(tmp_path, 2)
    assert str(caught.value).splitlines() == [
        "data set b: nothing at data/b; put it there, run `deepbench sample` in a checkout with an "
        "empty data/, or take b out of datasets and roots in params.yaml",
        "detector effort: no file in weights/effort; put its checkpoint there, run `deepbench "
        "sample` in a checkout with an empty weights/, or take effort out of detectors and of "
        "videos.ensembles in params.yaml",
    ]


def test_what_dvc_would_hang_on_is_refused_first(tmp_path):
    project(tmp_path, {})
    os.mkfifo(tmp_path / "data/a/x.mp4")
    with pytest.raises(
        ValueError, match=r"data/ holds 1 entries .* \(data/a/x\.mp4 is a named pipe"
    ):
        parallel.repro(tmp_path, 2)


def test_changed_weights_are_told_before_anything_runs(tmp_path, capsys, monkeypatch):
    project(tmp_path, {})
    # what `dvc add` writes
    recorded = {"md5": "0" * 32 + ".dir", "path": "weights"}
    (tmp_path / "weights.dvc").write_text(yaml.safe_dump({"outs": [recorded]}))
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "weights.dvc"], ["commit", "-qm", "x", "--no-verify"]):
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True)
    monkeypatch.setattr(parallel, "prune", None)  # what comes next
    with pytest.raises(TypeError, match="not callable"):
        parallel.repro(tmp_path, 2)
    said = capsys.readouterr().err
    assert "deepbench: weights differs from what weights.dvc in git records (md5 000000" in said
    assert "deepbench: data/ was not compared with data.dvc in git: the commit has no data" in said


def test_a_missing_list_of_files_is_said_with_its_cure(tmp_path):
    settings = project(tmp_path, {})
    far = blocks.Root(path="data/a", watch="data/a.tsv")
    listed = settings.model_copy(update={"roots": settings.roots | {"a": far}})
    with pytest.raises(ValueError, match=r"deepbench inventory data/a data/a\.tsv"):
        parallel.check(tmp_path, listed)


def test_tables_that_params_no_longer_name_are_removed(tmp_path):
    settings = project(tmp_path, {})
    kept = [
        "artifacts/manifest/a.parquet",
        "artifacts/faces/a/ledger-00000-0123456789ab.parquet",
        "artifacts/scores/b/effort/scores-00000-0123456789ab.parquet",
        "artifacts/scores/b/effort.json",
        "artifacts/scores/b/.gitignore",
        "artifacts/scores/external/theirs.parquet",
        "artifacts/scores/frequency/a/scores.parquet",
        "artifacts/scores/frequency/a.json",
        "artifacts/timings/manifest@gone.json",
        "artifacts/videos.parquet",
    ]
    stale = [
        "artifacts/manifest/gone.parquet",
        "artifacts/faces/gone",
        "artifacts/scores/gone",
        "artifacts/scores/b/effort.parquet",  # of a version that wrote no shards
        "artifacts/scores/b/f3net",
        "artifacts/scores/b/f3net.json",
        "artifacts/scores/external/gone.json",
        "artifacts/scores/frequency/b.parquet",
    ]
    inside = [
        "artifacts/faces/gone/ledger-00000-0123456789ab.parquet",
        "artifacts/scores/gone/effort/scores-00000-0123456789ab.parquet",
        "artifacts/scores/b/f3net/scores-00000-0123456789ab.parquet",
    ]
    put(tmp_path, *kept, *inside, *(path for path in stale if "." in path))
    assert parallel.prune(tmp_path, settings) == [tmp_path / path for path in stale]
    assert all((tmp_path / path).exists() for path in kept)
    assert not any((tmp_path / path).exists() for path in stale)
    assert parallel.prune(tmp_path, settings) == []


def test_nothing_to_prune_before_the_first_run(tmp_path):
    assert parallel.prune(tmp_path, project(tmp_path, {})) == []
