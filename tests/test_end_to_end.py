"""The whole pipeline on a cut-down sample pack: real DVC, papermill and MLflow, in a clone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
import yaml
from test_architecture import ROOT

from deepbench.core import findings, tables

pytestmark = pytest.mark.slow
DETECTORS = ["xception", "effort"]
DATASETS = ["faceforensics", "folder"]
SCORERS = ["xception", "effort", "frequency", "elsewhere", "equal", "stack"]


def run(clone, *command):
    """Run a command in the clone as a user would; its output, or a failure that shows it."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone),
        # DVC's own index of the repository, apart from any other clone's
        "DVC_SITE_CACHE_DIR": str(clone.parent / "dvc"),
    }
    done = subprocess.run(
        command, cwd=clone, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def stale(clone):
    """Stages that `dvc repro` would run because something they read has changed, with what has."""
    return json.loads(run(clone, "dvc", "status", "--json"))


def edit(path, change):
    settings = yaml.safe_load(path.read_text("utf-8"))
    change(settings)
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def cut_down(settings):
    settings["datasets"], settings["detectors"] = DATASETS, DETECTORS
    settings["roots"] = {name: settings["roots"][name] for name in DATASETS}
    settings["faces"]["frames"] = 2
    settings["external"] = {"elsewhere": {"path": "elsewhere.csv"}}
    settings["videos"]["ensembles"] = {
        name: {"rule": rule, "weights": dict.fromkeys([*DETECTORS, "elsewhere"], 1)}
        for name, rule in (("equal", "weighted_mean"), ("stack", "stack"))
    }
    settings["results"]["replicates"] = 50
    settings["gradcam"] |= {"videos_per_method": 1, "steps": 2}


def write_scores_from_elsewhere(clone):
    root = clone / "data/FaceForensics++"
    paths = sorted(p.relative_to(root).as_posix() for p in root.rglob("c23/videos/*.mp4"))
    lines = [f"{path},{place / len(paths)}" for place, path in enumerate(paths)]
    text = "\n".join(["path,fake_prob", *lines, "no/such/video.mp4,0.5"])
    (clone / "elsewhere.csv").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone of this work tree in which all that `make repro` runs has run."""
    clone = tmp_path_factory.mktemp("end_to_end") / "deepbench"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in listed.stdout.decode().splitlines():
        # a file removed but not yet committed is still listed
        if (ROOT / name).exists() and Path(name).suffix != ".dvc" and name != "dvc.lock":
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    edit(clone / "params.yaml", cut_down)
    run(clone, "git", "init", "-q")
    run(clone, "deepbench", "sample")
    for name in ("Celeb-DF-v2", "DFDC"):
        shutil.rmtree(clone / "data" / name)
    write_scores_from_elsewhere(clone)
    run(clone, "dvc", "add", "-q", "data", "weights")
    run(clone, "git", "add", "-A")
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    run(clone, "git", *identity, "commit", "-qm", "start")
    run(clone, "deepbench", "repro")
    run(clone, "deepbench", "report")
    run(clone, "git", "add", "-A")
    run(clone, "git", *identity, "commit", "-qm", "results")
    return clone


def read(clone, table, *paths):
    return tables.read(table, *(clone / "artifacts" / path for path in paths))


def test_it_ends_in_a_report_and_a_clean_tree(clone):
    assert (clone / "reports/index.html").stat().st_size > 10_000
    assert run(clone, "git", "status", "--porcelain") == ""
    assert stale(clone) == {}


def test_a_second_run_runs_no_stage(clone):
    assert "Running stage" not in run(clone, "dvc", "repro")


def test_every_video_of_the_manifest_is_in_every_table(clone):
    manifest = read(clone, tables.MANIFEST, *(f"manifest/{name}.parquet" for name in DATASETS))
    ledger = read(clone, tables.LEDGER, *(f"faces/{name}" for name in DATASETS))
    videos = read(clone, tables.VIDEOS, "videos.parquet")
    assert set(ledger["video_id"]) == set(manifest["video_id"])
    for scorer in SCORERS:
        mine = videos[videos["scorer"] == scorer]
        assert sorted(mine["video_id"]) == sorted(manifest["video_id"])
    lost = videos[videos["fake_prob"].isna()]
    assert len(lost)
    assert (lost["problem"] != "").all()


def test_scores_from_elsewhere_are_one_more_scorer(clone):
    account = json.loads((clone / "artifacts/scores/external/elsewhere.json").read_text("utf-8"))
    known = read(clone, tables.MANIFEST, "manifest/faceforensics.parquet")
    assert account["matched"] == len(known)
    # the videos of the train split take no part, and one row is of no video at all
    assert account["rows_without_video"] == account["rows"] - len(known) > 1
    videos = read(clone, tables.VIDEOS, "videos.parquet")
    mine = videos[videos["scorer"] == "elsewhere"]
    known = mine["video_id"].str.startswith("faceforensics/")
    assert mine.loc[known, "fake_prob"].notna().all()
    assert (mine.loc[~known, "problem"] != "").all()
    ranks = read(clone, findings.RANKS, "comparisons/ranks.parquet")
    assert set(ranks["scorer"]) == set(SCORERS)


def test_the_edge_cases_are_told(clone):
    ledger = read(clone, tables.LEDGER, "faces/folder")
    told = ledger.set_index("video_id")["problem"]
    for name in ("edge_no_face", "edge_truncated", "edge_bit_flipped"):
        (sentence,) = told[told.index.str.contains(name)]
        assert sentence, name


def test_alone_or_side_by_side_gives_the_same_bytes(clone):
    # reports/index.html names the commit, which has changed since
    kept = {p: p.read_bytes() for p in (clone / "reports").glob("*/*.html")}
    kept |= {p: p.read_bytes() for p in (clone / "artifacts").rglob("*.parquet")}
    stages = ["manifest@folder", "scores@folder-xception", "frequency@folder", "spectra"]
    stages += ["gradcam@xception", "videos", "results", "comparisons", "ensembles", "calibration"]
    stages += ["sensitivity", "report"]
    for folder in ("scores/folder/xception", "frequency/folder"):  # kept between runs
        shutil.rmtree(clone / "artifacts" / folder)
    for stage in stages:
        run(clone, "dvc", "repro", "-s", "-f", "--no-run-cache", stage)
    assert {p for p, content in kept.items() if p.read_bytes() != content} == set()
    assert run(clone, "git", "status", "--porcelain") == ""


@pytest.fixture
def restore(clone):
    """Put one file back after the test."""
    kept = {}

    def keep(name):
        kept[clone / name] = (clone / name).read_bytes()
        return clone / name

    yield keep
    for path, content in kept.items():
        path.write_bytes(content)


def test_an_ensemble_weight_runs_no_inference_again(clone, restore):
    edit(
        restore("params.yaml"),
        lambda s: s["videos"]["ensembles"]["equal"]["weights"].update(effort=2),
    )
    found = stale(clone)
    # sensitivity looks at detectors only
    follow = {"results", "comparisons", "ensembles", "calibration", "report"}
    assert set(found) == {"videos"} | follow, found


def test_the_code_of_pooling_concerns_the_videos_and_what_follows(clone, restore):
    path = restore("deepbench/statistics/pooling.py")
    path.write_text(path.read_text("utf-8") + "# changed\n", encoding="utf-8")
    found = stale(clone)
    assert set(found) == {"videos", "sensitivity", "spectra", "report"}, found


def test_one_detectors_file_concerns_that_detector_only(clone, restore):
    path = restore("weights/effort/effort_clip_L14_trainOn_FaceForensic.pth")
    path.write_bytes(path.read_bytes() + b"\0")
    found = stale(clone)
    assert {name for name in found if name.startswith("scores")} == {
        f"scores@{dataset}-effort" for dataset in DATASETS
    }
    assert not {name for name in found if name.startswith(("faces", "manifest"))}


# MLflow uses what SQLAlchemy 2.1 deprecates
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_one_run_per_state_and_no_duplicates(clone):
    run(clone, "deepbench", "report")
    mlflow.set_tracking_uri(f"sqlite:///{clone}/mlflow.db")
    runs = mlflow.search_runs(experiment_names=["deepbench"])
    parents = runs[runs["tags.mlflow.parentRunId"].isna()]
    assert len(parents) == 1
    assert len(runs) - 1 == len(DATASETS) * len(SCORERS)


def test_the_commands_of_the_readme_work(clone):
    assert "faceforensics" in run(clone, "dvc", "metrics", "show")
    run(clone, "dvc", "metrics", "diff")
    run(clone, "dvc", "params", "diff")
    page = run(clone, "dvc", "plots", "show", "reports/results/roc")
    assert "index.html" in page


def test_an_experiment_changes_one_setting(clone):
    out = run(clone, "dvc", "exp", "run", "-q", "-S", "videos.pooling=majority")
    assert (
        yaml.safe_load((clone / "params.yaml").read_text("utf-8"))["videos"]["pooling"]
        == "majority"
    ), out
    run(clone, "git", "checkout", "-q", ".")
    run(clone, "dvc", "checkout", "-q")


def test_a_failing_cell_names_itself_and_keeps_its_notebook(clone, restore):
    edit(restore("params.yaml"), lambda s: s["faces"].update(selct="track"))
    environment = os.environ | {"PYTHONPATH": str(clone)}
    command = [
        sys.executable,
        "-m",
        "deepbench.apps.notebook",
        "notebooks/05_results.ipynb",
        "x.html",
    ]
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "faces.selct: Extra inputs" in done.stderr
    assert (clone / "runs/x.ipynb").exists()
    assert not (clone / "x.html").exists()
