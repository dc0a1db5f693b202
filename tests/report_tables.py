"""A small made-up run of the whole pipeline, as the tables that the report reads."""

import io
import json
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import gradcam_tables
import numpy as np
import pandas as pd
import report_analyses
import yaml
from PIL import Image
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score

from deepbench.core import evidence, gaps, params, tables
from deepbench.reporting import analyses, gallery
from deepbench.reporting.analyses import Explanations
from deepbench.reporting.inputs import Component, Exhibit, Inputs, ScoreRun
from deepbench.reporting.provenance import State
from deepbench.statistics import deepfakebench

ROOT = Path(__file__).parents[1]
METHODS = {
    "faceforensics": ["Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"],
    "celeb_df": ["Celeb-synthesis"],
    "dfdc": ["fake"],
    "folder": [],  # reals alone: the AUC is undefined
}
SKILL = {"xception": 1.6, "efficientnet_b4": 1.1, "f3net": 0.2, "effort": 2.4, "frequency": 0.6}
HOSTILE = "folder/<script>alert('x')</script>"
UNREADABLE = "the file ends after 0 frames; copy it again"
FACELESS = "no face of at least 40 px in any of 8 frames"
SHORT = "1 of 4 detectors scored it, 2 are needed"
ONE_CLASS = report_analyses.ONE_CLASS
FRAMES = 8  # per video, whatever params.yaml says


def manifest() -> pd.DataFrame:
    rows = []
    for dataset, methods in METHODS.items():
        for split, count in (("val", 4), ("test", 16)):
            for method in [tables.REAL, *methods]:
                for i in range(count):
                    video = f"{dataset}/{method}/{split}_{i:03d}"
                    if (dataset, split, i) == ("folder", "test", 0):
                        video = HOSTILE
                    rows.append(
                        tables.VideoRow(
                            video, dataset, split, method != "real", method, f"{dataset}/{i}",
                            "video", f"{video}{'' if method == tables.REAL else '_fake'}.mp4",
                        )
                    )  # fmt: skip
    return tables.from_rows(tables.MANIFEST, rows)


def ledger(videos: pd.DataFrame) -> pd.DataFrame:
    lost = {"dfdc/real/test_000": (0, 0, UNREADABLE), "celeb_df/real/test_001": (8, 0, FACELESS)}
    rows = []
    for video in videos["video_id"]:
        decoded, faces, problem = lost.get(video, (8, 8, ""))
        rows.append(
            {
                "video_id": video,
                "frames_total": 300,
                "frames_expected": 8,
                "frames_decoded": decoded,
                "frames_with_face": faces,
                "other_faces": 0,
                "problem": problem,
            }
        )
    return tables.from_rows(tables.LEDGER, rows)


def scored(videos: pd.DataFrame, losses: pd.DataFrame, settings: params.Params) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    problem = losses.set_index("video_id")["problem"]
    logits = {}
    for detector in settings.framewise:
        noise = rng.normal(0, 1.2, len(videos))
        logits[detector] = np.where(videos["label"], SKILL[detector], -SKILL[detector]) / 2 + noise
    for place, (name, ensemble) in enumerate(settings.videos.ensembles.items()):
        weights = ensemble.weights
        mean = sum(w * logits[d] for d, w in weights.items()) / sum(weights.values())
        logits[name] = mean + place / 100
    rows = []
    for scorer, values in logits.items():
        for video, value in zip(videos["video_id"], values, strict=True):
            said = problem[video]
            if video == "dfdc/fake/test_003" and scorer in ("equal", "effort_half"):
                said = SHORT
            logit = float("nan") if said else float(value)
            rows.append(
                {
                    "video_id": video,
                    "scorer": scorer,
                    "fake_logit": logit,
                    "fake_prob": float(expit(logit)),
                    "frames_used": 0 if said else 8,
                    "problem": said,
                }
            )
    return tables.from_rows(tables.VIDEOS, rows)


def frame_scores(pooled: pd.DataFrame, settings: params.Params) -> pd.DataFrame:
    """Two frames per scored video, around the video's score."""
    known = pooled[pooled["scorer"].isin(settings.framewise)].dropna(subset="fake_logit")
    parts = [
        known[["video_id"]].assign(
            frame=frame, face=0, detector=known["scorer"], fake_logit=known["fake_logit"] + shift
        )
        for frame, shift in ((0, -0.5), (30, 0.5))
    ]
    columns = list(tables.SCORES.columns)
    return pd.concat(parts)[columns].astype({"fake_logit": "float32"})


def results(videos: pd.DataFrame, pooled: pd.DataFrame) -> pd.DataFrame:
    facts = videos[videos["split"] == "test"].merge(pooled, on="video_id")
    rows = []
    for (scorer, dataset), group in facts.groupby(["scorer", "dataset"]):
        several = METHODS[dataset] if len(METHODS[dataset]) > 1 else []
        for method in ["all", *several]:
            part = group[group["method"].isin(["real", method])] if method != "all" else group
            for level in ("video", "frame") if method == "all" else ("video",):
                rows += _metrics(part, (scorer, dataset, method, level))
    return tables.from_rows(tables.RESULTS, rows)


def _metrics(part: pd.DataFrame, place: tuple[str, str, str, str]) -> list[dict[str, object]]:
    known = part.dropna(subset="fake_prob")
    fakes = int(known["label"].sum())
    reals = len(known) - fakes
    both = bool(fakes and reals)
    label, prob = known["label"], known["fake_prob"]
    scorer, dataset, method, level = place
    auc = roc_auc_score(label, prob) if both else np.nan
    lost = len(part) - len(known)
    values = {
        "auc": auc,
        "ap": average_precision_score(label, prob) if both else np.nan,
        "log_loss": np.inf if scorer == "f3net" else 0.6,
        "accuracy": float(((prob > 0.5) == label).mean()),
        "ece": 0.08,
        "true_fake": float((label & (prob > 0.5)).sum()),
    }
    bounds = {"auc_delong": auc, "auc_lost_best": auc + lost / 50, "auc_lost_worst": auc - 0.05}
    if level == "video":
        values |= bounds
    rows = []
    for metric, value in values.items():
        bound = metric.startswith("auc_lost")
        note = f"undefined with {reals} real and {fakes} fake" if np.isnan(value) else ""
        rows.append(
            {
                "scorer": scorer, "dataset": dataset, "method": method, "level": level,
                "metric": metric, "value": float(value),
                "low": np.nan if bound else float(max(0, value - 0.09)),
                "high": np.nan if bound else float(min(1, value + 0.07)),
                "plain_low": np.nan if bound else float(max(0, value - 0.06)),
                "plain_high": np.nan if bound else float(min(1, value + 0.05)),
                "n_real": reals, "n_fake": fakes, "n_missing": lost,
                "protocol": "test split, 8 uniform frames, face: track, crop: aligned",
                "note": note or ("no interval: a bound" if bound else ""),
            }
        )  # fmt: skip
    return rows


def faces(pooled: pd.DataFrame, settings: params.Params) -> pd.DataFrame:
    """A crop for every scored frame: a flat colour that differs from video to video."""
    keys = frame_scores(pooled, settings)[["video_id", "frame", "face"]].drop_duplicates()
    rows = []
    for number, (video, frame, face) in enumerate(keys.itertuples(index=False)):
        buffer = io.BytesIO()
        colour = (40 + number % 200, 90, frame + 100)
        Image.new("RGB", (16, 16), colour).save(buffer, format="PNG")
        rows.append(
            {
                "video_id": video, "frame": frame, "time_s": 0.0, "face": face, "box": [0.0] * 4,
                "landmarks": [0.0] * 10, "confidence": 1.0, "sharpness": 9.0,
                "png": buffer.getvalue(),
            }
        )  # fmt: skip
    return tables.from_rows(tables.FACES, rows)


def write_faces(crops: pd.DataFrame, folder: Path) -> None:
    """Two shards per data set."""
    for dataset, own in crops.groupby(crops["video_id"].str.partition("/")[0]):
        half = len(own) // 2
        for place, part in enumerate((own.iloc[:half], own.iloc[half:])):
            tables.write(tables.FACES, part, folder / f"{dataset}/faces-{place:05d}.parquet")


def exhibits(
    settings: params.Params, videos: pd.DataFrame, pooled: pd.DataFrame
) -> tuple[Exhibit, ...]:
    scores = frame_scores(pooled, settings)
    with tempfile.TemporaryDirectory() as folder:
        write_faces(faces(pooled, settings), Path(folder))
        sources = gallery.Sources(videos, pooled, scores)
        return gallery.exhibits(settings, sources, Path(folder))


def inputs(demo: bool = True, samples: tuple[str, ...] = tuple(METHODS)) -> Inputs:
    """The run, with demo or published weights, on sample packs of these data sets."""
    base = _once()
    weights = "demo weights" if demo else "the published file"
    runs = tuple(replace(run, weights=weights, demo=demo) for run in base.runs)
    return replace(base, runs=runs, samples=samples)


@cache
def _once() -> Inputs:
    return anew()


def anew() -> Inputs:
    """What `inputs()` holds, made from nothing: takes seconds."""
    shipped = params.load(ROOT / "params.yaml")
    faces_block = shipped.faces.model_copy(update={"frames": FRAMES})
    settings = shipped.model_copy(update={"faces": faces_block})
    videos = manifest()
    losses = ledger(videos)
    pooled = scored(videos, losses, settings)
    scores = frame_scores(pooled, settings)
    runs = tuple(
        ScoreRun(
            dataset, detector, f"{detector}_best.pth", f"{number}a" * 32,
            "demo weights", True, "float32", "published", "cpu",
            Component(detector.title(), "Authors, a paper, 2020", ("faceforensics",)),
        )
        for dataset in settings.datasets
        for number, detector in enumerate(settings.framewise)
    )  # fmt: skip
    names = {name: Component(name.title(), "Authors, a paper, 2019") for name in METHODS}
    names |= {run.detector: run.card for run in runs}
    data = {name: f"{i}b" * 16 for i, name in enumerate(settings.datasets)}
    return Inputs(
        settings=settings,
        manifest=videos,
        ledger=losses,
        videos=pooled,
        results=results(videos, pooled),
        published=deepfakebench.published_protocol(
            videos, scores[scores["detector"].isin(settings.detectors)]
        ),
        analyses=report_analyses.made(settings, videos, pooled),
        explanations=Explanations(
            gradcam_tables.maps_of(*settings.detectors),
            gradcam_tables.checks_of(*settings.detectors),
        ),
        exhibits=exhibits(settings, videos, pooled),
        external=(),
        runs=runs,
        components=names,
        samples=tuple(METHODS),
        gaps=dict.fromkeys(METHODS, ()),
        state=State("c0ffee" * 10 + "c0de", "sha256 of the stages in dvc.lock", data),
    )


def checkout(root: Path) -> Inputs:
    """Write the same run as files of a checkout."""
    made = inputs()
    values = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    values["faces"]["frames"] = FRAMES
    # the order of ensembles tells which one the galleries show
    (root / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
    artifacts = root / "artifacts"
    for name in METHODS:
        own = made.manifest[made.manifest["dataset"] == name]
        tables.write(tables.MANIFEST, own, artifacts / f"manifest/{name}.parquet")
        gaps.write(list(made.gaps[name]), artifacts / f"manifest/{name}.json")
        losses = made.ledger[made.ledger["video_id"].isin(own["video_id"])]
        tables.write(tables.LEDGER, losses, artifacts / f"faces/{name}/ledger-00000.parquet")
    scores = frame_scores(made.videos, made.settings)
    for run in made.runs:
        path = artifacts / f"{made.settings.scores_file(run.dataset, run.detector)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        apart = ("dataset", "weights", "device", "card")
        facts = {k: v for k, v in vars(run).items() if k not in apart} | vars(run.card)
        published = {"published_file": run.weights_file, "published_sha256": ""}
        path.write_text(json.dumps(facts | published | {"device_kind": "cpu"}))
        of_run = (scores["detector"] == run.detector) & scores["video_id"].str.startswith(
            f"{run.dataset}/"
        )
        tables.write(tables.SCORES, scores[of_run], path.with_suffix("") / "scores-00000.parquet")
    tables.write(tables.VIDEOS, made.videos, artifacts / "videos.parquet")
    tables.write(tables.RESULTS, made.results, artifacts / "results.parquet")
    write_faces(faces(made.videos, made.settings), artifacts / "faces")
    found = analyses.frames(made.analyses)
    for path, table in analyses.FILES.items():
        tables.write(table, found[table.name], root / path)
    for name in made.settings.detectors:
        for table, frame in (
            (evidence.GRADCAM, made.explanations.maps),
            (evidence.MAP_CHECKS, made.explanations.checks),
        ):
            own = frame[frame["detector"] == name]
            tables.write(table, own, artifacts / f"gradcam/{name}/{table.name}.parquet")
    timing = {"stage": "scores@dfdc-xception", "seconds": 12.5}
    (artifacts / "timings").mkdir()
    (artifacts / "timings/scores@dfdc-xception.json").write_text(json.dumps(timing))
    lock(root)
    return made


def lock(root: Path, results_md5: str = "11", report_md5: str = "22") -> None:
    """A dvc.lock of a few stages."""
    watched = yaml.safe_load((ROOT / "params.yaml").read_text())["roots"]["dfdc"]["watch"]
    stages = {
        "manifest@dfdc": {"cmd": "a", "deps": [{"path": watched, "md5": "dada.dir"}]},
        "scores@dfdc-xception": {"cmd": "b"},
        "results": {"outs": [{"path": "artifacts/results.parquet", "md5": results_md5}]},
        "report": {"cmd": "c", "outs": [{"path": "reports/report/report.html", "md5": report_md5}]},
        "latency": {"cmd": "d", "outs": [{"path": "reports/latency", "md5": report_md5}]},
    }  # fmt: skip
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
