"""Which error rates stand behind a verdict: those that this machine measured of the same scorer.

The same means the same weights, by their digests, and the same settings, by what `dvc.lock` has
recorded. A rate of anything else would be a claim that nobody has tested.
"""

import hashlib
import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from deepbench import results
from deepbench.apps.detection.asking import Asked
from deepbench.core import tables
from deepbench.core.verdicts import Model, Rate, Standing
from deepbench.media.kinds import Kind
from deepbench.reporting import provenance
from deepbench.sample import pack

NONE = "No validated error rate stands behind this verdict: "
# blocks of params.yaml that decide a score or what it is called; the protocol's line tells the rest
DECIDING = ("faces", "results")
NOT_DECIDING = ("faces.workers", "faces.landmark_model", "results.replicates")  # its digest decides


def find(asked: Asked, models: list[Model], kind: Kind) -> Standing:
    """The rates behind verdicts about pictures, or about videos; without any, the reason."""
    path = asked.root / "artifacts/results.parquet"
    if not path.exists():
        return _none("this machine has no results of its own (dvc repro makes them).")
    table = tables.read(tables.RESULTS, path)
    own = table[(table["scorer"] == asked.scorer) & (table["level"] == "video")]
    own = own[own["method"] == results.ALL_METHODS]
    if own.empty:
        return _none(f"this machine's results do not hold the scorer {asked.scorer}.")
    wanted = _protocol(asked, models)
    if differing := sorted(set(own["protocol"]) - {wanted}):
        return _none(
            f"this machine's results are of other weights or settings. Measured: {differing[0]}. "
            f"Here: {wanted}."
        )
    if reason := _unrecorded(asked, path):
        return _none(reason)
    rates = tuple(_rate(asked, str(name), rows) for name, rows in own.groupby("dataset"))
    return _told(asked, rates, kind)


def _none(reason: str) -> Standing:
    return Standing((NONE + reason,), ())


def _protocol(asked: Asked, models: list[Model]) -> str:
    """The line that the step results would write of these weights and settings."""
    runs: list[dict[str, object]] = [
        {"detector": model.name, "weights_sha256": model.sha256} for model in models
    ]
    digest = results.digests(runs, asked.settings)[asked.scorer]
    return f"{results.protocol(asked.settings, asked.scorer)}, weights: {digest}"


def _unrecorded(asked: Asked, table: Path) -> str:
    """Why dvc.lock does not show that the results are of these settings; empty if it does."""
    stages = provenance.recorded(asked.root)
    recorded = stages.get("results", {})
    outs = {out["path"]: out.get("md5") for out in recorded.get("outs", [])}
    md5 = hashlib.md5(table.read_bytes(), usedforsecurity=False).hexdigest()
    if outs.get("artifacts/results.parquet") != md5:
        return "dvc.lock does not record this machine's results, so their settings are unknown."
    faces: dict[str, Any] = next((s for n, s in stages.items() if n.startswith("faces@")), {})
    then = _flat(faces.get("params", {}).get("params.yaml", {}))
    then |= _flat(recorded.get("params", {}).get("params.yaml", {}))
    now = _flat(asked.settings.model_dump(mode="json"))
    changed = [
        f"{key} {then[key]} then, {now[key]} here"
        for key in sorted(now.keys() & then.keys())
        if key.split(".")[0] in DECIDING and key not in NOT_DECIDING and now[key] != then[key]
    ]
    return f"this machine's results are of other settings: {', '.join(changed)}." if changed else ""


def _flat(tree: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Leaves of nested settings under dotted names."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= (
            _flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
        )
    return flat


def _rate(asked: Asked, dataset: str, rows: pd.DataFrame) -> Rate:
    of = {row["metric"]: row for row in rows.to_dict("records")}
    specificity, recall = of["specificity"], of["recall"]
    manifest = tables.read(
        tables.MANIFEST, asked.root / f"artifacts/manifest/{dataset}.parquet"
    ).query("split == 'test'")
    pictures = manifest["media"] == "image"
    holds = "pictures" if pictures.all() else "pictures and videos" if pictures.any() else "videos"
    return Rate(
        dataset=dataset,
        holds=holds,
        sample=pack.holds_sample(asked.root / asked.settings.roots[dataset].path),
        n_real=int(specificity["n_real"]),
        n_fake=int(specificity["n_fake"]),
        # the rate of errors is the rest to 1 of the rate of being right, and the ends change places
        false_positive=_rest(specificity),
        false_negative=_rest(recall),
        note=str(specificity["note"] or recall["note"]),
    )


def _rest(row: dict[Hashable, Any]) -> tuple[float, float, float]:
    return (1 - float(row["value"]), 1 - float(row["high"]), 1 - float(row["low"]))


def _told(asked: Asked, rates: tuple[Rate, ...], kind: Kind) -> Standing:
    """The rates that are about such files, and of the others why they are not."""
    about = {"image": "picture", "video": "video"}[kind]
    fit = tuple(rate for rate in rates if about in rate.holds)
    if not fit:
        names = ", ".join(rate.dataset for rate in rates)
        return _none(
            f"this machine has measured the scorer on {rates[0].holds} only ({names}), "
            f"and this is a {about}."
        )
    threshold = asked.settings.results.threshold
    first = (
        "Measured on this machine with these weights and settings, at the threshold "
        f"{threshold:g}, with {asked.settings.results.interval:.0%} intervals:"
    )
    last = (
        "These rates hold for material like that of those data sets. Nobody has measured whether "
        "this file is like it."
    )
    return Standing((first, *(sentence(rate) for rate in fit), last), fit)


def sentence(rate: Rate) -> str:
    """One data set's rates in words."""
    sample = ", the rendered people of the sample pack" if rate.sample else ""
    text = (
        f"{rate.dataset} ({rate.n_real} real and {rate.n_fake} fake {rate.holds}{sample}): "
        f"{_said(rate.false_positive)} of the reals were called fake, and "
        f"{_said(rate.false_negative)} of the fakes were called real"
    )
    return f"{text} ({rate.note})." if rate.note else f"{text}."


def _said(rate: tuple[float, float, float]) -> str:
    value, low, high = rate
    if math.isnan(value):
        return "an undefined share"
    if math.isnan(low):
        return f"{value:.1%}"
    return f"{value:.1%} [{low:.1%}, {high:.1%}]"
