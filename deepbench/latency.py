"""Step `latency`: how long each step takes on this machine, for one image and for one video.

Beside the road: it times the steps' own functions, and no table but its own rests on what it
finds, for that differs from run to run.
"""

import functools
import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64
from tqdm import tqdm

from deepbench.core import blocks, params, plugins, resources, tables, timings
from deepbench.detectors import batches, compute, explain
from deepbench.detectors.network import PRECISIONS, Network
from deepbench.detectors.precision import Chosen, Verdict
from deepbench.media import align, clips, samples, spectrum, treatments
from deepbench.media.samples import Crops, Sample
from deepbench.reporting import provenance
from deepbench.sample import demo_weights
from deepbench.statistics import durations

LEAST = 3  # timed calls of each measurement
NAN = float("nan")


class Subject(NamedTuple):
    """A detector to be timed."""

    name: str
    weights: Path
    load: Callable[[], Chosen]  # as its scores are made
    exact: Callable[[], Network]  # in torch and float32, for Grad-CAM and for counting


class Loaded(NamedTuple):
    """A detector ready to be timed."""

    network: Network
    exact: Network
    verdict: Verdict


class Work(NamedTuple):
    """One thing to be timed; all but the call are columns of the table."""

    step: str
    detector: str
    unit: str
    items: int
    call: Callable[[], object]


def measure(
    subjects: Sequence[Subject], files: list[Sample], finder: clips.Finder, settings: params.Params
) -> timings.Measurement:
    """Time everything; the table of earlier measurements is left empty."""
    started, begin, load = datetime.now(UTC), time.perf_counter(), resources.load().one
    rows = [
        _timed(Work("load", one.name, "model", 0, one.load), settings.latency)
        for one in tqdm(subjects, "load", unit="detector")
    ]
    loaded = {one.name: _loaded(one) for one in subjects}
    networks = {name: one.network for name, one in loaded.items()}
    device = next(iter(networks.values())).device
    peaks = _peaks(loaded)
    works = [work for file in files for work in _steps(loaded, file, finder, settings)]
    works += _batches(networks, files[-1].crops, settings.latency)
    rows += [_timed(w, settings.latency) for w in tqdm(works, "latency", unit="measurement")]
    # measured again: what else ran meanwhile can only have made it lower
    peaks = {kind: max(rate, peaks[kind]) for kind, rate in _peaks(loaded).items()}
    described = _described(subjects, loaded, peaks)
    latency = _compared(tables.from_rows(timings.LATENCY, rows), described)
    facts, on = provenance.checkout(Path()), compute.device_name(device)
    machine = timings.Machine(
        machine=f"{facts['Processor']}, torch threads: {compute.threads()}, {on}",
        threads=compute.threads(),
        device=on,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - begin, 1),
        load_before=load,
        load_after=resources.load().one,
        peak_mb=float(latency["peak_mb"].max()),
        peak_device_mb=compute.device_peak(device),
        inputs={file.unit: file.told for file in files},
        facts=facts,
    )
    return timings.Measurement(latency, described, machine, tables.from_rows(timings.EARLIER, []))


def time_calls(
    call: Callable[[], object],
    settings: blocks.Latency,
    clock: Callable[[], float] = time.perf_counter,
) -> Float64[np.ndarray, "call"]:
    """Milliseconds of each timed call: at least three, else so many or for so long as is set."""
    for _ in range(settings.warm_up):
        call()
    found: list[float] = []
    begin = clock()
    while len(found) < LEAST or (
        len(found) < settings.repeats and clock() - begin < settings.seconds
    ):
        start = clock()
        call()
        found.append((clock() - start) * 1000)
    return np.array(found)


def _timed(work: Work, settings: blocks.Latency) -> dict[str, object]:
    """A row of the table, without what comes of comparing rows."""
    separate = resources.forget_peak()
    found = durations.summarise(time_calls(work.call, settings))
    return {
        **{name: getattr(work, name) for name in timings.LATENCY.key},
        "p50_ms": found.p50,
        "p95_ms": found.p95,
        "p99_ms": found.p99,
        "iqr_ms": found.iqr,
        "calls": found.calls,
        "peak_mb": resources.peak_memory() if separate else NAN,
        "note": found.note,
    }


def _loaded(subject: Subject) -> Loaded:
    network, verdict = subject.load()
    plain = (verdict.used, verdict.runtime) == ("float32", "torch")
    return Loaded(network, network if plain else subject.exact(), verdict)


def _steps(
    loaded: dict[str, Loaded], file: Sample, finder: clips.Finder, settings: params.Params
) -> list[Work]:
    """Every step on one file, in the order of the pipeline, and all that a verdict takes."""
    crop, towards = align.CROPS[settings.faces.crop], settings.gradcam.towards
    size = batches.size(settings.scores.batch_size, next(iter(loaded.values())).network.device)
    parts = _cut(file.crops, size)

    def verdict() -> None:
        found = samples.look(file.decode(), finder, settings.faces.crop)
        for one in loaded.values():
            _score(one.network, _cut(np.stack([seen.crop for seen in found]), size))

    def explained(network: Network) -> None:
        for part in parts:
            explain.grad_cam(network, part, towards)

    plain: dict[str, Callable[[], object]] = {
        "decode": file.decode,
        "detect": lambda: [finder.detect(one.rgb) for one in file.seen],
        "crop": lambda: [crop(one.rgb, one.face) for one in file.seen],
        "frequency": lambda: spectrum.features(np.stack([*map(treatments.grey, file.crops)])),
        "total": verdict,
    }
    works = [Work(step, "", file.unit, len(file.seen), call) for step, call in plain.items()]
    for name, one in loaded.items():
        score = functools.partial(_score, one.network, parts)
        maps = functools.partial(explained, one.exact)
        works.append(Work("score", name, file.unit, len(file.seen), score))
        works.append(Work("gradcam", name, file.unit, len(file.seen), maps))
    return works


def _batches(networks: dict[str, Network], crops: Crops, settings: blocks.Latency) -> list[Work]:
    """Every detector on every size of batch."""
    # a short video's crops are repeated
    repeated = {n: crops[np.arange(n) % len(crops)] for n in sorted(set(settings.batch_sizes))}
    return [
        Work("score", name, "batch", size, functools.partial(network, batch))
        for name, network in networks.items()
        for size, batch in repeated.items()
    ]


def _cut(crops: Crops, size: int) -> list[Crops]:
    return [crops[i : i + size] for i in range(0, len(crops), size)]


def _score(network: Network, parts: list[Crops]) -> None:
    for part in parts:
        network(part)


def _peaks(loaded: dict[str, Loaded]) -> dict[str, float]:
    """Rate of a large matrix product in each precision that is used."""
    kinds = {one.verdict.used: one.network.device for one in loaded.values()}
    return {name: compute.gemm_gflops(on, PRECISIONS[name]) for name, on in kinds.items()}


def _described(
    subjects: Sequence[Subject], loaded: dict[str, Loaded], peaks: dict[str, float]
) -> pd.DataFrame:
    """The table `networks`."""
    rows: list[dict[str, object]] = []
    for one in subjects:
        exact, used = loaded[one.name].exact, loaded[one.name].verdict
        with one.weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        rows.append(
            {
                "detector": one.name,
                "parameters": compute.parameters(exact),
                "published_parameters": plugins.load("detectors", one.name).CARD.parameters,
                "gflop": compute.gflop(exact),
                "precision": used.used,
                "runtime": used.runtime,
                "peak_gflops": peaks[used.used],
                "weights_file": one.weights.name,
                "weights_sha256": digest,
                "demo": demo_weights.is_demo(one.weights),
            }
        )
    return tables.from_rows(timings.NETWORKS, rows)


def _compared(rows: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    """Rows with rates, speed-ups and shares of the peak."""
    seconds = rows["p50_ms"] / 1000
    rate = rows["items"] / seconds.where(rows["items"] > 0)
    batched = rows["unit"] == "batch"
    alone = rows[batched & (rows["items"] == 1)].set_index("detector")["p50_ms"]
    facts = rows[["detector"]].merge(networks, "left", on="detector")
    share = rate * facts["gflop"] / facts["peak_gflops"]
    return rows.assign(
        per_second=rate,
        speed_up=(rate * rows["detector"].map(alone) / 1000).where(batched),
        peak_share=share.where(rows["step"] == "score"),
    )
