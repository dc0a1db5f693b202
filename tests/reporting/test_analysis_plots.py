from pathlib import Path

import numpy as np
import pytest
import report_tables as made

from deepbench.core import params
from deepbench.reporting import analysis_plots

SCORERS = params.load(Path(__file__).parents[2] / "params.yaml").scorers


@pytest.fixture(scope="module")
def tables():
    return made.inputs().analyses


def texts(figure):
    return [t.get_text() for t in figure.findobj() if hasattr(t, "get_text") and t.get_text()]


def of(table, dataset):
    return table[table["dataset"] == dataset]


def visible(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def test_reliability_has_a_panel_per_scorer_and_both_variants(tables):
    bins = of(tables.calibration.reliability, "dfdc")
    figure = analysis_plots.reliability(bins)
    assert len(visible(figure)) == len(SCORERS)
    own = bins[(bins["scorer"] == "xception") & (bins["variant"] == "scaled")]
    scaled = figure.axes[0].containers[1].lines[0]
    assert np.allclose(scaled.get_ydata(), own["share_fake"])
    assert texts(analysis_plots.reliability(bins.iloc[:0])) == [
        "no bins: too few scored test videos"
    ]


def test_abstention_is_a_curve_per_scorer(tables):
    figure = analysis_plots.abstention(of(tables.calibration.abstention, "dfdc"))
    assert len(figure.axes[0].lines) == len(SCORERS)
    assert figure.axes[0].lines[0].get_xdata()[-1] == 1
    undefined = of(tables.calibration.abstention, "dfdc").assign(error_rate=np.nan)
    assert texts(analysis_plots.abstention(undefined)) == ["no curve: no error rate is defined"]


def test_a_map_has_all_points_in_every_panel(tables):
    simplex = tables.ensembles.simplex
    points = of(simplex[simplex["split"] == "test"], "dfdc")
    figure = analysis_plots.simplex(points)
    assert len(visible(figure)) == 4
    for axes in visible(figure):
        worse, flat, best = axes.lines
        drawn = np.concatenate([worse.get_ydata()[::3], flat.get_ydata()[::3]])
        assert len(drawn) == points["point"].nunique()
        assert best.get_ydata()[0] == points["auc"].max()
    none = of(simplex[simplex["split"] == "test"], "folder")
    assert texts(analysis_plots.simplex(none)) == ["no map: the AUC is not defined on these videos"]


def test_dots_of_a_map_reach_the_file(tables):
    import base64

    from deepbench.reporting import html

    simplex = tables.ensembles.simplex
    points = of(simplex[simplex["split"] == "test"], "dfdc")
    uri = html.picture(analysis_plots.simplex(points), "").uri
    svg = base64.b64decode(uri.split(",")[1]).decode()
    dots = [line for line in svg.splitlines() if line.startswith("L ")]
    assert len(dots) > 4 * points["point"].nunique()


def test_sensitivity_has_a_panel_per_factor_in_order(tables):
    rows = of(tables.sensitivity, "dfdc")
    figure = analysis_plots.sensitivity(rows)
    assert [axes.get_title("left") for axes in visible(figure)] == [
        "frames", "pooling", "face size", "sharpness",
    ]  # fmt: skip
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert ticks == ["1", "4", "8", "16", "32"]
    # what the run did not store is no point
    assert np.isnan(figure.axes[0].lines[0].get_ydata()[3:]).all()
    gone = of(tables.sensitivity, "folder")
    assert "not defined" in texts(analysis_plots.sensitivity(gone))[0]
