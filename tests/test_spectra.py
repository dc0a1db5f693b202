"""The step spectra: what was put in comes out, and treated reals are held to themselves."""

from pathlib import Path

import frequency_tables as made
import numpy as np
import pandas as pd
import pytest
import stored

from deepbench import spectra
from deepbench.core import blocks, evidence, params, tables
from deepbench.statistics import effects

SETTINGS = made.settings(params.load(Path(__file__).parents[1] / "params.yaml"))
TOLD = spectra.NAMES[made.TOLD]


@pytest.fixture(scope="module")
def manifest():
    return made.manifest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frequency")
    made.write(folder, np.random.default_rng(5), holes=("away/real/0",))
    return folder


@pytest.fixture(scope="module")
def means(folder):
    return spectra.read_means(folder, SETTINGS.datasets)


@pytest.fixture(scope="module")
def table(means, manifest):
    return spectra.compare(means, manifest, SETTINGS)


def row(table, feature=TOLD, dataset="home", method="all", treatment=""):
    keys = ["dataset", "method", "treatment", "feature"]
    return table.set_index(keys).loc[(dataset, method, treatment, feature)]


def test_the_table_holds_every_feature_of_every_comparison(table):
    tables.check(evidence.SPECTRA, table)
    found = table.groupby(["dataset", "method", "treatment"]).size()
    assert dict(found) == {
        ("away", "all", ""): 513,
        ("away", "real", "64 px"): 513,
        ("away", "real", "jpeg 90"): 513,
        ("home", "Deepfakes", ""): 513,
        ("home", "FaceSwap", ""): 513,
        ("home", "all", ""): 513,
        ("home", "real", "64 px"): 513,
        ("home", "real", "jpeg 90"): 513,
    }


def test_the_mean_of_a_video_is_over_its_crops(means, folder):
    stored = tables.read(evidence.FREQUENCY, folder / "home")
    own = stored[(stored["video_id"] == "home/test/real/0") & (stored["treatment"] == "")]
    assert len(own) == made.CROPS
    expected = np.stack(own["features"].tolist()).astype(float).mean(axis=0)
    np.testing.assert_allclose(means.loc[("home/test/real/0", "")].to_numpy()[:512], expected)


def test_entropy_is_the_mean_of_its_rings(means):
    rings = means[[f"fft.entropy.{i}" for i in range(31)]].mean(axis=1)
    np.testing.assert_allclose(means[spectra.ENTROPY], rings)


@pytest.mark.parametrize(
    ("method", "shift"), [("Deepfakes", 1.5), ("FaceSwap", 3.0), ("all", 2.25)]
)
def test_a_shift_that_was_put_in_comes_out(table, method, shift):
    found = row(table, method=method)
    assert found["difference"] == pytest.approx(shift, abs=0.1)
    assert found["difference_low"] < shift < found["difference_high"]
    assert found["difference"] == pytest.approx(found["fake"] - found["real"])
    assert found["effect_low"] > 0
    assert (found["n_real"], found["n_fake"], found["note"]) == (
        8,
        16 if method == "all" else 8,
        "",
    )


def test_features_without_a_shift_mostly_include_zero(table):
    own = table[
        (table["dataset"] == "home") & (table["method"] == "all") & (table["treatment"] == "")
    ]
    quiet = own[~own["feature"].isin(spectra.NAMES[made.BAND])]
    outside = (quiet["difference_low"] > 0) | (quiet["difference_high"] < 0)
    # 5 % if eight clips were many; they are few, and a bootstrap of few is too narrow
    assert outside.mean() < 0.2


@pytest.mark.parametrize(("treatment", "shift"), [("jpeg 90", -0.25), ("64 px", -2.0)])
def test_treated_reals_are_held_to_themselves(table, treatment, shift):
    found = row(table, method="real", treatment=treatment)
    assert found["difference"] == pytest.approx(shift, abs=0.1)
    # paired: far narrower than the spread of the clips, which is 0.4
    assert found["difference_high"] - found["difference_low"] < 0.2
    assert (found["n_real"], found["n_fake"]) == (8, 8)
    assert found["real"] == pytest.approx(row(table, method="all")["real"])


def test_a_video_that_lacks_a_feature_is_left_out_of_it_alone(table):
    last = spectra.NAMES[511]
    assert row(table, last, "away")["n_real"] == 7
    assert row(table, TOLD, "away")["n_real"] == 8
    treated = row(table, last, "away", "real", "64 px")
    assert (treated["n_real"], treated["n_fake"]) == (7, 7)


def test_a_treatment_that_no_crop_had_is_undefined_with_the_reason(means, manifest):
    chosen = blocks.Frequency(scorer=True, jpeg_qualities=[7], face_sides=[])
    settings = SETTINGS.model_copy(update={"frequency": chosen})
    found = row(spectra.compare(means, manifest, settings), method="real", treatment="jpeg 7")
    assert np.isnan(found["difference"])
    assert found["note"] == spectra.TOO_SMALL
    assert (found["n_real"], found["n_fake"]) == (0, 0)


def test_few_clips_have_values_and_no_intervals(means, manifest):
    few = manifest.assign(cluster_id=manifest["cluster_id"].str[-1].astype(int).mod(4).astype(str))
    found = row(spectra.compare(means, few, SETTINGS))
    assert found["difference"] == pytest.approx(2.25, abs=0.1)
    assert np.isnan(found[["difference_low", "real_low", "effect_high"]].to_numpy(float)).all()
    assert "no interval from 4 independent clips" in found["note"]


def test_other_splits_change_nothing(means, manifest, table):
    val = manifest.loc[manifest["split"] == "val", "video_id"]
    other = means.copy()
    other[means.index.get_level_values("video_id").isin(val)] = 99.0
    pd.testing.assert_frame_equal(spectra.compare(other, manifest, SETTINGS), table)


def test_summaries_are_the_values_of_the_test_videos(means, manifest):
    found = spectra.summarise(means, manifest)
    tables.check(evidence.SUMMARIES, found)
    assert set(found["feature"]) == set(spectra.SUMMARIES)
    assert len(found) == 3 * (manifest["split"] == "test").sum()
    one = found[(found["video_id"] == "away/fake/3") & (found["feature"] == spectra.ENTROPY)]
    assert one["value"].item() == means.loc[("away/fake/3", ""), spectra.ENTROPY]


def test_a_data_set_without_a_face_has_rows_with_the_reason(means, manifest, folder, tmp_path):
    stored.write(evidence.FREQUENCY, tmp_path / "away", [])
    (tmp_path / "home").symlink_to(folder / "home")
    own = spectra.read_means(tmp_path, SETTINGS.datasets)
    found = spectra.compare(own, manifest, SETTINGS)
    gone = found[found["dataset"] == "away"]
    assert set(gone["method"]) == {"all", "real"}
    assert gone["difference"].isna().all()
    assert set(gone["note"]) == {spectra.TOO_SMALL}
    assert effects.CONSTANT not in set(found["note"])
