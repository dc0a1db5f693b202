"""The frequency-only scorer: fitted on development alone, and tested where it was not fitted."""

from pathlib import Path

import frequency_tables as made
import numpy as np
import pandas as pd
import pytest

from deepbench import probe
from deepbench.core import evidence, params, tables
from deepbench.reporting import inputs
from deepbench.statistics import linear_probe

SETTINGS = made.settings(params.load(Path(__file__).parents[1] / "params.yaml"))
HOLE = "away/real/0"


@pytest.fixture(scope="module")
def manifest():
    return made.manifest()


@pytest.fixture(scope="module")
def faces(manifest):
    return made.faces(manifest)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frequency")
    made.write(folder, np.random.default_rng(5), holes=(HOLE,))
    return folder


@pytest.fixture(scope="module")
def fits(folder, manifest):
    return probe.fit(probe.development(folder, manifest, "home"))


@pytest.fixture(scope="module")
def scored(folder, fits):
    return probe.score(folder, SETTINGS.datasets, fits)


@pytest.fixture(scope="module")
def table(scored, fits, manifest, faces):
    return probe.evaluate(pd.concat(scored.values()), fits, manifest, faces, SETTINGS)


def test_only_untreated_development_crops_are_fitted(folder, manifest):
    crops = probe.development(folder, manifest, "home")
    assert set(crops.facts["video_id"]) == set(manifest.loc[manifest["split"] == "val", "video_id"])
    assert crops.features.shape == (18 * made.CROPS, 512)


def test_each_manipulation_is_left_out_once(fits):
    names = ["development", "development without Deepfakes", "development without FaceSwap"]
    assert [one.name for one in fits] == names
    assert [len(one.videos) for one in fits] == [18, 12, 12]


def test_test_labels_have_no_part_in_the_fit(folder, manifest, fits):
    test = manifest["split"] == "test"
    other = manifest.assign(
        label=manifest["label"] ^ test,
        method=manifest["method"].mask(test & (manifest["method"] == "real"), "Deepfakes"),
    )
    again = probe.fit(probe.development(folder, other, "home"))
    assert [one.probe.sha256 for one in again] == [one.probe.sha256 for one in fits]


def test_every_untreated_crop_has_one_score(scored, manifest, folder):
    for name, own in scored.items():
        stored = tables.read(evidence.FREQUENCY, folder / name)
        plain = stored[stored["treatment"] == ""]
        whole = own[own["detector"] == probe.DEVELOPMENT]
        assert whole[["video_id", "frame"]].to_numpy().tolist() == (
            plain[["video_id", "frame"]].to_numpy().tolist()
        )


def test_scores_are_those_of_a_detector(scored, tmp_path):
    own = probe.as_detector(scored["home"])
    path = tmp_path / "frequency/home.parquet"
    tables.write(tables.SCORES, own, path)
    assert tables.read(tables.SCORES, path)["detector"].unique().tolist() == [params.FREQUENCY]


def test_a_crop_too_flat_has_no_score_and_is_counted(scored, fits):
    assert HOLE not in set(probe.as_detector(scored["away"])["video_id"])
    assert probe.unscored(scored["away"]) == made.CROPS
    told = probe.describe(fits[0], "home", probe.unscored(scored["away"]))
    assert told["problem"] == "3 crops are too flat for the frequency features"
    assert probe.describe(fits[0], "home", 0)["problem"] == ""


def test_it_finds_what_was_put_in(table):
    tables.check(evidence.PROBE, table)
    found = table.set_index(["dataset", "method", "fitted_on"])
    whole = found.xs("development", level="fitted_on")
    assert whole.index.tolist() == [
        ("home", "all"), ("home", "Deepfakes"), ("home", "FaceSwap"), ("away", "all"),
    ]  # fmt: skip
    assert (whole["value"] > 0.9).all()
    assert (whole["low"] <= whole["value"]).all()
    assert (whole["high"] >= whole["value"]).all()
    assert whole["n_real"].tolist() == [8, 8, 8, 7]
    assert whole["n_fake"].tolist() == [16, 8, 8, 8]


def test_a_manipulation_left_out_is_tested_on_it_alone(table):
    left = table[table["fitted_on"] != probe.DEVELOPMENT]
    assert left[["dataset", "method", "fitted_on"]].to_numpy().tolist() == [
        ["home", "Deepfakes", "development without Deepfakes"],
        ["home", "FaceSwap", "development without FaceSwap"],
    ]
    assert left["fitted_fake"].tolist() == [6, 6]
    assert left["fitted_real"].tolist() == [6, 6]
    assert left["fitted_clips"].tolist() == [6, 6]


def test_the_auc_is_that_of_the_pooled_videos(table, scored, fits, folder, manifest):
    stored = tables.read(evidence.FREQUENCY, folder / "home")
    stored = stored[stored["treatment"] == ""].merge(manifest, on="video_id")
    own = stored[(stored["split"] == "test") & (stored["method"].isin(["real", "FaceSwap"]))]
    features = np.stack(own["features"].tolist()).astype(float)
    logits = linear_probe.score(fits[2].probe, features)
    prob = pd.Series(1 / (1 + np.exp(-logits.astype(float)))).groupby(own["video_id"].to_numpy())
    pooled, label = prob.mean(), own.groupby("video_id")["label"].first()
    won = pooled[label].to_numpy()[:, None] > pooled[~label].to_numpy()[None]
    chosen = table[table["fitted_on"] == "development without FaceSwap"]
    assert chosen["value"].item() == pytest.approx(won.mean())


@pytest.mark.parametrize("missing", ["", "elsewhere", "real"])
def test_without_a_development_split_there_are_reasons_and_no_scores(
    folder, manifest, faces, missing
):
    chosen = manifest
    if missing == "real":
        chosen = manifest[(manifest["split"] == "test") | manifest["label"]]
    fits = probe.fit(probe.development(folder, chosen, "home" if missing == "real" else missing))
    scored = probe.score(folder, SETTINGS.datasets, fits)
    assert all(len(own) == 0 for own in scored.values())
    tables.check(tables.SCORES, probe.as_detector(scored["home"]))
    told = probe.evaluate(pd.concat(scored.values()), fits, chosen, faces, SETTINGS)
    assert told["value"].isna().all()
    why = f"needs real and fake crops to fit, found 0 real, {36 if missing == 'real' else 0} fake"
    assert told[told["fitted_on"] == "development"]["note"].str.contains(why).all()
    facts = probe.describe(fits[0], "home", 0)
    assert (facts["weights_file"], facts["weights_sha256"]) == ("not fitted", "")
    assert why in facts["problem"]


def test_one_manipulation_is_never_left_out(folder, manifest):
    few = manifest[manifest["method"] != "FaceSwap"]
    assert len(probe.fit(probe.development(folder, few, "home"))) == 1


def test_what_made_the_scores_is_told_as_a_detector_would(fits):
    told = probe.describe(fits[0], "home", 0)
    assert not inputs.SAID - told.keys()
    assert told["weights_file"] == "fitted on home val"
    assert told["trained_on"] == ["home"]
    assert (told["fitted_real"], told["fitted_fake"], told["fitted_clips"]) == (6, 12, 6)
    assert len(told["weights_sha256"]) == 64
