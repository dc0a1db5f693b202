import json
import math
import shutil
import subprocess
import zipfile
from dataclasses import replace

import latency_tables
import mlflow
import numpy as np
import pandas as pd
import pytest
import report_tables as made

from deepbench import report
from deepbench.core import gaps, recorded, tables, timings
from deepbench.reporting import analyses, drift, page, records, tracking
from deepbench.sample import pack

pytestmark = [
    # a store is made and a whole report drawn
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A checkout after the report stage and `deepbench report`: root, inputs, terminal lines."""
    root = tmp_path_factory.mktemp("checkout")
    made.checkout(root)
    # one file of the sample pack marks its data set
    name = min(n for n in pack.digests() if n.startswith("DFDC/") and not n.endswith("/"))
    with zipfile.ZipFile(pack.PACK) as archive:
        archive.extract(name, root / "data")
    (root / "reports/manifest").mkdir(parents=True)
    (root / "reports/manifest/dfdc.html").write_text("a stage's page")
    (root / drift.METRICS).parent.mkdir()
    (root / drift.METRICS).write_text(json.dumps({"dfdc": {"effort": {"auc": 0.9}}}))
    inputs = report.collect(root)
    report.write(inputs, root)
    return root, inputs, report.finish(root)


def test_collect_reads_what_was_written(run):
    _, inputs, _ = run
    expected = made.inputs()
    for table in ("manifest", "ledger", "videos", "results", "published"):
        assert getattr(inputs, table).equals(getattr(expected, table)), table
    read, wanted = analyses.frames(inputs.analyses), analyses.frames(expected.analyses)
    assert all(read[name].equals(wanted[name]) for name in wanted)
    assert inputs.exhibits == expected.exhibits
    assert inputs.samples == ("dfdc",)
    assert {r.weights for r in inputs.runs} == {"demo weights"}
    assert inputs.components["effort"].trained_on == ("faceforensics",)
    assert inputs.state.data["dfdc"] == "dada.dir"


def test_collect_says_what_is_missing(run, tmp_path):
    shutil.copytree(run[0], tmp_path / "copy")
    described = tmp_path / "copy/artifacts/scores/dfdc/effort.json"
    facts = described.read_text()
    described.write_text(facts.replace('"demo"', '"show"'))
    with pytest.raises(ValueError, match=r"effort.json does not say \['demo'\].*dvc repro"):
        report.collect(tmp_path / "copy")
    described.write_text(facts)
    (tmp_path / "copy/artifacts/results.parquet").unlink()
    with pytest.raises(FileNotFoundError, match="results"):
        report.collect(tmp_path / "copy")


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"weights_file": "mine.pth"}, "not the published file"),
        ({"published_sha256": "b" * 64}, "not the published file"),
        ({"published_sha256": "3a" * 32}, "the published file"),
        ({}, "named as the published file, whose sha256 nobody states"),
    ],
)
def test_weights_are_held_against_the_card(run, tmp_path, facts, sentence):
    shutil.copytree(run[0], tmp_path / "copy")
    described = tmp_path / "copy/artifacts/scores/dfdc/effort.json"
    known = json.loads(described.read_text())
    described.write_text(json.dumps(known | {"demo": False} | facts))
    inputs = report.collect(tmp_path / "copy")
    effort = next(r for r in inputs.runs if (r.dataset, r.detector) == ("dfdc", "effort"))
    assert (effort.weights, effort.demo) == (sentence, False)


def test_the_published_page_adds_the_checkout(run):
    root, _, _ = run
    text = (root / report.PUBLISHED).read_text("utf-8")
    assert page.PLACEHOLDER not in text
    assert '<a href="manifest/dfdc.html">dfdc.html</a>' in text
    assert '<a href="report/report.html">report.html</a>' in text
    assert '<a href="results.csv">results.csv</a>' in text
    assert "Git commit" in text
    assert page.PLACEHOLDER in (root / report.RECORDED).read_text("utf-8")


def test_the_published_page_says_first_what_git_does_not_record(run, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(run[0], root)
    (root / "weights/effort").mkdir(parents=True)
    checkpoint = root / "weights/effort/effort.pth"
    checkpoint.write_bytes(b"recorded")
    for name in recorded.TRACKED:
        md5 = recorded.compare(root, name).now
        (root / f"{name}.dvc").write_text(f"outs:\n- md5: {md5}\n")
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "*.dvc"], ["commit", "-qm", "recorded", "--no-verify"]):
        subprocess.run(["git", *identity, *words], cwd=root, check=True)
    before = (root / report.RECORDED).read_bytes()
    text = report.publish(root).read_text("utf-8")
    assert "Not as recorded" not in text
    assert "as weights.dvc in git records" in text
    checkpoint.write_bytes(b"another")
    first, _, rest = report.publish(root).read_text("utf-8").partition("<nav")
    assert "<strong>Not as recorded:</strong>" in first
    assert "<li>weights/effort/effort.pth differs from what weights.dvc in git records" in first
    assert "1 change since weights.dvc in git" in rest
    # what DVC records of the report knows nothing of commits
    assert (root / report.RECORDED).read_bytes() == before


def test_collect_reads_what_is_missing_and_the_terminal_says_it(run, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(run[0], root)
    said = gaps.Gap("absent", 1, 12, "1 of 12 listed videos are not on disk")
    gaps.write([said], root / "artifacts/manifest/dfdc.json")
    assert report.collect(root).gaps["dfdc"] == (said,)
    lines = report.finish(root)
    assert f"Incomplete data, dfdc: {said.sentence}" in lines
    assert any(line.startswith("data/ was not compared with data.dvc in git: ") for line in lines)
    assert "Incomplete" not in "\n".join(run[2])
    (root / "artifacts/manifest/dfdc.json").unlink()
    with pytest.raises(FileNotFoundError, match="does not say what is missing of the data; make"):
        report.collect(root)


def test_all_results_lie_beside_the_page(run):
    root, inputs, _ = run
    assert tables.read(tables.RESULTS, root / report.RESULTS).equals(inputs.results)
    read = pd.read_csv(root / report.RESULTS_CSV, keep_default_na=True, na_values=[])
    assert len(read) == len(inputs.results)
    assert read["value"].sub(inputs.results["value"]).abs().max() < 1e-12
    figures = json.loads((root / report.FIGURES).read_text("utf-8"))
    assert figures["state"] == inputs.state.digest


def test_no_text_is_a_formula_of_a_spreadsheet():
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "plain", "a=b", ""]
    table = pd.DataFrame({"note": texts, "value": np.arange(-4.0, 5.0)})
    made = report.for_spreadsheets(table)
    assert made["note"].tolist() == [*(f"'{text}" for text in texts[:6]), *texts[6:]]
    assert made["value"].equals(table["value"])


def test_publishing_twice_changes_nothing(run):
    root, _, _ = run
    before = (root / report.PUBLISHED).read_bytes()
    assert report.publish(root).read_bytes() == before


def test_the_published_page_alone_has_times(run, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(run[0], root)
    assert "make latency" in (root / report.PUBLISHED).read_text("utf-8")
    recorded = (root / report.RECORDED).read_bytes()
    measured = latency_tables.measurement()
    other = measured.networks.assign(weights_sha256="0" * 64)
    timings.write(replace(measured, networks=other), root)
    text = report.publish(root).read_text("utf-8")
    assert "Milliseconds per step" in text
    assert "was timed with other weights" in text
    assert page.LATENCY not in text
    assert (root / report.RECORDED).read_bytes() == recorded
    assert b"Milliseconds" not in recorded


def test_publish_refuses_what_it_cannot_fill(tmp_path):
    with pytest.raises(FileNotFoundError, match="dvc repro report"):
        report.publish(tmp_path)
    (tmp_path / report.RECORDED).parent.mkdir(parents=True)
    (tmp_path / report.RECORDED).write_text("no place")
    with pytest.raises(ValueError, match="has 0 times"):
        report.publish(tmp_path)


def test_mlflow_holds_a_child_per_data_set_and_scorer(run):
    root, inputs, _ = run
    client = mlflow.MlflowClient(tracking.store(root))
    experiment = client.get_experiment_by_name("deepbench").experiment_id
    found = {r.info.run_name: r for r in client.search_runs([experiment])}
    assert len(found) == 1 + len(made.METHODS) * 9
    effort, folder = found["dfdc effort"].data, found["folder effort"].data
    row = inputs.results.query(
        "dataset == 'dfdc' and scorer == 'effort' and level == 'video' and metric == 'auc'"
    ).iloc[0]
    assert [effort.metrics[m] for m in ("auc", "auc.low", "auc.high")] == [
        row["value"], row["low"], row["high"],
    ]  # fmt: skip
    assert effort.params["crop"] == "aligned"
    assert effort.tags["data"] == "dada.dir"
    assert "auc" not in folder.metrics
    assert folder.tags["undefined.auc"] == made.ONE_CLASS
    assert found["dfdc xception"].data.metrics["seconds.scores"] == 12.5
    half = found["dfdc effort_half"].data
    assert (half.params["kind"], half.params["weight.effort"]) == ("ensemble", "3")
    assert "auc.Deepfakes" in found["faceforensics effort"].data.metrics
    parent = found[f"state {inputs.state.digest[:12]}"].data
    assert parent.metrics["seconds.scores.dfdc-xception"] == 12.5
    assert parent.metrics["auc.dfdc.effort"] == row["value"]
    assert parent.tags["undefined.auc.folder.effort"] == made.ONE_CLASS
    f3net = found["dfdc f3net"].data
    assert f3net.tags["undefined.log_loss"] == "infinite"
    assert all(
        math.isfinite(v) and v < 1e300 for r in found.values() for v in r.data.metrics.values()
    )
    assert parent.tags["git.commit"].startswith("none")
    assert parent.params["faces.crop"] == "aligned"
    table = client.search_runs([experiment], "attributes.run_name = 'dfdc effort'")[0]
    files = {f.path for f in client.list_artifacts(table.info.run_id)}
    assert files == {"videos.json", "roc.svg", "gradcam.png"}


def test_the_comparison_in_the_readme(run):
    root, inputs, _ = run
    mlflow.set_tracking_uri(tracking.store(root))
    try:
        runs = mlflow.search_runs(
            experiment_names=["deepbench"], filter_string="tags.scorer = 'equal'"
        )
    finally:
        mlflow.set_tracking_uri(None)
    table = runs.pivot_table(
        index="tags.dataset", columns="tags.deepbench.state", values="metrics.auc"
    )
    assert list(table.columns) == [inputs.state.digest]
    assert set(table.index) == set(made.METHODS) - {"folder"}  # whose AUC is undefined


def test_a_second_time_logs_nothing(run, monkeypatch):
    root, inputs, lines = run
    assert any("logged as run" in line for line in lines)
    monkeypatch.setattr(records, "_child", None)  # nothing is made for it either
    assert not report.log(inputs, root).created


def test_the_terminal_shows_the_headline(run):
    text = "\n".join(run[2])
    assert "Sample pack or demo weights" in text
    assert "nothing to compare with" in text
    assert made.ONE_CLASS in text


def test_the_headline_is_text():
    inputs = made.inputs()
    table = report.headline(inputs.results)
    assert sorted(table.columns) == sorted(made.METHODS)
    auc = inputs.results.query(
        "dataset == 'dfdc' and scorer == 'f3net' and level == 'video' and metric == 'auc'"
    ).iloc[0]
    shown = f"{auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]"
    assert table.loc["f3net", "dfdc"] == shown
    assert table.loc["f3net", "folder"] == made.ONE_CLASS
    without = inputs.results.query("dataset != 'dfdc' or scorer != 'f3net'")
    assert report.headline(without).loc["f3net", "dfdc"] == "not in the results"


def test_the_headline_of_nothing_is_empty():
    assert report.headline(tables.from_rows(tables.RESULTS, [])).empty
