"""The page's sections on comparisons, ensembles, calibration and sensitivity."""

from dataclasses import replace

import numpy as np
import pytest
import report_tables as made

from deepbench.reporting import (
    calibration,
    comparisons,
    crosstab,
    ensembles,
    html,
    sensitivity,
    setup,
)


@pytest.fixture(scope="module")
def inputs():
    return made.inputs()


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr(html, "picture", lambda _, alt: html.Picture("data:,", alt))


def cell(table, row, column):
    line = next(line for line in table.rows if line[0].text == row)
    return dict(zip(table.columns, line, strict=True))[column]


def test_what_a_crosstab_does_not_hold_is_said():
    frame = made.inputs().analyses.ensembles.oracle.iloc[:3]
    table = crosstab.crosstab(
        "", frame, crosstab.Axis("dataset"), crosstab.Axis("metric"), crosstab.estimate
    )
    assert cell(table, "celeb_df", "accuracy") == html.Cell("not in the table", undefined=True)


def test_every_pair_is_shown_with_both_tests(inputs):
    found = comparisons.pairs(inputs)
    assert list(found.datasets) == list(made.METHODS)
    row = inputs.analyses.comparisons.pairs.query(
        "dataset == 'dfdc' and method == 'all' and metric == 'auc' and scorer == 'xception' "
        "and other == 'effort'"
    ).iloc[0]
    shown = cell(found.datasets["dfdc"], "xception minus effort", "AUC")
    assert shown.text == f"{row['value']:+.3f}"
    assert shown.small[1:] == (
        f"corrected {html.p(row['p_holm'])}", f"DeLong's {html.p(row['p_delong'])}",
    )  # fmt: skip
    eer = cell(found.datasets["dfdc"], "xception minus effort", "EER")
    assert not any("DeLong" in line for line in eer.small)
    assert len(found.datasets["dfdc"].rows) == 36


def test_pairs_that_differ_are_counted(inputs):
    pairs = inputs.analyses.comparisons.pairs
    own = pairs.query("dataset == 'dfdc' and method == 'all' and metric == 'auc'")
    summary = comparisons.pairs(inputs).summary
    assert cell(summary, "dfdc", "AUC").text == f"{(own['p_holm'] < 0.05).sum()} of 36"
    assert cell(summary, "folder", "AUC").text == "none of 36 could be tested"


def test_transfer_shows_home_away_and_the_change(inputs):
    found = comparisons.transfer(inputs)
    table = found["AUC away from faceforensics"]
    assert table.columns == ["Scorer", "On faceforensics", "celeb_df", "dfdc", "folder"]
    row = inputs.analyses.comparisons.transfer.query(
        "scorer == 'effort' and metric == 'auc' and dataset == 'dfdc'"
    ).iloc[0]
    shown = cell(table, "effort", "dfdc")
    assert shown.text == f"{row['value_away']:.3f}"
    assert shown.small == (f"{row['value']:+.3f} [{row['low']:.3f}, {row['high']:.3f}]",)
    assert cell(table, "effort", "On faceforensics").text == "0.950"
    assert cell(table, "effort", "folder").text == made.ONE_CLASS


def test_an_ensemble_is_held_against_the_single_one_of_development(inputs):
    shown = cell(ensembles.against_single(inputs), "stack", "dfdc")
    row = inputs.analyses.ensembles.contributions.query(
        "dataset == 'dfdc' and ensemble == 'stack' and metric == 'auc' "
        "and against == 'best single: effort'"
    ).iloc[0]
    assert shown.value == row["value"]
    assert shown.small[-1] == "against effort"
    everything = ensembles.contributions(inputs)["dfdc"]
    assert len(everything.rows) == 4 * 6 + 3
    assert cell(everything, "stack minus without f3net", "Log-loss").text[0] in "+-"


def test_agreement_counts_the_same_videos(inputs):
    line = ensembles.agreement(inputs)["celeb_df"].rows[0]
    assert line[0].text == "xception, efficientnet_b4"
    assert sum(cell.value for cell in line[1:5]) == 32
    lone = ensembles.agreement(inputs)["folder"].rows[0]
    assert lone[6].undefined
    assert lone[0].small == ("xception is never wrong",)


def test_the_oracle_stands_beside_the_single_one(inputs):
    shown = cell(ensembles.oracle(inputs), "dfdc", "AUC")
    assert (shown.text, shown.small[1]) == ("0.970", "best single, effort: 0.900")


def test_a_map_tells_its_best_weights(inputs, undrawn):
    alt = ensembles.maps(inputs)["dfdc"][0].alt
    points = inputs.analyses.ensembles.simplex.query("dataset == 'dfdc' and split == 'test'")
    assert f"Best of {points['point'].nunique()} weightings: {points['auc'].max():.3f}" in alt
    flat = points.drop_duplicates("point")["flat"].sum()
    assert f"{flat} cannot be told apart" in alt
    assert "not defined" in ensembles.maps(inputs)["folder"][0].alt


def test_thresholds_show_real_rates(inputs):
    found = calibration.thresholds(inputs)
    assert found.criterion == "fpr 0.05"
    assert list(found.places) == ["faceforensics, where they were chosen", *made.METHODS]
    table = inputs.analyses.calibration.thresholds
    own = table.query("scorer == 'effort' and criterion == 'fpr 0.05' and dataset == 'dfdc'")
    fpr, tpr = (own[own["metric"] == metric].iloc[0] for metric in ("fpr", "tpr"))
    assert cell(found.everywhere, "effort", "dfdc").value == fpr["value"]
    shown = cell(found.places["dfdc"], "effort", "FPR of 5 %")
    assert shown.value == fpr["value"]
    assert shown.small[1] == f"TPR {tpr['value']:.3f} [{tpr['low']:.3f}, {tpr['high']:.3f}]"
    assert shown.small[2] == f"above {fpr['threshold']:.3g}"
    few = cell(found.places["dfdc"], "effort", "FPR of 1 %")
    assert few.notes == ("chosen on 4 reals",)
    assert (
        f"TPR undefined: {made.ONE_CLASS}"
        in cell(found.places["folder"], "effort", "FPR of 5 %").small
    )


def test_without_a_rate_the_first_criterion_is_shown(inputs):
    asked = inputs.settings.calibration.model_copy(update={"false_positive_rates": []})
    settings = inputs.settings.model_copy(update={"calibration": asked})
    assert calibration.thresholds(replace(inputs, settings=settings)).criterion == "0.5"
    assert calibration.criterion_title("0.5") == "fixed at 0.5"


def test_calibration_stands_as_scored_and_scaled(inputs):
    found = calibration.errors(inputs)
    assert list(found) == ["ece", "log_loss", "brier"]
    shown = cell(found["ece"], "f3net", "dfdc")
    own = inputs.analyses.calibration.figures.query(
        "scorer == 'f3net' and dataset == 'dfdc' and metric == 'ece'"
    ).set_index("variant")
    assert shown.value == own.loc["as scored", "value"]
    assert shown.small[1].startswith(f"scaled {own.loc['scaled', 'value']:.3f} [")
    assert cell(found["ece"], "f3net", "Temperature").text == "1.500"


def test_abstention_tells_the_error_rate_of_all(inputs, undrawn):
    _, curve = calibration.pictures(inputs)["dfdc"]
    assert "With all decided: xception 0.300; efficientnet_b4 0.320;" in curve.alt


def test_every_varied_choice_has_a_table(inputs, undrawn):
    found = sensitivity.varied(inputs)
    captions = [table.caption for table in found["dfdc"].tables]
    assert captions == [
        f"dfdc: AUC by {factor}" for factor in ("frames", "pooling", "face size", "sharpness")
    ]
    frames = found["dfdc"].tables[0]
    assert frames.columns == ["Scorer", "1", "4", "8", "16", "32"]
    assert cell(frames, "effort", "32").text == "the run stored 8 frames per video"
    assert found["dfdc"].tables[2].columns[1] == "smallest third: up to 81 px"


def test_settings_keep_their_places(inputs, undrawn):
    table = inputs.analyses.sensitivity
    turned = table.assign(place=np.where(table["factor"] == "pooling", 9 - table["place"], 0))
    analyses = replace(inputs.analyses, sensitivity=turned)
    found = sensitivity.varied(replace(inputs, analyses=analyses))["dfdc"].tables[1]
    assert found.columns[1] == "quality"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "track; at least 40 px, confidence 0.9"),
        ({"crop": "whole"}, "the picture itself; no face was looked for"),
        (
            {"crop": "dlib", "landmark_model": "81.dat", "landmark_sha256": "ab" * 32},
            "track; found by dlib, landmarks abababababab",
        ),
    ],
)
def test_limits_of_mtcnn_are_not_told_of_other_face_finders(inputs, changed, told):
    faces = inputs.settings.faces.model_copy(update=changed)
    settings = inputs.settings.model_copy(update={"faces": faces})
    table = setup.settings(replace(inputs, settings=settings))
    assert {line[0].text: line[1].text for line in table.rows}["Face"] == told


def test_demo_weights_are_not_said_to_have_learnt_what_the_published_ones_did():
    told = {demo: setup.detectors(made.inputs(demo, ())) for demo in (True, False)}
    published = cell(told[False], "xception", "Trained on").text
    assert "faceforensics" in published
    shown = cell(told[True], "xception", "Trained on")
    assert (shown.text, shown.small) == ("rendered people", (f"published: {published}",))
