"""A small made-up run of the whole pipeline, as the tables that the report reads."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score

from deepbench.core import params, tables
from deepbench.reporting.inputs import Component, Inputs, ScoreRun
from deepbench.reporting.provenance import State
from deepbench.statistics import deepfakebench

ROOT = Path(__file__).parents[1]
METHODS = {
    "faceforensics": ["Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"],
    "celeb_df": ["Celeb-synthesis"],
    "dfdc": ["fake"],
    "folder": [],  # reals alone: the AUC is undefined
}
SKILL = {"xception": 1.6, "efficientnet_b4": 1.1, "f3net": 0.2, "effort": 2.4}
HOSTILE = "folder/<script>alert('x')</script>"
UNREADABLE = "the file ends after 0 frames; copy it again"
FACELESS = "no face of at least 40 px in any of 8 frames"
SHORT = "1 of 4 detectors scored it, 2 are needed"
ONE_CLASS = "undefined with 16 real and 0 fake"


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
    for detector in settings.detectors:
        noise = rng.normal(0, 1.2, len(videos))
        logits[detector] = np.where(videos["label"], SKILL[detector], -SKILL[detector]) / 2 + noise
    for name, weights in settings.videos.ensembles.items():
        logits[name] = sum(w * logits[d] for d, w in weights.items()) / sum(weights.values())
    rows = []
    for scorer, values in logits.items():
        for video, value in zip(videos["video_id"], values, strict=True):
            said = problem[video]
            if video == "dfdc/fake/test_003" and scorer in settings.videos.ensembles:
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
    known = pooled[pooled["scorer"].isin(settings.detectors)].dropna(subset="fake_logit")
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
    values = {
        "auc": roc_auc_score(label, prob) if both else np.nan,
        "ap": average_precision_score(label, prob) if both else np.nan,
        "log_loss": np.inf if place[0] == "f3net" else 0.6,
        "accuracy": float(((prob > 0.5) == label).mean()),
    }
    scorer, dataset, method, level = place
    return [
        {
            "scorer": scorer, "dataset": dataset, "method": method, "level": level,
            "metric": metric, "value": float(value),
            "low": float(max(0, value - 0.09)), "high": float(min(1, value + 0.07)),
            "n_real": reals, "n_fake": fakes, "n_missing": len(part) - len(known),
            "protocol": "test split, 8 uniform frames, face: track, crop: aligned",
            "note": f"undefined with {reals} real and {fakes} fake" if np.isnan(value) else "",
        }
        for metric, value in values.items()
    ]  # fmt: skip


def inputs(demo: bool = True, samples: tuple[str, ...] = tuple(METHODS)) -> Inputs:
    settings = params.load(ROOT / "params.yaml")
    videos = manifest()
    losses = ledger(videos)
    pooled = scored(videos, losses, settings)
    runs = tuple(
        ScoreRun(
            dataset, detector, f"{detector}_best.pth", f"{number}a" * 32,
            "demo weights" if demo else "the published file", demo, "float32", "published", "cpu",
            Component(detector.title(), "Authors, a paper, 2020", ("faceforensics",)),
        )
        for dataset in settings.datasets
        for number, detector in enumerate(settings.detectors)
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
        published=deepfakebench.published_protocol(videos, frame_scores(pooled, settings)),
        runs=runs,
        components=names,
        samples=samples,
        state=State("c0ffee" * 10 + "c0de", "sha256 of the stages in dvc.lock", data),
    )


def checkout(root: Path) -> Inputs:
    """Write the same run as files of a checkout."""
    made = inputs()
    shutil.copy(ROOT / "params.yaml", root / "params.yaml")
    artifacts = root / "artifacts"
    for name in METHODS:
        own = made.manifest[made.manifest["dataset"] == name]
        tables.write(tables.MANIFEST, own, artifacts / f"manifest/{name}.parquet")
        losses = made.ledger[made.ledger["video_id"].isin(own["video_id"])]
        tables.write(tables.LEDGER, losses, artifacts / f"faces/{name}/ledger.parquet")
    scores = frame_scores(made.videos, made.settings)
    for run in made.runs:
        path = artifacts / f"scores/{run.dataset}/{run.detector}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        apart = ("dataset", "weights", "device", "card")
        facts = {k: v for k, v in vars(run).items() if k not in apart} | vars(run.card)
        published = {"published_file": run.weights_file, "published_sha256": ""}
        path.write_text(json.dumps(facts | published | {"device_kind": "cpu"}))
        of_run = (scores["detector"] == run.detector) & scores["video_id"].str.startswith(
            f"{run.dataset}/"
        )
        tables.write(tables.SCORES, scores[of_run], path.with_suffix(".parquet"))
    tables.write(tables.VIDEOS, made.videos, artifacts / "videos.parquet")
    tables.write(tables.RESULTS, made.results, artifacts / "results.parquet")
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
