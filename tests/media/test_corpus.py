"""Every odd or damaged file ends as crops or as one plain sentence, through the pipeline's road."""

import json
import re
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import corpus
import cv2
import numpy as np
import odd_pictures
import odd_videos
import pandas as pd
import pytest
import watch

from deepbench import faces, manifest
from deepbench.core import params, tables
from deepbench.media import clips, kinds

PARAMS = params.load(Path(__file__).parents[2] / "params.yaml")
# files that cannot be read are what this is about
ASKED = PARAMS.manifest.model_copy(update={"allow_incomplete": True})
SECONDS = 60.0  # for one file; none of the corpus takes 5 on an idle machine
MEGABYTES = 2000.0  # resident, libraries included
SEED = 20261128
# A crop is turned upright by its landmarks, which move a little with noise: lossy crops differ by
# 3 to 6 grey levels at edges, but by less than this in the mean of a colour.
COLOUR = 3.0
MOST_SILENT = 0.2  # of damaged files of formats that can tell; measured: 0.1 H.264, 0.2 MPEG-4
CHANGED = "grey levels off"
PLAIN = re.compile(r"[\w][^\n]*[^\n.]")  # a sentence of one line, without its full stop
JARGON = re.compile(r"Traceback|Error\b|errno|0x[0-9a-f]{4}|/tmp|\bNone\b|object at")


class Run(NamedTuple):
    """A corpus that has gone through manifest and faces."""

    cases: list[corpus.Case]
    videos: pd.DataFrame
    ledger: pd.DataFrame
    faces: pd.DataFrame
    notes: list[dict[str, float]]


def run(folder: Path, depth: int) -> Run:
    root, notes = folder / "folder", folder / "notes"
    cases = corpus.build(root, SEED, depth)
    (root / "fake").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "make", partial(watch.make, notes))
        patch.setattr(faces, "SECONDS", SECONDS)
        videos = manifest.build("folder", root, ASKED).videos
        ledger = faces.extract(videos, root, PARAMS.faces, folder / "out", folder / "contents")
    table = tables.read(tables.FACES, folder / "out")
    lines = notes.read_text("utf-8").splitlines()
    return Run(cases, videos, ledger, table, [json.loads(line) for line in lines])


def check(found: Run) -> None:
    """All that must hold of a run."""
    ids = [f"folder/real/{case.name}" for case in found.cases]
    assert sorted(ids) == list(found.videos["video_id"]) == list(found.ledger["video_id"])
    ledger = {row["video_id"]: row for row in found.ledger.to_dict("records")}
    crops = dict(list(found.faces.groupby("video_id")))
    wrong, silent, damaged = [], [], 0
    for video_id, case in zip(ids, found.cases, strict=True):
        own = crops.get(video_id, found.faces.head(0))
        like = crops.get(f"folder/real/{case.like}", found.faces.head(0))
        own_wrong = [f"{case.name!r}: {w}" for w in _wrong(case, ledger[video_id], own, like)]
        if case.faces is None and case.like not in corpus.MUTE:
            damaged += 1
            silent += [w for w in own_wrong if CHANGED in w]
        wrong += [w for w in own_wrong if case.faces is not None or CHANGED not in w]
    assert wrong == []
    assert len(silent) <= MOST_SILENT * damaged, silent
    assert {note["video_id"] for note in found.notes} == set(ids)
    slow = [note for note in found.notes if note["seconds"] > SECONDS / 2]
    large = [note for note in found.notes if not note["mb"] < MEGABYTES]
    assert (slow, large) == ([], [])


def _wrong(case: corpus.Case, row: dict, own: pd.DataFrame, like: pd.DataFrame) -> list[str]:
    """What is not as it must be of one file."""
    problem, with_face = row["problem"], row["frames_with_face"]
    wrong = []
    if not re.fullmatch(case.says, problem):
        wrong.append(f"says {problem!r}, not {case.says!r}")
    if problem and (not PLAIN.fullmatch(problem) or JARGON.search(problem)):
        wrong.append(f"not a plain sentence: {problem!r}")
    if case.faces is not None and with_face != case.faces:
        wrong.append(f"{with_face} frames with a face, not {case.faces}: {problem!r}")
    lost = with_face < row["frames_expected"] or not row["frames_expected"]
    if lost and not problem:
        wrong.append("frames without a face, and no sentence")
    if not with_face <= row["frames_decoded"] <= row["frames_expected"] <= row["frames_total"]:
        wrong.append(f"counts contradict each other: {row}")
    if with_face != own["frame"].nunique() or with_face != len(own):
        wrong.append(f"{len(own)} crops, {with_face} in the ledger")
    return [*wrong, *_wrong_crops(case, problem, own, like)]


def _wrong_crops(case: corpus.Case, problem: str, own: pd.DataFrame, like: pd.DataFrame):
    rows = list(own.itertuples())
    numbers = np.array([[*r.box, *r.landmarks, r.confidence, r.sharpness] for r in rows])
    still = case.name.endswith((".png", ".jpg", ".webp", ".bmp"))
    if not np.isfinite(numbers).all() or own["time_s"].isna().any() != (still and len(own) > 0):
        yield "a number is missing"
    if case.times and not np.allclose(own["time_s"], case.times, atol=0.0015):
        yield f"times {own['time_s'].tolist()}, not {case.times}"
    pictures = {r.frame: picture(r.png) for r in own.itertuples()}
    if any(p.shape != (256, 256, 3) for p in pictures.values()):
        yield "a crop of another size"
    if not case.like or (case.faces is None and problem):
        return
    wanted = {r.frame: picture(r.png) for r in like.itertuples()}
    if set(pictures) != set(wanted):
        yield f"frames {sorted(pictures)}, not {sorted(wanted)}"
        return
    apart = [np.abs(pictures[f] - wanted[f]).mean() for f in wanted]
    if max(apart, default=0.0) > case.off:
        yield f"crops are {max(apart):.2f} {CHANGED} {case.like}, more than {case.off}"
    tints = [np.abs((pictures[f] - wanted[f]).mean(axis=(0, 1))).max() for f in wanted]
    if case.faces is not None and max(tints) > COLOUR:
        yield f"colours are {max(tints):.2f} levels off"


def picture(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(np.float32)


def test_each_kind_of_odd_file_once(tmp_path):
    check(run(tmp_path, depth=1))


@pytest.mark.slow
def test_the_whole_corpus(tmp_path):
    found = run(tmp_path, depth=6)
    assert len(found.cases) >= 200
    check(found)


def test_the_same_seed_makes_the_same_damage(tmp_path):
    for place in "ab":
        (tmp_path / place).mkdir()
        for name in ("reference.mp4", "plain.mkv", "old.avi", "transport.mp4", "portrait.png"):
            (tmp_path / place / name).write_bytes(bytes(range(256)) * 40)
        for name in corpus.MUTE:
            (tmp_path / place / name).write_bytes(bytes(range(256)) * 40)
    one, two = (
        list(corpus._damaged(tmp_path / place, np.random.default_rng(SEED), 3)) for place in "ab"
    )
    assert one == two
    for case in one:
        assert (tmp_path / "a" / case.name).read_bytes() == (
            tmp_path / "b" / case.name
        ).read_bytes()
        assert (tmp_path / "a" / case.name).read_bytes() != bytes(range(256)) * 40


def small_set(*names: str) -> pd.DataFrame:
    rows = [
        tables.VideoRow(n, "t", "test", False, "real", n, "image" if "png" in n else "video", n)
        for n in names
    ]
    return tables.from_rows(tables.MANIFEST, rows)


def test_a_file_that_takes_too_long_costs_its_own_row(tmp_path, monkeypatch):
    odd_videos.endless(tmp_path / "endless.mkv", 20_000)
    assert (tmp_path / "endless.mkv").stat().st_size < 20e6
    for name in ("still.mkv", "another.mkv"):
        odd_videos.encode(tmp_path / name, [np.full((64, 64, 3), 90, np.uint8)])
    monkeypatch.setattr(faces, "SECONDS", 5.0)
    videos = small_set("still.mkv", "endless.mkv", "another.mkv")
    # nothing to load that might itself take seconds
    settings = PARAMS.faces.model_copy(update={"workers": 1, "crop": "whole"})
    start = time.perf_counter()
    ledger = faces.extract(videos, tmp_path, settings, tmp_path / "out", tmp_path / "contents")
    assert time.perf_counter() - start < 60
    assert list(ledger["problem"]) == ["", "took longer than 5 s", ""]
    assert list(ledger["frames_with_face"]) == [1, 0, 1]


@pytest.mark.slow
def test_a_picture_at_the_limit_stays_under_the_memory_limit(tmp_path, monkeypatch):
    side = int(kinds.MOST_PIXELS**0.5)
    odd_pictures.bomb(tmp_path / "large.png", side - side % 100, "RGB")
    monkeypatch.setattr(clips, "make", partial(watch.make, tmp_path / "notes"))
    videos = small_set("large.png")
    ledger = faces.extract(videos, tmp_path, PARAMS.faces, tmp_path / "out", tmp_path / "contents")
    assert list(ledger["problem"]) == ["no face found in 1 frame (confidence >= 0.9)"]
    assert json.loads((tmp_path / "notes").read_text("utf-8"))["mb"] < MEGABYTES
