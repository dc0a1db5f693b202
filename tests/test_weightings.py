"""Step ensembles: what each member adds, what they share, and that test labels choose nothing."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepbench import ensembles, videos
from deepbench.core import blocks, findings, params, tables
from deepbench.core.tables import VideoRow
from deepbench.statistics.comparisons import holm
from deepbench.statistics.metrics import METRICS

SHIPPED = params.load(Path(__file__).parents[1] / "params.yaml")
GAIN = {"xception": 0.0, "f3net": 0.0, "effort": 5.0, "elsewhere": 1.0}
RULES = ("weighted_mean", "weighted_log_odds", "median", "max", "rank_mean", "stack")
ESTIMATE = ["value", "low", "high", "p", "p_holm"]


def varied(block, **changes):
    return block.model_copy(update=changes)


def weighting(rule, **weights):
    return blocks.Ensemble(rule=rule, weights=weights)


EQUAL = weighting("weighted_mean", xception=2, f3net=2, effort=2)
SETTINGS = varied(
    SHIPPED,
    datasets=["ff", "away", "reals"],
    development="ff",
    detectors=["xception", "f3net", "effort"],
    frequency=varied(SHIPPED.frequency, scorer=False),
    external={"elsewhere": blocks.External(path="scores.csv")},
    videos=varied(
        SHIPPED.videos,
        min_detectors=2,
        ensembles={
            "equal": EQUAL,
            "tilted": weighting("weighted_mean", xception=1, f3net=0, effort=3),
            "stack": weighting("stack", xception=1, f3net=1, effort=1, elsewhere=1),
        },
    ),
    results=varied(SHIPPED.results, replicates=2000),
    ensembles=varied(SHIPPED.ensembles, simplex_steps=4),
)

SINGLES = [name for name in SETTINGS.scorers if name not in SETTINGS.videos.ensembles]


def rows():
    for i in range(200):
        split, fake = "val" if i >= 120 else "test", bool(i % 2)
        method = "swap" if fake else tables.REAL
        yield VideoRow(f"ff/{i}", "ff", split, fake, method, f"c{i // 2}", "video", f"{i}")
    for i in range(60):
        method = "swap" if i % 2 else tables.REAL
        yield VideoRow(f"away/{i}", "away", "test", bool(i % 2), method, f"a{i}", "video", f"{i}")
    for i in range(6):
        yield VideoRow(f"reals/{i}", "reals", "test", False, tables.REAL, f"r{i}", "image", f"{i}")


def table(video_ids, scorer, logits):
    """Rows of the table videos."""
    values = {"fake_logit": logits, "fake_prob": expit(logits), "frames_used": np.int32(8)}
    return pd.DataFrame({"video_id": video_ids, "scorer": scorer, **values, "problem": ""})


@pytest.fixture
def manifest():
    return tables.from_rows(tables.MANIFEST, list(rows()))


@pytest.fixture
def pooled(manifest):
    rng = np.random.default_rng(5)
    signs = np.where(manifest["label"], 1.0, -1.0)
    parts = [
        table(
            manifest["video_id"],
            name,
            signs * GAIN.get(name, 0) / 2 + rng.normal(size=len(manifest)),
        )
        for name in SINGLES
    ]
    return pd.concat(parts, ignore_index=True)


def combined(pooled, manifest, settings=SETTINGS):
    parts = [pooled, videos.combine(pooled, manifest, settings)]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def scored(pooled, manifest):
    return combined(pooled, manifest)


@pytest.fixture
def found(manifest, scored):
    return ensembles.contributions(manifest, scored, SETTINGS)


def only(frame, **where):
    for column, value in where.items():
        frame = frame[frame[column] == value]
    return frame


def row(frame, **where):
    chosen = only(frame, **where)
    assert len(chosen) == 1, where
    return chosen.iloc[0]


def logits_of(scored, scorer, manifest, dataset, split="test"):
    videos_of = only(manifest, dataset=dataset, split=split)
    own = only(scored, scorer=scorer).set_index("video_id").loc[videos_of["video_id"]]
    return videos_of["label"].to_numpy(), own["fake_logit"].to_numpy()


def auc(labels, logits):
    return METRICS["auc"](labels, logits, np.ones((1, len(labels))))[0]


def flipped(manifest, split):
    turned = manifest["label"] ^ (manifest["split"] == split)
    method = np.where(turned, "swap", tables.REAL)
    return manifest.assign(label=turned, method=method)


def test_every_comparison_is_there_once(found):
    tables.check(findings.CONTRIBUTIONS, found)
    best = ["best single: effort", "best single in hindsight: effort"]
    expected = {
        "equal": ["without xception", "without f3net", "without effort", *best],
        "tilted": ["without xception", "without effort", *best, "equal weights"],
        "stack": [f"without {name}" for name in GAIN] + [*best, "equal weights"],
    }
    for (_, _, name), rivals in found[found["dataset"] != "reals"].groupby(
        ["dataset", "metric", "ensemble"]
    ):
        assert list(rivals["against"]) == expected[name]
    assert set(found["metric"]) == {"auc", "log_loss"}
    assert set(found["dataset"]) == {"ff", "away", "reals"}


def test_a_difference_is_the_ensemble_minus_its_rival(found, manifest, scored):
    for name in SETTINGS.videos.ensembles:
        labels, mine = logits_of(scored, name, manifest, "away")
        _, single = logits_of(scored, "effort", manifest, "away")
        _, equal = logits_of(scored, "equal", manifest, "away")
        own = only(found, dataset="away", metric="auc", ensemble=name)
        against = row(own, against="best single: effort")
        assert against["value"] == pytest.approx(auc(labels, mine) - auc(labels, single))
        assert (against["n_real"], against["n_fake"]) == (30, 30)
        if name != "equal":
            against = row(own, against="equal weights")
            assert against["value"] == pytest.approx(auc(labels, mine) - auc(labels, equal))


@pytest.mark.parametrize("rule", RULES)
def test_without_a_member_is_the_rule_refitted_on_the_others(rule, pooled, manifest):
    all_of = weighting(rule, xception=1, f3net=1, effort=1)
    fewer = weighting(rule, xception=1, f3net=0, effort=1)
    chosen = varied(SETTINGS.videos, ensembles={"all": all_of, "fewer": fewer})
    settings = varied(SETTINGS, videos=chosen)
    scored = combined(pooled, manifest, settings)
    found = ensembles.contributions(manifest, scored, settings)
    labels, mine = logits_of(scored, "all", manifest, "away")
    _, other = logits_of(scored, "fewer", manifest, "away")
    own = row(found, dataset="away", metric="auc", ensemble="all", against="without f3net")
    assert own["value"] == pytest.approx(auc(labels, mine) - auc(labels, other), abs=1e-12)


def test_the_only_informative_member_is_worth_much_and_a_useless_one_nothing(found):
    own = only(found, dataset="ff", metric="auc", ensemble="stack")
    assert row(own, against="without effort")["value"] > 0.2
    assert row(own, against="without effort")["p_holm"] < 0.05
    useless = row(own, against="without xception")
    assert abs(useless["value"]) < 0.01
    assert useless["low"] <= 0 <= useless["high"]


def test_a_member_that_only_doubles_another_is_worth_nothing(pooled, manifest):
    one = pooled["scorer"] == "xception"
    doubled = only(pooled, scorer="f3net").assign(scorer="xception")
    pooled = pd.concat([doubled, pooled[~one]], ignore_index=True)
    pair = weighting("weighted_mean", xception=1, f3net=1, effort=0)
    relaxed = varied(SETTINGS.videos, min_detectors=1, ensembles={"pair": pair})
    settings = varied(SETTINGS, videos=relaxed)
    scored = combined(pooled, manifest, settings)
    found = ensembles.contributions(manifest, scored, settings)
    own = row(found, dataset="ff", metric="auc", against="without xception")
    assert (own["value"], own["low"], own["high"], own["p"]) == (0.0, 0.0, 0.0, 1.0)
    agreed = ensembles.agreement(manifest, scored, settings)
    same = row(agreed, dataset="ff", detector="xception", other="f3net")
    assert (same["agreement"], same["error_correlation"], same["q"]) == (1.0, 1.0, 1.0)


def test_p_is_corrected_within_data_set_and_metric(found):
    for _, family in found.groupby(["dataset", "metric"]):
        np.testing.assert_allclose(family["p_holm"], holm(family["p"].to_numpy()))


def test_too_few_members_left_is_undefined_with_a_reason(found):
    own = row(found, dataset="ff", metric="auc", ensemble="tilted", against="without xception")
    assert own[ESTIMATE].isna().all()
    assert own["n_real"] == own["n_fake"] == 0
    assert "1 would be left, videos.min_detectors is 2" in own["note"]


def test_one_class_is_undefined_with_a_reason_but_has_a_log_loss(found, manifest, scored):
    reals = only(found, dataset="reals")
    areas = only(reals, metric="auc")
    assert areas[ESTIMATE].isna().all(axis=None)
    assert (areas["note"] != "").all()
    hindsight = only(areas, against="best single in hindsight: none")
    assert hindsight["note"].str.contains("none could be chosen").all()
    labels, mine = logits_of(scored, "equal", manifest, "reals")
    _, single = logits_of(scored, "effort", manifest, "reals")
    loss = [METRICS["log_loss"](labels, own, np.ones((1, 6)))[0] for own in (mine, single)]
    known = row(reals, metric="log_loss", ensemble="equal", against="best single: effort")
    assert known["value"] == pytest.approx(loss[0] - loss[1])
    assert "undefined" not in known["note"]


@pytest.mark.parametrize("rule", RULES)
def test_test_labels_choose_and_fit_nothing(rule, pooled, manifest):
    learnt = varied(
        SETTINGS.videos, ensembles={"one": weighting(rule, xception=1, f3net=1, effort=1)}
    )
    settings = varied(SETTINGS, videos=learnt)
    scored = combined(pooled, manifest, settings)
    found = ensembles.contributions(manifest, scored, settings)
    other = ensembles.contributions(flipped(manifest, "test"), scored, settings)
    chosen = ~found["against"].str.contains("hindsight") & (found["dataset"] != "reals")
    here, there = found[chosen], other[~other["against"].str.contains("hindsight")]
    there = there[there["dataset"] != "reals"]
    assert list(here["against"]) == list(there["against"])
    assert "best single: effort" in set(here["against"])
    # the same scores against turned labels: every AUC is 1 - itself
    areas = here["metric"].to_numpy() == "auc"
    np.testing.assert_allclose(here["value"][areas], -there["value"][areas], atol=1e-12)


def test_development_labels_choose_the_best_single(scored, manifest):
    turned = ensembles.contributions(flipped(manifest, "val"), scored, SETTINGS)
    own = only(turned, dataset="ff", metric="auc", ensemble="equal")
    chosen = own["against"].str.extract(r"best single: (\w+)")[0].dropna().tolist()
    assert len(chosen) == 1
    assert chosen != ["effort"]
    assert "best single in hindsight: effort" in set(own["against"])


@pytest.mark.parametrize("fakes", [True, False])
def test_without_a_development_split_of_both_classes_no_best_single_is_named(
    fakes, pooled, manifest
):
    gone = (manifest["split"] == "val") & (~manifest["label"] if fakes else True)
    manifest = manifest[~gone]
    pooled = pooled[pooled["video_id"].isin(manifest["video_id"])]
    found = ensembles.contributions(manifest, combined(pooled, manifest), SETTINGS)
    none = only(found, against="best single: none", dataset="ff")
    assert len(none) == 6
    assert none[ESTIMATE].isna().all(axis=None)
    count = 40 if fakes else 0
    assert none["note"].str.contains(f"0 real and {count} fake videos that all scored").all()


def test_a_scorer_with_few_videos_is_named_and_not_chosen(pooled, manifest):
    strong = pooled["scorer"] == "elsewhere"
    labels = manifest.set_index("video_id").loc[pooled["video_id"], "label"].to_numpy()
    few = pooled["video_id"].str.extract(r"(\d+)$")[0].astype(int) % 10 < 2
    perfect = np.where(few, np.where(labels, 9.0, -9.0), np.nan)
    pooled = pooled.assign(fake_logit=np.where(strong, perfect, pooled["fake_logit"]))
    scored = combined(pooled, manifest)
    found = ensembles.contributions(manifest, scored, SETTINGS)
    own = row(
        found, dataset="away", metric="auc", ensemble="equal",
        against="best single in hindsight: effort",
    )  # fmt: skip
    assert "without elsewhere: scored less than half as many videos" in own["note"]
    bound = row(ensembles.oracle(manifest, scored, SETTINGS), dataset="away", metric="auc")
    assert (bound["n_real"], bound["n_fake"]) == (30, 30)


def test_agreement_of_all_pairs_on_common_videos(pooled, manifest):
    lost = (pooled["scorer"] == "effort") & (pooled["video_id"] == "away/0")
    pooled = pooled.assign(fake_logit=pooled["fake_logit"].mask(lost))
    agreed = ensembles.agreement(manifest, combined(pooled, manifest), SETTINGS)
    tables.check(findings.AGREEMENT, agreed)
    counts = agreed[["both_right", "only_detector", "only_other", "both_wrong"]].sum(axis=1)
    sizes = {"ff": 120, "away": 60, "reals": 6}
    for dataset, own in agreed.groupby("dataset"):
        assert list(zip(own["detector"], own["other"], strict=True)) == list(
            combinations(SINGLES, 2)
        )
        fewer = (own["detector"] == "effort") | (own["other"] == "effort")
        expected = np.where(fewer & (dataset == "away"), sizes[dataset] - 1, sizes[dataset])
        np.testing.assert_array_equal(counts[own.index], expected)


def test_the_oracle_is_above_every_member_and_says_what_it_bounds(manifest, scored):
    bounds = ensembles.oracle(manifest, scored, SETTINGS)
    tables.check(findings.ORACLE, bounds)
    for dataset in ("ff", "away"):
        own = row(bounds, dataset=dataset, metric="auc")
        singles = {name: auc(*logits_of(scored, name, manifest, dataset)) for name in GAIN}
        assert own["best_single"] == max(singles, key=singles.get)
        assert own["value_single"] == pytest.approx(max(singles.values()))
        assert own["value"] >= own["value_single"]
        assert own["low"] <= own["value"] <= own["high"]
        assert "not a stack" in own["note"]
    reals = row(bounds, dataset="reals", metric="auc")
    assert np.isnan(reals["value"])
    assert reals["best_single"] == ""
    assert "undefined with 6 real and 0 fake" in reals["note"]
    assert "bounds" not in reals["note"]
    assert 0 <= row(bounds, dataset="reals", metric="accuracy")["value"] <= 1


def test_the_map_covers_test_splits_and_the_development_split(manifest, scored):
    found = ensembles.simplex(manifest, scored, SETTINGS)
    tables.check(findings.SIMPLEX, found)
    maps = set(map(tuple, found[["dataset", "split"]].drop_duplicates().to_numpy()))
    assert maps == {("ff", "test"), ("ff", "val"), ("away", "test"), ("reals", "test")}
    assert (found.groupby(["dataset", "split"]).size() == 15 * 3).all()
    for split in ("test", "val"):
        for name in SETTINGS.detectors:
            corner = row(found, dataset="ff", split=split, detector=name, weight=1.0)
            assert corner["auc"] == pytest.approx(
                auc(*logits_of(scored, name, manifest, "ff", split))
            )
    reals = only(found, dataset="reals")
    assert reals["auc"].isna().all()
    assert reals["flat"].all()


def test_one_detector_has_no_map(manifest, pooled):
    alone = varied(
        SETTINGS, detectors=["effort"], external={}, videos=varied(SETTINGS.videos, ensembles={})
    )
    found = ensembles.simplex(manifest, pooled[pooled["scorer"].isin(alone.scorers)], alone)
    tables.check(findings.SIMPLEX, found)
    assert found.empty


def test_no_ensemble_gives_empty_contributions(manifest, pooled):
    none = varied(SETTINGS, videos=varied(SETTINGS.videos, ensembles={}))
    found = ensembles.contributions(manifest, pooled, none)
    tables.check(findings.CONTRIBUTIONS, found)
    assert found.empty


def test_a_table_of_other_scorers_is_refused(manifest, pooled):
    with pytest.raises(
        ValueError, match=r"holds \['effort', .*\], params.yaml .*'stack'.* dvc repro"
    ):
        ensembles.agreement(manifest, pooled, SETTINGS)


def test_the_same_seed_gives_the_same_table(found, manifest, scored):
    again = ensembles.contributions(manifest, scored, SETTINGS)
    pd.testing.assert_frame_equal(found, again)
