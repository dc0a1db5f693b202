import math
from dataclasses import replace

import latency_tables as made
import mlflow
import numpy as np
import pandas as pd
import pytest
import report_tables

from deepbench.core import timings
from deepbench.reporting import html, latency, latency_plots, latency_price, measurements, tracking


@pytest.fixture(scope="module")
def around():
    inputs = report_tables.inputs()
    return latency_price.Around(inputs.settings, inputs.results, inputs.runs)


@pytest.fixture(scope="module")
def values(around):
    before = made.earlier(
        ("2026-11-21T08:00:00+00:00", made.MACHINE, 2.0),
        ("2026-11-20T08:00:00+00:00", "another machine", 9.0),
    )
    return latency.section(made.measurement(before), around)


def cells(table, row):
    return next(line for line in table.rows if line[0].text == row)


def test_nothing_measured_is_one_sentence(around):
    text = html.render("latency.html", latency.section(None, around))
    assert "make latency" in text
    assert "<table" not in text


def test_every_step_has_its_row(values):
    rows = [line[0].text for line in values["steps"].rows]
    detectors = list(made.DETECTORS)
    assert rows == [
        "Decode", "Detect faces", "Crop", *detectors, "All of these", "Frequency features",
        *(f"Grad-CAM, {name}" for name in detectors),
    ]  # fmt: skip
    assert values["steps"].columns == ["Step", "One image", "One video, 8 frames"]
    detect = cells(values["steps"], "Detect faces")
    assert [cell.text for cell in detect[1:]] == ["40.0", "320"]
    assert detect[2].small == ("p95 384, p99 448, IQR 32.0", "100 calls, 900 MB")


def test_a_tail_of_few_calls_is_left_out(values):
    total = cells(values["steps"], "All of these")
    assert total[1].small == ("IQR 94.4", "5 calls, 900 MB")


def test_detectors_say_what_they_cost(values):
    effort = cells(values["detectors"], "effort")
    assert [c.text for c in effort[1:]] == ["0.9", "12.0", "float32", "400", "40%"]
    assert effort[0].small[0] == "demo weights"
    assert values["peaks"] == "210 GFLOP/s in float32"
    assert (values["demo"], values["small"]) == (list(made.DETECTORS), ["effort"])


def test_batches_show_rate_and_speed_up(values):
    line = cells(values["batches"], "xception")
    assert line[3].text == f"{16 / (60 * 16**0.9) * 1000:.3g}"
    assert line[3].small == (f"{16**0.1:.2f} times batch 1",)


def test_an_ensemble_costs_the_sum_of_its_members(around):
    bought = latency_price.price(made.measurement(), around)
    cost = bought.groupby("scorer")["ms"].first()
    assert cost["xception"] == pytest.approx(60)
    assert cost["equal"] == pytest.approx(900)
    assert cost["frequency"] == pytest.approx(2)
    auc = around.results.query(
        "scorer == 'equal' and dataset == 'dfdc' and method == 'all' and level == 'video' and "
        "metric == 'auc'"
    ).iloc[0]
    row = bought.query("scorer == 'equal' and dataset == 'dfdc'").iloc[0]
    assert tuple(row[["value", "low", "high"]]) == tuple(auc[["value", "low", "high"]])


def test_a_scorer_from_elsewhere_has_no_time(around):
    name = around.settings.detectors[0]
    found = made.measurement()
    kept = found.latency[found.latency["detector"] != name]
    networks = found.networks[found.networks["detector"] != name]
    bought = latency_price.price(replace(found, latency=kept, networks=networks), around)
    cost = bought.groupby("scorer")["ms"].first()
    assert np.isnan([cost[name], cost["equal"]]).all()
    line = cells(latency_price.table(bought), name)
    assert (line[1].text, line[1].undefined) == ("not measured", True)


def test_other_weights_and_precisions_are_told(around):
    networks = made.networks()
    runs = tuple(
        replace(run, weights_sha256=sha)
        for run in around.runs
        for sha in networks.loc[networks["detector"] == run.detector, "weights_sha256"]
    )
    assert latency_price.differing(networks, runs) == []
    other = networks.assign(precision=["bfloat16", *["float32"] * 3])
    other.loc[other["detector"] == "f3net", "weights_sha256"] = "0" * 64
    assert latency_price.differing(other, runs) == [
        "xception was timed in bfloat16, its scores are of float32.",
        "f3net was timed with other weights than its scores rest on.",
    ]


def test_only_the_same_machine_is_compared(values):
    table = values["earlier"]
    assert table.columns[1:] == ["Last measurement", "2026-11-21 08:00, beefbee"]
    total = cells(table, "video total")
    assert total[2].small == ("now 0.50 times that",)
    assert "1 on another machine" in values["before"]
    assert "1 earlier measurement of this machine" in values["before"]


@pytest.mark.parametrize(
    ("runs", "sentence"),
    [
        ((), "first measurement"),
        ((("2026-11-22T09:00:00+00:00", made.MACHINE, 1.0),), "first measurement"),  # itself
        ((("2026-11-20", "another machine", 1.0),), "no earlier measurement of this machine"),
    ],
)
def test_without_earlier_ones_there_is_a_sentence(runs, sentence):
    found = made.measurement(made.earlier(*runs))
    assert sentence in measurements.told(found)
    assert measurements.table(found).rows == []


def test_the_page_says_that_weights_are_demo_and_machines_busy(values, around):
    text = html.render("latency.html", values)
    assert "Demo weights:" in text
    assert "busy with other things" not in text
    found = made.measurement()
    busy = replace(found, machine=replace(found.machine, load_before=3.0))
    assert "busy with other things" in html.render("latency.html", latency.section(busy, around))
    real = replace(found, networks=made.networks(demo=False))
    assert "Demo weights" not in html.render("latency.html", latency.section(real, around))


def test_an_image_alone_has_one_column(around):
    found = made.measurement()
    images = replace(found, latency=found.latency.query("unit != 'video'"))
    values = latency.section(images, around)
    assert values["steps"].columns == ["Step", "One image"]
    assert cells(values["bought"], "xception")[1].text == "60.0"


def test_figures_without_data_say_why():
    rows = made.latency()
    figure = latency_plots.throughput(rows[rows["unit"] == "none"])
    assert "no batches" in figure.axes[0].texts[0].get_text()
    names = ["dataset", "scorer", "ms", "value", "low", "high"]
    figure = latency_plots.price(pd.DataFrame([[math.nan] * 6], columns=names))
    assert "no scorer" in figure.axes[0].texts[0].get_text()


def test_scorers_of_equal_cost_stand_beside_each_other():
    assert latency_plots._apart([5.0, 9.0, 5.0]) == pytest.approx(
        [5.0, 9.0, 5.0 * latency_plots.APART]
    )


@pytest.mark.parametrize(
    ("value", "text"), [(1234.4, "1,234"), (99.6, "100"), (12.34, "12.3"), (0.1234, "0.12")]
)
def test_milliseconds_have_about_three_digits(value, text):
    assert html.ms(value) == text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_measurements_are_runs_of_their_own(tmp_path):
    first, second = made.machine("2026-11-21T10:00:00+00:00"), made.machine()
    for machine in (first, second):
        measurements.log(replace(made.measurement(), machine=machine), tmp_path)
    found = measurements.earlier(tmp_path)
    assert list(dict.fromkeys(found["started"])) == [second.started, first.started]
    now = replace(made.measurement(), earlier=found)
    assert measurements.told(now).startswith("MLflow holds 1 earlier measurement of this machine")
    expected = made.earlier((first.started, made.MACHINE, 1.0)).set_index("name")["p50_ms"]
    own = found[found["started"] == first.started].set_index("name")["p50_ms"]
    assert own.to_dict() == pytest.approx(expected.to_dict())
    (run, _) = tracking.alone(tmp_path, measurements.KIND)
    assert run.metrics["latency.image.decode.p99_ms"] == pytest.approx(4.2)
    assert "latency.image.total.p95_ms" not in run.metrics
    client = mlflow.MlflowClient(tracking.store(tmp_path))
    logged = client.get_run(run.run_id)
    assert logged.data.params["precision.effort"] == "float32"
    assert logged.info.status == "FINISHED"
    assert timings.name("score", "effort", "batch", 4) == "batch4.score.effort"
