"""Made-up tables of the steps behind the results: plausible, small, the same each time."""

from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy.special import expit

from deepbench import spectra
from deepbench.core import evidence, features, findings, params, tables
from deepbench.reporting import analyses

FEW = "no interval from 3 independent clips of a class, fewer than 5"
ONE_CLASS = "undefined with 16 real and 0 fake"
HOME = "faceforensics"


def made(
    settings: params.Params, manifest: pd.DataFrame, pooled: pd.DataFrame
) -> analyses.Analyses:
    rng = np.random.default_rng(11)
    test = manifest[manifest["split"] == "test"].merge(pooled, on="video_id")
    found = {
        findings.COMPARISONS.name: _comparisons(settings, test, rng),
        findings.RANKS.name: _ranks(settings, test),
        findings.TRANSFER.name: _transfer(settings, rng),
        findings.CONTRIBUTIONS.name: _contributions(settings, rng),
        findings.AGREEMENT.name: _agreement(settings, rng),
        findings.ORACLE.name: _oracle(settings),
        findings.SIMPLEX.name: _simplex(settings, manifest, pooled),
        findings.THRESHOLDS.name: _thresholds(settings, rng),
        findings.CALIBRATION.name: _calibration(settings, rng),
        findings.RELIABILITY.name: _reliability(settings, rng),
        findings.ABSTENTION.name: _abstention(settings),
        findings.SENSITIVITY.name: _sensitivity(settings, rng),
        evidence.MEAN_SPECTRA.name: _mean_spectra(manifest, rng),
        evidence.PROBE.name: _probe(settings, test),
    }  # fmt: skip
    made = {name: tables.from_rows(t, found[name]) for name, t in _kinds().items() if name in found}
    made |= _spectra(settings, manifest, rng)
    return analyses.of([made[name] for name in _kinds()])


def _kinds():
    return {table.name: table for table in analyses.FILES.values()}


def _spectra(settings, manifest, rng):
    """What the step makes of noise."""
    few = settings.model_copy(
        update={"results": settings.results.model_copy(update={"replicates": 20})}
    )
    test = manifest[manifest["split"] == "test"]
    treated = features.treatments(settings.frequency)
    names = [(video, "") for video in test["video_id"]]
    names += [(video, t) for video in test.loc[~test["label"], "video_id"] for t in treated]
    index = pd.MultiIndex.from_tuples(names, names=["video_id", "treatment"])
    noise = rng.normal(5, 1, (len(names), len(spectra.NAMES)))
    means = pd.DataFrame(noise, index=index, columns=list(spectra.NAMES))
    return {
        evidence.SPECTRA.name: spectra.compare(means, manifest, few),
        evidence.SUMMARIES.name: spectra.summarise(means, manifest),
    }


def _mean_spectra(manifest, rng):
    test = manifest[manifest["split"] == "test"]
    return [
        {"dataset": d, "method": m, "n": 8, "log_magnitude": rng.normal(5, 1, evidence.GRID)}
        for d, m in sorted(set(zip(test["dataset"], test["method"], strict=True)))
    ]


def _probe(settings, test):
    fitted = {"fitted_real": 2, "fitted_fake": 8, "fitted_clips": 1}
    return [
        {"dataset": dataset, "method": method, "fitted_on": name} | estimate(dataset, 0.6) | fitted
        for dataset in settings.datasets
        for method in methods(test, dataset)
        for name in ["development", *([f"development without {method}"] if method != "all" else [])]
    ]


def estimate(dataset: str, value: float, half: float = 0.06) -> dict[str, object]:
    """A value with its interval; the folder of reals has none."""
    if dataset == "folder":
        return {
            "value": np.nan, "low": np.nan, "high": np.nan, "n_real": 16, "n_fake": 0,
            "note": ONE_CLASS,
        }  # fmt: skip
    return {
        "value": value, "low": value - half, "high": value + half, "n_real": 16, "n_fake": 16,
        "note": "",
    }  # fmt: skip


def methods(test: pd.DataFrame, dataset: str) -> list[str]:
    several = sorted(set(test.loc[test["dataset"] == dataset, "method"]) - {"real"})
    return ["all", *(several if len(several) > 1 else [])]


def _comparisons(settings, test, rng):
    rows = []
    for dataset in settings.datasets:
        for method, metric in product(methods(test, dataset), settings.comparisons.metrics):
            for scorer, other in combinations(settings.scorers, 2):
                p = np.nan if dataset == "folder" else float(rng.uniform(0, 0.05))
                rows.append(
                    {
                        "dataset": dataset, "method": method, "metric": metric, "scorer": scorer,
                        "other": other, **estimate(dataset, float(rng.normal(0, 0.1))), "p": p,
                        "p_holm": float(np.minimum(1.0, p * 4)),
                        "p_delong": p if metric == "auc" else np.nan,
                    }
                )  # fmt: skip
    return rows


def _ranks(settings, test):
    rows = []
    for dataset in settings.datasets:
        for method, metric in product(methods(test, dataset), settings.comparisons.metrics):
            for place, scorer in enumerate(settings.scorers):
                others = [s for s in settings.scorers if s != scorer]
                none = dataset == "folder"
                rows.append(
                    {
                        "dataset": dataset, "method": method, "metric": metric, "scorer": scorer,
                        "rank": 0 if none else 1 + place // 3,
                        "tied": "" if none or scorer == "effort" else ",".join(others[:3]),
                        "note": ONE_CLASS if none else "",
                    }
                )  # fmt: skip
    return rows


def _transfer(settings, rng):
    rows = []
    for scorer, metric in product(settings.scorers, settings.comparisons.metrics):
        for dataset in settings.datasets:
            if dataset != HOME:
                drop = float(rng.uniform(-0.3, 0))
                away = np.nan if dataset == "folder" else 0.95 + drop
                rows.append(
                    {
                        "scorer": scorer, "metric": metric, "home": HOME, "dataset": dataset,
                        "value_home": 0.95, "value_away": away, **estimate(dataset, drop),
                    }
                )  # fmt: skip
    return rows


def _contributions(settings, rng):
    rows = []
    for dataset, metric in product(settings.datasets, ("auc", "log_loss")):
        for name, ensemble in settings.videos.ensembles.items():
            against = [f"without {member}" for member in ensemble.members]
            against += ["best single: effort", "best single in hindsight: effort"]
            for held in [*against, *(["equal weights"] if name != "equal" else [])]:
                p = np.nan if dataset == "folder" else float(rng.uniform(0, 0.2))
                rows.append(
                    {
                        "dataset": dataset, "metric": metric, "ensemble": name, "against": held,
                        **estimate(dataset, float(rng.normal(0, 0.03))), "p": p,
                        "p_holm": float(np.minimum(1.0, 3 * p)),
                    }
                )  # fmt: skip
    return rows


def _agreement(settings, rng):
    rows = []
    for dataset, (one, other) in product(settings.datasets, combinations(settings.detectors, 2)):
        right, first, second = (int(n) for n in rng.integers(2, 10, 3))
        wrong = 32 - right - first - second
        lone = dataset == "folder"
        rows.append(
            {
                "dataset": dataset, "detector": one, "other": other, "both_right": right,
                "only_detector": first, "only_other": second, "both_wrong": wrong,
                "agreement": (right + wrong) / 32,
                "error_correlation": np.nan if lone else float(rng.uniform(0, 1)),
                "q": np.nan if lone else float(rng.uniform(0, 1)),
                "rank_correlation": float(rng.uniform(0, 1)),
                "note": f"{one} is never wrong" if lone else "",
            }
        )  # fmt: skip
    return rows


def _oracle(settings):
    return [
        {
            "dataset": dataset, "metric": metric, "best_single": "effort",
            "value_single": np.nan if dataset == "folder" else 0.9,
            **estimate(dataset, 0.97, 0.02),
        }
        for dataset, metric in product(settings.datasets, ("auc", "accuracy"))
    ]  # fmt: skip


def _simplex(settings, manifest, pooled):
    steps, count = settings.ensembles.simplex_steps, len(settings.detectors)
    grid = [c for c in product(range(steps + 1), repeat=count) if sum(c) == steps]
    weights = np.array(grid) / steps
    logits = pooled.pivot(index="video_id", columns="scorer", values="fake_logit")
    facts = manifest.set_index("video_id")
    rows = []
    for dataset, split in product(settings.datasets, ("val", "test")):
        own = facts[(facts["dataset"] == dataset) & (facts["split"] == split)]
        known = logits.loc[own.index, settings.detectors].dropna()
        label, prob = own.loc[known.index, "label"].to_numpy(bool), expit(known.to_numpy())
        both = len(set(label)) == 2
        mixed = prob @ weights.T
        # the share of pairs of a fake and a real that are in order
        won = mixed[label][:, None, :] > mixed[~label][None, :, :]
        aucs = won.mean(axis=(0, 1)) if both else np.full(len(weights), np.nan)
        best = max(aucs)
        for point, (weighting, auc) in enumerate(zip(weights, aucs, strict=True)):
            rows += [
                {
                    "dataset": dataset, "split": split, "point": point, "detector": detector,
                    "weight": float(weight), "auc": float(auc),
                    "flat": bool(not both or auc > best - 0.03),
                }
                for detector, weight in zip(settings.detectors, weighting, strict=True)
            ]  # fmt: skip
    return rows


def _criteria(settings):
    rates = [f"fpr {rate:g}" for rate in settings.calibration.false_positive_rates]
    return [f"{settings.results.threshold:g}", "eer", "balanced_accuracy", *rates]


def _thresholds(settings, rng):
    rows = []
    places = [(settings.development, "val"), *((name, "test") for name in settings.datasets)]
    for scorer, criterion in product(settings.scorers, _criteria(settings)):
        threshold = float(rng.uniform(0.2, 0.8))
        for (dataset, split), metric in product(
            places, ("fpr", "tpr", "accuracy", "balanced_accuracy")
        ):
            found = estimate(dataset, float(rng.uniform(0.1, 0.9)))
            if dataset == "folder" and metric == "fpr":
                found |= {"value": 0.25, "note": "no interval with one class"}
            elif criterion == "fpr 0.01" and dataset != "folder":
                found["note"] = "chosen on 4 reals"
            rows.append(
                {
                    "scorer": scorer, "criterion": criterion, "threshold": threshold,
                    "dataset": dataset, "split": split, "metric": metric, **found,
                }
            )  # fmt: skip
    return rows


def _calibration(settings, rng):
    rows = []
    for number, scorer in enumerate(settings.scorers):
        for dataset, variant, metric in product(
            settings.datasets, ("as scored", "scaled"), ("ece", "log_loss", "brier")
        ):
            value = float(rng.uniform(0.05, 0.3))
            rows.append(
                {
                    "scorer": scorer, "dataset": dataset, "variant": variant,
                    "temperature": 1 + number / 4, "metric": metric,
                    **estimate(dataset, value, 0.04),
                }
            )  # fmt: skip
    return rows


def _reliability(settings, rng):
    rows = []
    for scorer, dataset, variant in product(
        settings.scorers, settings.datasets, ("as scored", "scaled")
    ):
        for place, middle in enumerate(np.linspace(0.1, 0.9, 5)):
            share = float(np.clip(middle + rng.normal(0, 0.1), 0.05, 0.95))
            rows.append(
                {
                    "scorer": scorer, "dataset": dataset, "variant": variant, "bin": place, "n": 6,
                    "fake_prob": float(middle), "share_fake": share, "low": max(0, share - 0.2),
                    "high": min(1, share + 0.2),
                }
            )  # fmt: skip
    return rows


def _abstention(settings):
    return [
        {
            "scorer": scorer, "dataset": dataset, "coverage": step / 10, "n": 3 * step,
            "error_rate": 0.02 * number + 0.03 * step, "fake_share": 0.5,
        }
        for number, scorer in enumerate(settings.scorers)
        for dataset in settings.datasets
        for step in range(1, 11)
    ]  # fmt: skip


def _sensitivity(settings, rng):
    factors = {
        "frames": [str(n) for n in settings.sensitivity.frames],
        "pooling": ["mean", "majority", "confidence", "median", "max", "quality"],
        "face size": ["smallest third: up to 81 px", "middle third: up to 97 px", "largest third"],
        "sharpness": [f"{w} third" for w in ("softest", "middle", "sharpest")],
    }  # fmt: skip
    rows = []
    for factor, names in factors.items():
        for place, name in enumerate(names):
            for scorer, dataset in product(settings.detectors, settings.datasets):
                found = estimate(dataset, float(rng.uniform(0.6, 0.9)))
                if factor == "frames" and int(name) > settings.faces.frames:
                    gone = f"the run stored {settings.faces.frames} frames per video"
                    found |= {"value": np.nan, "low": np.nan, "high": np.nan, "note": gone}
                rows.append(
                    {
                        "factor": factor, "setting": name, "place": place, "scorer": scorer,
                        "dataset": dataset, "metric": "auc", **found,
                    }
                )  # fmt: skip
    return rows
