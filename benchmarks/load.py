"""One large data set from its list to the explorer: `python -m benchmarks.load`.

Tiny clips on disk are listed; of each, made-up scores of 50 frames by four detectors go through the
tables, with 50 weightings. Each step has a process of its own. Seconds are those of the processor,
which other work on the machine changes little. `benchmarks/scale.py` measures faces and scores.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks import scale
from deepbench.core import params, resources, tables

ROOT = Path(__file__).parents[1]
DATASET, METHODS, FRAMES, WEIGHTINGS = "folder", 1, 50, 50
DETECTORS = ("xception", "efficientnet_b4", "f3net", "effort")


class Cost(NamedTuple):
    """What a step took."""

    step: str
    videos: int
    seconds: float  # of the processor
    clock: float
    megabytes: float  # peak, libraries included


def settings(folder: Path) -> params.Params:
    """The shipped settings with one data set, four detectors and many weightings."""
    shipped = params.load(ROOT / "params.yaml")
    rng = np.random.default_rng(0)
    ensembles = {
        f"w{i:02d}": {
            "rule": "weighted_mean",
            "weights": dict(zip(DETECTORS, rng.random(4).round(3).tolist(), strict=True)),
        }
        for i in range(WEIGHTINGS)
    }
    made = shipped.model_dump(mode="json")
    made |= {"datasets": [DATASET], "detectors": list(DETECTORS), "development": ""}
    made["roots"] = {DATASET: {"path": str(folder / "data"), "watch": "data"}}
    made["videos"]["ensembles"] = ensembles
    made["frequency"]["scorer"] = False
    made["manifest"] |= {"splits": [], "compressions": [], "methods": []}
    (folder / "params.yaml").write_text(json.dumps(made), "utf-8")  # which is YAML, too
    return params.load(folder / "params.yaml")


def lay_out(clips: Path, folder: Path, count: int) -> None:
    """As many clips in the layout of a folder of one's own, half of them real."""
    for number in range(count):
        kind = "real" if number % 2 else f"fake/m{number // 2 % METHODS}"
        place = folder / "data" / kind
        place.mkdir(parents=True, exist_ok=True)
        os.link(clips / f"{number:05d}.mp4", place / f"{number:05d}.mp4")


def manifest(folder: Path) -> None:
    """Step 1: list what is on disk."""
    from deepbench import manifest as step

    chosen = settings(folder)
    built = step.build(DATASET, folder / "data", chosen.manifest)
    place = folder / f"artifacts/manifest/{DATASET}.parquet"
    tables.write(tables.MANIFEST, built.videos, place)


def made_up(folder: Path) -> None:
    """No step, but what the next ones read: ledger, faces without pictures, and scores."""
    listed = _listed(folder)
    n, rng = len(listed), np.random.default_rng(1)
    ids = listed["video_id"].to_numpy()
    counts = {
        f"frames_{c}": np.int32(FRAMES) for c in ("total", "expected", "decoded", "with_face")
    }
    ledger = pd.DataFrame({"video_id": ids, **counts, "other_faces": np.int32(0), "problem": ""})
    place = folder / f"artifacts/faces/{DATASET}"
    tables.write(tables.LEDGER, ledger, place / "ledger-00000.parquet")
    keys = {
        "video_id": np.repeat(ids, FRAMES),
        "frame": np.tile(np.arange(FRAMES, dtype=np.int32), n),
    }
    box, points = np.arange(4, dtype=np.float32), np.zeros(10, np.float32)
    faces = pd.DataFrame(keys).assign(
        time_s=np.float32(0), face=np.int16(0), box=[box] * (n * FRAMES),
        landmarks=[points] * (n * FRAMES), confidence=np.float32(1), sharpness=np.float32(9),
        png=b"",
    )  # fmt: skip
    tables.write(tables.FACES, faces, place / "faces-00000.parquet")
    fake = np.repeat(listed["label"].to_numpy(), FRAMES)
    for detector in DETECTORS:
        of_video = np.repeat(rng.normal(0, 1, n), FRAMES)
        logits = (fake - 0.5 + of_video + rng.normal(0, 1, len(fake))).astype(np.float32)
        scores = pd.DataFrame(keys).assign(face=np.int16(0), detector=detector, fake_logit=logits)
        run = folder / f"artifacts/scores/{DATASET}/{detector}"
        tables.write(tables.SCORES, scores, run / "scores-00000.parquet")
        run.with_suffix(".json").write_text(json.dumps({"detector": detector}), "utf-8")


def videos(folder: Path) -> None:
    """From frames to videos, and 50 weightings."""
    from deepbench import videos as step

    chosen, listed = settings(folder), _listed(folder)
    place = folder / f"artifacts/faces/{DATASET}"
    kept = ["video_id", "frame", "face", "box", "sharpness"]
    faces, ledger = (
        tables.read_columns(tables.FACES, kept, place),
        tables.read(tables.LEDGER, place),
    )
    reasons = dict.fromkeys(DETECTORS, "")
    pooled = step.pool(listed, ledger, faces, _scores(folder), chosen, reasons)
    table = pd.concat([pooled, step.combine(pooled, listed, chosen)])
    table = table.sort_values(["scorer", "video_id"], ignore_index=True)
    tables.write(tables.VIDEOS, table, folder / "artifacts/videos.parquet")


def results(folder: Path) -> None:
    """Every metric with its intervals, of videos and of frames."""
    from deepbench import results as step

    chosen = settings(folder)
    names = dict.fromkeys(chosen.scorers, "")
    table = step.evaluate(_listed(folder), _videos(folder), _scores(folder), chosen, names)
    tables.write(tables.RESULTS, table, folder / "artifacts/results.parquet")


def comparisons(folder: Path) -> None:
    """All pairs of scorers."""
    from deepbench import comparisons as step

    step.compare(_listed(folder), _videos(folder), settings(folder))


def ensembles(folder: Path) -> None:
    """What members add, agreement, oracle and all weights."""
    from deepbench import ensembles as step

    of = (_listed(folder), _videos(folder), settings(folder))
    for look in (step.contributions, step.agreement, step.oracle, step.simplex):
        look(*of)


def explore(folder: Path) -> None:
    """What the explorer computes when it is opened, and for 50 moves of its sliders."""
    from deepbench.apps.explore import checkout, videos_html
    from deepbench.apps.explore.videos import overview
    from deepbench.apps.explore.weights import Weighting, Workbench
    from deepbench.apps.explore.worth import worth

    stored = checkout.load(folder)
    bench = Workbench(stored)
    for ensemble in stored.settings.videos.ensembles.values():
        rivals = bench.rivals(Weighting("weighted_mean", ensemble.weights, "mean"))
        for cell in bench.cells:
            worth(rivals, cell, None)
    table = overview(stored, "w00", 0.5)
    videos_html.facts(stored, table["video_id"].iloc[0], 0.5)


def _listed(folder: Path) -> pd.DataFrame:
    return tables.read(tables.MANIFEST, folder / f"artifacts/manifest/{DATASET}.parquet")


def _videos(folder: Path) -> pd.DataFrame:
    return tables.read(tables.VIDEOS, folder / "artifacts/videos.parquet")


def _scores(folder: Path) -> pd.DataFrame:
    runs = (folder / f"artifacts/scores/{DATASET}/{name}" for name in DETECTORS)
    return tables.read(tables.SCORES, *runs)


STEPS = (manifest, made_up, videos, results, comparisons, ensembles, explore)


def measured(step: str, folder: Path, count: int) -> Cost:
    """One step in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.load", "--step", step, "--folder", str(folder)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return Cost(step, count, said["seconds"], said["clock"], said["megabytes"])


def run_here(step: str, folder: Path) -> dict[str, float]:
    """A step in this process; what its libraries take to load does not count."""
    function = next(one for one in STEPS if one.__name__ == step)
    start, clock = time.process_time(), time.perf_counter()
    function(folder)
    seconds, clock = time.process_time() - start, time.perf_counter() - clock
    return {"seconds": seconds, "clock": clock, "megabytes": resources.peak_memory()}


def table(costs: list[Cost]) -> str:
    """Seconds, memory and how both grow, a row per step."""
    sizes = sorted({cost.videos for cost in costs})
    of = {(cost.step, cost.videos): cost for cost in costs}
    head = [f"{n:,} videos" for n in sizes]
    lines = [["step", *head, "growth of seconds", "growth of memory"]]
    for step in dict.fromkeys(cost.step for cost in costs):
        rows = [of[step, n] for n in sizes]
        last = rows[-2:]
        cells = [f"{c.seconds:.1f} s ({c.clock:.1f}), {c.megabytes:,.0f} MB" for c in rows]
        grown = [_exponent(last, "seconds"), _exponent(last, "megabytes")]
        lines.append([step, *cells, *(f"{value:.2f}" for value in grown)])
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _exponent(rows: list[Cost], what: str) -> float:
    """1 is linear; of the last doubling."""
    before, after = (float(getattr(row, what)) for row in rows)
    return math.log(after / before) / math.log(rows[1].videos / rows[0].videos)


def main() -> None:
    """Measure all sizes, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, nargs="+", default=[1_250, 2_500, 5_000])
    parser.add_argument("--step")
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    if args.step:
        print(json.dumps(run_here(args.step, args.folder)))
        return
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="deepbench-load-") as name:
        clips = Path(name) / "clips"
        scale.make_clips(clips, max(args.videos))
        for count in args.videos:
            folder = Path(name) / str(count)
            lay_out(clips, folder, count)
            for step in STEPS:
                costs.append(measured(step.__name__, folder, count))
                print(costs[-1], file=sys.stderr, flush=True)
    load = resources.load()
    print(table(costs))
    print(f"\nload {load.one:.1f} (1 min), {load.fifteen:.1f} (15 min); {os.cpu_count()} CPUs")


if __name__ == "__main__":
    main()
