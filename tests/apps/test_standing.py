"""Which error rates stand behind a verdict: known ones of the same scorer, and no others."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import yaml

from deepbench import results
from deepbench.apps.detection import asking, standing
from deepbench.core import tables
from deepbench.core.verdicts import Model

ROOT = Path(__file__).parents[2]
DETECTORS = ["xception", "f3net"]
MODELS = [Model(n, n, f"{n}.pth", n[0] * 64, False, (), "float32") for n in DETECTORS]
REALS, FAKES = 20, 10
FALSE_ALARMS, MISSES = 5, 1  # planted


def write_lock(root, settings):
    """What dvc.lock says after `dvc repro` with these settings."""
    table = root / "artifacts/results.parquet"
    md5 = hashlib.md5(table.read_bytes(), usedforsecurity=False).hexdigest()
    recorded = {"faces": settings["faces"], "results": settings["results"]}
    stage = {
        "params": {"params.yaml": recorded},
        "outs": [{"path": "artifacts/results.parquet", "md5": md5}],
    }
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": {"results": stage}}), "utf-8")


def videos_of(media):
    """A manifest, and scores with the planted errors."""
    rows, scored = [], []
    for number in range(REALS + FAKES):
        fake = number >= REALS
        wrong = number < FALSE_ALARMS or number >= REALS + FAKES - MISSES
        video = f"v{number}"
        method = "fake" if fake else tables.REAL
        row = ("dfdc", "test", fake, method, video, media(number), video)
        rows.append(tables.VideoRow(video, *row))
        logit = 1.0 if fake != wrong else -1.0
        values = (video, "equal", logit, 0.5, 8, "")
        scored.append(dict(zip(tables.VIDEOS.columns, values, strict=True)))
    return tables.from_rows(tables.MANIFEST, rows), tables.from_rows(tables.VIDEOS, scored)


@pytest.fixture
def checkout(tmp_path):
    """Make a checkout in which `dvc repro` has measured the scorer `equal` on dfdc."""

    def make(media=lambda number: "video"):
        settings = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
        settings["detectors"] = DETECTORS
        ensemble = {"rule": "weighted_mean", "weights": dict.fromkeys(DETECTORS, 1)}
        settings["videos"]["ensembles"] = {"equal": ensemble}
        settings["results"]["replicates"] = 200
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
        asked = asking.ask(tmp_path, "equal", None)
        manifest, videos = videos_of(media)
        frames = tables.from_rows(tables.SCORES, [])
        runs = [{"detector": m.name, "weights_sha256": m.sha256} for m in MODELS]
        digests = results.digests(runs, asked.settings)
        table = results.evaluate(manifest, videos, frames, asked.settings, digests)
        artifacts = tmp_path / "artifacts"
        tables.write(tables.MANIFEST, manifest, artifacts / "manifest/dfdc.parquet")
        tables.write(tables.RESULTS, table, artifacts / "results.parquet")
        write_lock(tmp_path, settings)
        return tmp_path

    return make


def found(root, kind="video", models=MODELS, frames=None):
    return standing.find(asking.ask(root, "equal", frames), models, kind)


def test_the_rates_are_the_planted_ones(checkout):
    (rate,) = found(checkout()).rates
    value, low, high = rate.false_positive
    assert value == pytest.approx(FALSE_ALARMS / REALS)
    assert low < value < high
    value, low, high = rate.false_negative
    assert value == pytest.approx(MISSES / FAKES)
    assert low <= value < high
    assert (rate.n_real, rate.n_fake, rate.holds) == (REALS, FAKES, "videos")


def test_they_are_told_in_words(checkout):
    said = " ".join(found(checkout()).sentences)
    assert "dfdc (20 real and 10 fake videos): 25.0% [" in said
    assert "of the reals were called fake, and 10.0% [" in said
    assert "Nobody has measured whether this file is like it" in said


def test_without_results_there_are_none(checkout):
    root = checkout()
    (root / "artifacts/results.parquet").unlink()
    answer = found(root)
    assert answer.rates == ()
    assert answer.sentences[0].startswith(standing.NONE)
    assert "no results of its own" in answer.sentences[0]


def test_other_weights_have_none(checkout):
    other = [MODELS[0], MODELS[1]._replace(sha256="0" * 64)]
    answer = found(checkout(), models=other)
    assert answer.rates == ()
    assert "other weights or settings" in answer.sentences[0]
    assert "f3net 000000000000" in answer.sentences[0]


def test_other_frames_have_none(checkout):
    answer = found(checkout(), frames=32)
    assert answer.rates == ()
    assert "Here: test split, 32 uniform frames" in answer.sentences[0]


@pytest.mark.parametrize(
    ("block", "name", "value"),
    [("results", "threshold", 0.9), ("faces", "min_face", 20), ("faces", "confidence", 0.5)],
)
def test_settings_that_no_protocol_tells_are_compared_with_the_lock(checkout, block, name, value):
    root = checkout()
    settings = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    before = settings[block][name]
    settings[block][name] = value
    (root / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    answer = found(root)
    assert answer.rates == ()
    assert f"{block}.{name} {before} then, {value} here" in answer.sentences[0]


def test_the_number_of_workers_changes_nothing(checkout):
    root = checkout()
    settings = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    settings["faces"]["workers"] = 3
    (root / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    assert found(root).rates


def test_results_that_the_lock_does_not_know_are_not_trusted(checkout):
    root = checkout()
    (root / "dvc.lock").unlink()
    answer = found(root)
    assert answer.rates == ()
    assert "dvc.lock does not record" in answer.sentences[0]


def test_rates_of_videos_do_not_stand_behind_a_picture(checkout):
    answer = found(checkout(), kind="image")
    assert answer.rates == ()
    assert "on videos only (dfdc), and this is a picture" in answer.sentences[0]


def test_rates_of_both_are_told_as_such(checkout):
    answer = found(checkout(lambda number: "image" if number % 2 else "video"), kind="image")
    (rate,) = answer.rates
    assert rate.holds == "pictures and videos"
    assert "10 fake pictures and videos" in answer.sentences[1]


def test_a_rate_without_an_interval_says_why():
    rate = standing.Rate("dfdc", "videos", True, 3, 0, (0.5, np.nan, np.nan), (np.nan,) * 3, "few")
    said = standing.sentence(rate)
    assert "50.0% of the reals" in said
    assert "an undefined share of the fakes" in said
    assert "(few)" in said
    assert "the rendered people of the sample pack" in said
    assert "nan" not in said
