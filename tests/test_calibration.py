"""The step calibration: fitted on one split of one data set, used everywhere, told honestly."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from deepbench import calibration
from deepbench.core import findings, params, tables
from deepbench.core.tables import VideoRow
from deepbench.statistics.intervals import FEWEST_CLUSTERS

SHIPPED = params.load(Path(__file__).parents[1] / "params.yaml")
SETTINGS = SHIPPED.model_copy(
    update={
        "development": "faceforensics",
        "results": SHIPPED.results.model_copy(update={"replicates": 100}),
    }
)
CRITERIA = ["0.5", "eer", "balanced_accuracy", "fpr 0.01", "fpr 0.05"]
CHOSEN = CRITERIA[1:]
# data set, split, reals, fakes
PARTS = [
    ("faceforensics", "val", 30, 40),
    ("faceforensics", "test", 20, 25),
    ("celeb_df", "val", 12, 12),
    ("celeb_df", "test", 18, 22),
    ("folder", "test", 6, 0),
]


def rows():
    for dataset, split, n_real, n_fake in PARTS:
        for i in range(n_real + n_fake):
            fake = i >= n_real
            # a fake shares its clip with a real
            clip = f"{dataset} {split} {i % n_real}"
            name = f"{dataset}/{split}/{i:02d}"
            method = "Deepfakes" if fake else "real"
            yield VideoRow(name, dataset, split, fake, method, clip, "video", name)


@pytest.fixture(scope="module")
def manifest():
    return tables.from_rows(tables.MANIFEST, list(rows()))


@pytest.fixture(scope="module")
def videos(manifest):
    rng = np.random.default_rng(20261122)
    parts = []
    for scorer, scale in (("net", 1.0), ("sure", 5.0)):
        logits = scale * (2.0 * manifest["label"] - 1 + rng.normal(0, 1.5, len(manifest)))
        parts.append(pd.DataFrame({"video_id": manifest["video_id"], "fake_logit": logits}))
        parts[-1]["scorer"] = scorer
    # what could not be scored on development and on test
    parts[0].loc[[0, 75], "fake_logit"] = np.nan
    return as_videos(pd.concat(parts, ignore_index=True))


def as_videos(frame):
    frame = frame.assign(fake_prob=expit(frame["fake_logit"]), frames_used=8, problem="")
    return frame[list(tables.VIDEOS.columns)]


@pytest.fixture(scope="module")
def found(manifest, videos):
    return calibration.calibrate(manifest, videos, SETTINGS)


def learnt(found):
    """All that was chosen: thresholds and temperatures."""
    limits = found.thresholds[["scorer", "criterion", "threshold"]].drop_duplicates()
    scales = found.calibration[["scorer", "variant", "temperature"]].drop_duplicates()
    return limits.to_numpy().tolist(), scales.to_numpy().tolist()


def where(frame, **keys):
    return frame[(frame[list(keys)] == pd.Series(keys)).all(axis=1)]


def test_the_tables_are_theirs_and_complete(found):
    for name in found._fields:
        tables.check(getattr(findings, name.upper()), getattr(found, name))
    cells = ["dataset", "split"]
    pairs = found.thresholds[cells].drop_duplicates().to_numpy().tolist()
    tests = [[d, s] for d, s, *_ in PARTS if s == "test"]
    assert pairs == [["faceforensics", "val"], *tests]
    assert len(found.thresholds) == len(pairs) * 2 * len(CRITERIA) * 4
    assert len(found.calibration) == len(tests) * 2 * 2 * 3
    assert len(found.abstention) == len(tests) * 2 * 10
    assert list(found.thresholds["criterion"].unique()) == CRITERIA


def test_test_labels_reach_no_threshold(manifest, videos, found):
    flipped = manifest["label"] ^ (manifest["split"] == "test")
    method = np.where(flipped, "Deepfakes", "real")
    other = calibration.calibrate(manifest.assign(label=flipped, method=method), videos, SETTINGS)
    assert learnt(other) == learnt(found)
    # the figures did change: the labels had not been ignored altogether
    assert not other.thresholds["value"].equals(found.thresholds["value"])


def test_test_scores_reach_no_threshold(manifest, videos, found, rng):
    test = videos["video_id"].isin(manifest.loc[manifest["split"] == "test", "video_id"])
    noise = videos["fake_logit"].mask(test, rng.normal(0, 9, len(videos)))
    other = calibration.calibrate(manifest, as_videos(videos.assign(fake_logit=noise)), SETTINGS)
    assert learnt(other) == learnt(found)


def test_the_validation_split_of_another_data_set_changes_nothing(manifest, videos, found):
    away = (manifest["split"] == "val") & (manifest["dataset"] != SETTINGS.development)
    flipped = manifest["label"] ^ away
    changed = manifest.assign(label=flipped, method=np.where(flipped, "Deepfakes", "real"))
    other = calibration.calibrate(changed, videos, SETTINGS)
    for one, two in zip(found, other, strict=True):
        pd.testing.assert_frame_equal(one, two)


def test_development_labels_do_choose(manifest, videos, found):
    home = (manifest["split"] == "val") & (manifest["dataset"] == SETTINGS.development)
    flipped = manifest["label"] ^ home
    changed = manifest.assign(label=flipped, method=np.where(flipped, "Deepfakes", "real"))
    before, after = learnt(found), learnt(calibration.calibrate(changed, videos, SETTINGS))
    for place in range(2):
        assert before[place] != after[place]


def test_the_fit_is_given_development_videos_only(manifest, videos, monkeypatch):
    seen = []

    def spy(development, settings):
        seen.extend(development)
        return fit(development, settings)

    fit = calibration.fit
    monkeypatch.setattr(calibration, "fit", spy)
    calibration.calibrate(manifest, videos, SETTINGS)
    assert {(cell.dataset, cell.split) for cell in seen} == {("faceforensics", "val")}
    assert [len(cell.labels) for cell in seen] == [69, 70]


def test_rates_are_of_the_threshold_in_the_row(manifest, videos, found):
    for dataset, split in (("faceforensics", "val"), ("celeb_df", "test")):
        known = tables.labelled(manifest, videos, split).dropna(subset="fake_logit")
        items = where(known, dataset=dataset, scorer="net")
        for criterion in CRITERIA:
            told = where(
                found.thresholds, scorer="net", criterion=criterion, dataset=dataset, split=split
            ).set_index("metric")
            called = items["fake_logit"] > logit(told["threshold"].iloc[0])
            assert told.loc["fpr", "value"] == pytest.approx(called[~items["label"]].mean())
            assert told.loc["tpr", "value"] == pytest.approx(called[items["label"]].mean())
            right = (called == items["label"]).mean()
            assert told.loc["accuracy", "value"] == pytest.approx(right)
            assert told.loc["fpr", "n_real"] == (~items["label"]).sum()
            assert told.loc["fpr", "n_fake"] == items["label"].sum()


def test_a_rate_is_kept_where_it_was_chosen_and_told_elsewhere(found):
    fpr = where(found.thresholds, metric="fpr", criterion="fpr 0.05")
    home = fpr[fpr["split"] == "val"]
    assert (home["value"] <= 0.05).all()
    assert home["note"].str.endswith("in-sample: the threshold was chosen on these videos").all()
    assert not fpr.loc[fpr["split"] == "test", "note"].str.contains("in-sample").any()


def test_the_fixed_threshold_is_not_in_sample(found):
    fixed = where(found.thresholds, criterion="0.5", split="val")
    assert (fixed["threshold"] == 0.5).all()
    assert (fixed["note"] == "").all()


def test_intervals_hold_their_value_and_repeat(manifest, videos, found):
    many = found.thresholds[found.thresholds["dataset"] != "folder"]
    assert (many["low"] <= many["value"] + 1e-12).all()
    assert (many["value"] <= many["high"] + 1e-12).all()
    again = calibration.calibrate(manifest, videos, SETTINGS)
    for one, two in zip(found, again, strict=True):
        pd.testing.assert_frame_equal(one, two)


def test_a_scorer_made_over_confident_gets_that_temperature(manifest, videos):
    loud = videos.assign(
        fake_logit=videos["fake_logit"] * videos["scorer"].map({"net": 1, "sure": 3})
    )
    base, louder = (
        calibration.calibrate(manifest, as_videos(v), SETTINGS).calibration for v in (videos, loud)
    )
    scales = [where(t, scorer="sure", variant="scaled")["temperature"] for t in (base, louder)]
    np.testing.assert_allclose(scales[1], 3 * scales[0], rtol=1e-5)
    # its probabilities are then the same
    for metric in ("ece", "log_loss", "brier"):
        keys = {"scorer": "sure", "variant": "scaled", "metric": metric}
        np.testing.assert_allclose(
            where(base, **keys)["value"], where(louder, **keys)["value"], rtol=1e-5
        )


def test_scaling_helps_the_over_confident(found):
    losses = where(found.calibration, scorer="sure", dataset="celeb_df", metric="log_loss")
    value = losses.set_index("variant")["value"]
    assert value["scaled"] < value["as scored"]
    assert (where(found.calibration, variant="as scored")["temperature"] == 1).all()


def test_bins_hold_every_scored_video(manifest, videos, found):
    known = tables.labelled(manifest, videos, "test").dropna(subset="fake_logit")
    counts = known.groupby(["scorer", "dataset"]).size()
    for (scorer, dataset, _), n in (
        found.reliability.groupby(["scorer", "dataset", "variant"])["n"].sum().items()
    ):
        assert n == counts[scorer, dataset]
    assert set(found.reliability["variant"]) == {"as scored", "scaled"}


def test_to_decide_all_is_the_error_rate_at_a_half(found):
    everything = where(found.abstention, coverage=1.0).set_index(["scorer", "dataset"])
    accuracy = where(found.thresholds, criterion="0.5", split="test", metric="accuracy")
    for row in accuracy.itertuples():
        error = everything.loc[(row.scorer, row.dataset), "error_rate"]
        assert error == pytest.approx(1 - row.value)


def test_one_class_has_its_own_rates(found):
    rates = where(found.thresholds, dataset="folder", scorer="net", criterion="0.5")
    rates = rates.set_index("metric")
    assert rates.loc["fpr", "low"] <= rates.loc["fpr", "value"] <= rates.loc["fpr", "high"]
    assert rates.loc["fpr", "note"] == ""
    for metric in ("tpr", "balanced_accuracy"):
        assert np.isnan(rates.loc[metric, ["value", "low", "high"]].to_numpy(float)).all()
        assert rates.loc[metric, "note"] == "undefined with 6 real and 0 fake"


@pytest.mark.parametrize("lost", ["fakes", "all", "no split"])
def test_without_a_development_split_only_the_fixed_threshold_is_left(manifest, videos, lost):
    home = (manifest["split"] == "val") & (manifest["dataset"] == "faceforensics")
    if lost == "no split":
        manifest = manifest[~home]
        videos = videos[videos["video_id"].isin(manifest["video_id"])]
    gone = manifest.loc[home & (manifest["label"] | (lost == "all")), "video_id"]
    hidden = videos["video_id"].isin(gone) & (videos["scorer"] == "net")
    videos = as_videos(videos.assign(fake_logit=videos["fake_logit"].mask(hidden)))
    found = calibration.calibrate(manifest, videos, SETTINGS)
    n_real = 29 if lost == "fakes" else 0
    assert ("val" in set(found.thresholds["split"])) == (lost != "no split")
    told = where(found.thresholds, scorer="net", split="test", dataset="celeb_df")
    chosen = told[told["criterion"] != "0.5"]
    assert list(chosen["criterion"].unique()) == CHOSEN
    assert np.isnan(chosen[["threshold", "value", "low", "high"]].to_numpy()).all()
    why = f"not chosen: the development split has scores of {n_real} real and 0 fake"
    assert (chosen["note"] == why).all()
    assert not told.loc[told["criterion"] == "0.5", "value"].isna().any()
    scaled = where(found.calibration, scorer="net", variant="scaled")
    assert np.isnan(scaled[["temperature", "value"]].to_numpy()).all()
    assert (scaled["note"] == why.replace("scores", "finite scores")).all()
    assert set(where(found.reliability, scorer="net")["variant"]) == {"as scored"}
    other = where(found.thresholds, scorer="sure", split="test", criterion="eer")
    assert other["threshold"].isna().all() == (lost == "no split")


def test_no_development_data_set_is_as_one_without_videos(manifest, videos):
    home = (manifest["split"] == "val") & (manifest["dataset"] == "faceforensics")
    without = manifest[~home]
    known = videos[videos["video_id"].isin(without["video_id"])]
    nowhere = SETTINGS.model_copy(update={"development": ""})
    named = calibration.calibrate(without, known, SETTINGS)
    unnamed = calibration.calibrate(manifest, videos, nowhere)
    for one, two in zip(named, unnamed, strict=True):
        pd.testing.assert_frame_equal(one, two)


def test_a_scorer_that_scored_nothing_of_a_data_set_is_told(manifest, videos):
    mine = videos["video_id"].str.startswith("celeb_df") & (videos["scorer"] == "net")
    videos = as_videos(videos.assign(fake_logit=videos["fake_logit"].mask(mine)))
    found = calibration.calibrate(manifest, videos, SETTINGS)
    told = where(found.thresholds, scorer="net", dataset="celeb_df")
    assert (told["note"].str.startswith("undefined with 0 real and 0 fake")).all()
    left = where(found.abstention, scorer="net", dataset="celeb_df")
    assert left["n"].tolist() == [0] * 10
    assert left["error_rate"].isna().all()


def test_few_clips_give_no_interval(manifest, videos):
    few = manifest.groupby(["dataset", "split", "label"]).cumcount() < FEWEST_CLUSTERS - 1
    manifest = manifest[few | (manifest["split"] == "val")]
    videos = videos[videos["video_id"].isin(manifest["video_id"])]
    found = calibration.calibrate(manifest, videos, SETTINGS)
    test = where(found.thresholds, split="test", dataset="celeb_df", criterion="eer")
    assert test["low"].isna().all()
    assert (test["note"] == "no interval from 4 independent clips of a class, fewer than 5").all()


def test_a_threshold_that_no_probability_can_hold_is_told_in_log_odds(manifest, videos):
    far = as_videos(videos.assign(fake_logit=videos["fake_logit"] + 60))
    found = calibration.calibrate(manifest, far, SETTINGS)
    eer = where(found.thresholds, scorer="net", criterion="eer", dataset="celeb_df")
    assert (eer["threshold"] == 1).all()
    assert eer["note"].str.contains("threshold in log-odds: (?:59|60)", regex=True).all()
    assert (where(eer, metric="accuracy")["value"] > 0.6).all()


def test_infinite_scores_of_majority_pooling_pass_through(manifest, videos):
    votes = np.sign(videos["fake_logit"]) * np.inf
    found = calibration.calibrate(manifest, as_videos(videos.assign(fake_logit=votes)), SETTINGS)
    eer = where(found.thresholds, scorer="sure", criterion="eer", dataset="celeb_df")
    assert not eer["value"].isna().any()
    loss = where(found.calibration, scorer="sure", dataset="celeb_df", variant="as scored")
    assert np.isinf(loss.set_index("metric").loc["log_loss", "value"])
