"""Comparisons: every pair once on the test split, ranks for all, and what is lost away."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from deepbench import comparisons
from deepbench.core import blocks, findings, params, tables
from deepbench.core.tables import VideoRow
from deepbench.statistics.metrics import DECISIONS, METRICS

SHIPPED = params.load(Path(__file__).parents[1] / "params.yaml")
DETECTORS = ["xception", "f3net", "effort"]
NAMES = [*DETECTORS, "pair"]
GAIN = {"xception": 0.5, "f3net": 0.5, "effort": 5.0, "pair": 2.0}
PAIR = blocks.Ensemble(rule="weighted_mean", weights={"xception": 1, "f3net": 1, "effort": 0})


def varied(block, **changes):
    return block.model_copy(update=changes)


SETTINGS = varied(
    SHIPPED,
    detectors=DETECTORS,
    external={},
    frequency=varied(SHIPPED.frequency, scorer=False),
    videos=varied(SHIPPED.videos, ensembles={"pair": PAIR}),
    results=varied(SHIPPED.results, replicates=400),
    comparisons=varied(SHIPPED.comparisons, metrics=["auc", "log_loss"]),
)
KEY = ["dataset", "method", "metric"]


def rows():
    kinds = [tables.REAL, "Deepfakes", "FaceSwap"]
    for i in range(150):
        # an original and its two fakes are one cluster
        kind, clip, split = kinds[i % 3], i // 3, "val" if i >= 120 else "test"
        yield VideoRow(f"ff/{i}", "ff", split, i % 3 > 0, kind, f"c{clip}", "video", f"{i}")
    for i in range(60):
        kind = "swap" if i % 2 else tables.REAL
        yield VideoRow(f"away/{i}", "away", "test", bool(i % 2), kind, f"a{i}", "video", f"{i}")
    for i in range(4):
        yield VideoRow(f"reals/{i}", "reals", "test", False, tables.REAL, f"r{i}", "image", f"{i}")


@pytest.fixture
def manifest():
    return tables.from_rows(tables.MANIFEST, list(rows()))


@pytest.fixture
def videos(manifest):
    rng = np.random.default_rng(5)
    signs = np.where(manifest["label"], 1.0, -1.0)
    parts = [
        pd.DataFrame(
            {
                "video_id": manifest["video_id"],
                "scorer": name,
                "fake_logit": signs * gain / 2 + rng.normal(size=len(manifest)),
            }
        )
        for name, gain in GAIN.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    table = table.assign(fake_prob=expit(table["fake_logit"]), frames_used=8, problem="")
    return table[list(tables.VIDEOS.columns)]


@pytest.fixture
def compared(manifest, videos):
    return comparisons.compare(manifest, videos, SETTINGS)


def only(table, **where):
    return table[(table[list(where)] == pd.Series(where)).all(axis=1)]


def test_every_pair_stands_once_in_the_order_of_the_settings(compared):
    tables.check(findings.COMPARISONS, compared.comparisons)
    groups = compared.comparisons.groupby(KEY)
    cells = {("ff", m) for m in ("all", "Deepfakes", "FaceSwap")} | {("away", "all")}
    cells |= {("reals", "all")}
    assert set(groups.groups) == {(*c, m) for c in cells for m in ("auc", "log_loss")}
    for _, pairs in groups:
        found = list(zip(pairs["scorer"], pairs["other"], strict=True))
        assert found == list(combinations(NAMES, 2))


def test_every_scorer_has_a_rank_or_a_reason(compared):
    tables.check(findings.RANKS, compared.ranks)
    for _, places in compared.ranks.groupby(KEY):
        assert places["scorer"].tolist() == NAMES
    assert ((compared.ranks["rank"] > 0) | (compared.ranks["note"] != "")).all()


def test_the_best_is_first_and_equals_are_tied(compared):
    places = only(compared.ranks, dataset="ff", method="all", metric="auc").set_index("scorer")
    assert places["rank"].to_dict() == {"effort": 1, "pair": 2, "xception": 3, "f3net": 3}
    assert places["tied"].to_dict() == {
        "effort": "",
        "pair": "",
        "xception": "f3net",
        "f3net": "xception",
    }


def test_values_are_differences_of_the_metrics_of_the_test_split(compared, manifest, videos):
    joined = manifest[manifest["split"] == "test"].merge(videos, on="video_id")
    joined = joined[(joined["dataset"] == "ff") & joined["method"].isin(["real", "FaceSwap"])]
    for metric in ("auc", "log_loss"):
        value = {
            name: METRICS[metric](
                own["label"].to_numpy(bool), own["fake_logit"].to_numpy(), np.ones((1, len(own)))
            )[0]
            for name, own in joined.groupby("scorer")
        }
        for row in only(
            compared.comparisons, dataset="ff", method="FaceSwap", metric=metric
        ).itertuples():
            assert row.value == pytest.approx(value[row.scorer] - value[row.other])
            assert (row.n_real, row.n_fake) == (40, 40)
            assert row.low <= row.value <= row.high


def test_each_data_set_method_and_metric_is_a_family_of_its_own(compared):
    for _, family in compared.comparisons.dropna(subset="p").groupby(KEY):
        smallest = family["p"].idxmin()
        assert family.loc[smallest, "p_holm"] == pytest.approx(min(1, 6 * family["p"].min()))


def test_delong_speaks_of_auc_alone(compared):
    tested = compared.comparisons.dropna(subset="p")
    assert (tested["p_delong"].notna() == (tested["metric"] == "auc")).all()


def test_data_of_one_class_give_notes_and_no_ranks(compared):
    nothing = only(compared.comparisons, dataset="reals", metric="auc")
    assert nothing["value"].isna().all()
    assert nothing[["low", "high", "p", "p_holm", "p_delong"]].isna().all(axis=None)
    assert (nothing["note"] == "undefined with 4 real and 0 fake").all()
    places = only(compared.ranks, dataset="reals", metric="auc")
    assert (places["rank"] == 0).all()
    assert (places["note"] == "undefined with 4 real and 0 fake").all()


def test_videos_outside_the_test_split_change_nothing(compared, manifest, videos):
    val = manifest["split"] == "val"
    flipped = manifest.assign(label=manifest["label"] ^ val)
    other = videos["fake_logit"].where(
        ~videos["video_id"].isin(manifest.loc[val, "video_id"]), -99.0
    )
    again = comparisons.compare(flipped, videos.assign(fake_logit=other), SETTINGS)
    pd.testing.assert_frame_equal(again.comparisons, compared.comparisons)
    pd.testing.assert_frame_equal(again.ranks, compared.ranks)
    known = {"effort": {"ff"}}
    pd.testing.assert_frame_equal(
        comparisons.transfer(flipped, videos.assign(fake_logit=other), SETTINGS, known),
        comparisons.transfer(manifest, videos, SETTINGS, known),
    )


def test_the_seed_alone_decides_what_is_drawn(compared, manifest, videos):
    again = comparisons.compare(manifest, videos, SETTINGS)
    pd.testing.assert_frame_equal(again.comparisons, compared.comparisons)
    mixed = videos.sample(frac=1, random_state=3)
    shuffled = comparisons.compare(manifest, mixed, SETTINGS)
    pd.testing.assert_frame_equal(shuffled.comparisons, compared.comparisons)
    other = comparisons.compare(manifest, videos, varied(SETTINGS, seed=5)).comparisons
    pd.testing.assert_series_equal(other["value"], compared.comparisons["value"])
    assert (other["low"] != compared.comparisons["low"]).any()


def test_lost_videos_are_left_out_pair_by_pair(manifest, videos):
    lost = (videos["scorer"] == "f3net") & videos["video_id"].isin(["ff/0", "ff/1"])
    holes = videos.assign(fake_logit=videos["fake_logit"].mask(lost))
    found = comparisons.compare(manifest, holes, SETTINGS)
    pairs = only(found.comparisons, dataset="ff", method="all", metric="auc")
    counts = pairs.set_index(["scorer", "other"])[["n_real", "n_fake"]]
    assert counts.loc[("xception", "effort")].tolist() == [40, 80]
    assert counts.loc[("xception", "f3net")].tolist() == [39, 79]


def test_a_scorer_without_scores_has_no_rank_and_the_others_say_so(manifest, videos):
    holes = videos.assign(fake_logit=videos["fake_logit"].mask(videos["scorer"] == "f3net"))
    found = comparisons.compare(manifest, holes, SETTINGS)
    places = only(found.ranks, dataset="ff", method="all", metric="auc").set_index("scorer")
    assert places["rank"].to_dict() == {"effort": 1, "pair": 2, "xception": 3, "f3net": 0}
    assert places.loc["f3net", "note"] == "undefined with 0 real and 0 fake"
    assert places.loc["effort", "note"] == "not compared with f3net"


def test_decisions_are_made_at_the_threshold(manifest, videos):
    settings = varied(
        SETTINGS,
        results=varied(SETTINGS.results, threshold=0.8),
        comparisons=varied(SETTINGS.comparisons, metrics=["balanced_accuracy"]),
    )
    found = comparisons.compare(manifest, videos, settings).comparisons
    row = only(found, dataset="away", scorer="xception", other="effort").iloc[0]
    joined = manifest[manifest["dataset"] == "away"].merge(videos, on="video_id")
    worth = {
        name: DECISIONS["balanced_accuracy"](
            own["label"].to_numpy(bool),
            own["fake_logit"].to_numpy() - logit(0.8),
            np.ones((1, len(own))),
        )[0]
        for name, own in joined.groupby("scorer")
    }
    assert row["value"] == pytest.approx(worth["xception"] - worth["effort"])


def test_videos_of_other_scorers_are_refused(manifest, videos):
    with pytest.raises(ValueError, match=r"has the scorers .* names .*'pair'.*dvc repro"):
        comparisons.compare(manifest, videos[videos["scorer"] != "pair"], SETTINGS)


def test_an_ensemble_was_trained_on_what_its_members_were():
    runs = [
        {"detector": "xception", "trained_on": ["ff"]},
        {"detector": "xception", "trained_on": ["ff"]},
        {"detector": "f3net", "trained_on": ["ff", "dfdc"]},
        {"detector": "effort", "trained_on": ["away"]},
    ]
    mixed = blocks.Ensemble(rule="weighted_mean", weights={"xception": 1, "bench": 1})
    ensembles = {"pair": PAIR, "mixed": mixed}
    settings = varied(SETTINGS, videos=varied(SETTINGS.videos, ensembles=ensembles))
    assert comparisons.training_sets(runs, settings) == {
        "xception": {"ff"},
        "f3net": {"ff", "dfdc"},
        "effort": {"away"},
        "pair": {"ff", "dfdc"},  # a weight of 0 is out
    }


@pytest.fixture
def transfer(manifest, videos):
    elsewhere = manifest.loc[manifest["dataset"] == "away", "video_id"]
    chance = (videos["scorer"] == "effort") & videos["video_id"].isin(elsewhere)
    noise = np.sin(np.arange(len(videos)) * 7.0)
    worse = videos.assign(fake_logit=videos["fake_logit"].where(~chance, noise))
    known = {"effort": {"ff"}, "xception": {"ff", "away"}, "f3net": {"elsewhere"}}
    return comparisons.transfer(manifest, worse, SETTINGS, known)


def test_transfer_has_each_home_with_each_data_set_away(transfer):
    tables.check(findings.TRANSFER, transfer)
    cells = transfer[["scorer", "home", "dataset"]].drop_duplicates()
    assert sorted(cells.itertuples(index=False, name=None)) == [
        ("effort", "ff", "away"),
        ("effort", "ff", "reals"),
        ("xception", "away", "reals"),
        ("xception", "ff", "reals"),
    ]
    assert set(transfer["metric"]) == {"auc", "log_loss"}


def test_transfer_is_away_minus_home_with_the_variance_of_both(transfer):
    row = only(transfer, scorer="effort", dataset="away", metric="auc").iloc[0]
    assert row["value"] == row["value_away"] - row["value_home"]
    assert row["value_home"] > 0.98
    assert row["low"] < row["value"] < row["high"] < -0.2
    assert (row["n_real"], row["n_fake"], row["note"]) == (30, 30, "")
    # 30 against 30 at chance: a standard deviation of 0.075
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * 0.075, rel=0.25)


@pytest.mark.parametrize("metric", ["auc", "log_loss"])
def test_transfer_to_data_of_one_class_has_a_note(transfer, metric):
    row = only(transfer, scorer="effort", dataset="reals", metric=metric).iloc[0]
    assert np.isnan([row["value"], row["low"], row["high"]]).all()
    assert row["note"] == "reals: undefined with 4 real and 0 fake"


def test_transfer_draws_the_data_sets_independently(manifest, videos):
    # two data sets with the same videos: had they the same draws, no replicate would differ
    twin = manifest[manifest["dataset"] == "away"]
    copies = [
        twin.assign(dataset=name, video_id=name + twin["video_id"]) for name in ("one", "two")
    ]
    scores = [
        videos[videos["video_id"].isin(twin["video_id"])].assign(
            video_id=lambda v, name=name: name + v["video_id"]
        )
        for name in ("one", "two")
    ]
    found = comparisons.transfer(
        pd.concat(copies), pd.concat(scores), SETTINGS, {"xception": {"one"}}
    )
    row = only(found, metric="auc").iloc[0]
    assert row["value"] == 0
    assert row["low"] < -0.05
    assert row["high"] > 0.05


def test_nothing_to_compare_gives_tables_with_their_columns(manifest, videos):
    none = comparisons.compare(manifest[manifest["split"] == "val"], videos, SETTINGS)
    tables.check(findings.COMPARISONS, none.comparisons)
    tables.check(findings.RANKS, none.ranks)
    tables.check(findings.TRANSFER, comparisons.transfer(manifest, videos, SETTINGS, {}))
    assert [len(table) for table in none] == [0, 0]
