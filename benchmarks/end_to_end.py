"""deepbench against the baseline, from the file to the probability: `make bench`.

All roads take turns on the same frames, and their order changes from round to round, so that other
work on the machine hits them alike. Where the machine is not quiet, trust the processor's time.
"""

import argparse
import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from benchmarks import clock, figures, inputs, roads
from deepbench.core import params, plugins
from deepbench.detectors import compute, network, precision

ROOT = Path(__file__).parents[1]
WAYS = ("float32", "auto", "bfloat16", "float16")
BATCH = 8  # as scores.batch_size: auto has it on CPUs


class Made(NamedTuple):
    """A detector ready to run, and what the check of its precision says."""

    network: network.Network
    verdict: str


def main() -> None:
    """Measure and print; with --out, write the figures as JSON too."""
    options = _options()
    work = _work(options)
    facts = clock.machine() | {"load_before": _load(), "gemm_gflops": _peaks()}
    crops = functools.cache(lambda: inputs.crops(options.cache, work.settings))
    ways, verdicts = [roads.baseline_road(work)], {}
    for way in options.ways:
        made = {name: _made(name, work, way, crops, options) for name in roads.DETECTORS}
        networks = {name: one.network for name, one in made.items()}
        verdicts[way] = {name: one.verdict for name, one in made.items()}
        ways.append(roads.our_road(way, networks, work, BATCH))
    rounds, last = run(ways, options.rounds)
    frames = len(last["baseline"].boxes)
    report = facts | {
        "load_after": _load(),
        "frames": frames,
        "rounds": len(rounds),
        "verdicts": verdicts,
        "ms_per_frame": {way.name: figures.milliseconds(rounds, way.name, frames) for way in ways},
        "ratios": {name: figures.ratios(rounds, name) for name in options.ways},
        "forward_share": {way.name: figures.forward_share(rounds, way.name) for way in ways},
        "differences": {
            name: figures.differences(last["baseline"], last[name]) for name in options.ways
        },
    }
    sys.stdout.write(text(report))
    if options.out:
        options.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def run(ways: list[roads.Road], count: int) -> tuple[list[figures.Round], dict[str, roads.Found]]:
    """So many rounds, forth and back in turn, and what each road made in the last one."""
    rounds: list[figures.Round] = []
    made: dict[str, roads.Found] = {}
    with tqdm(total=count * len(ways), unit="road") as bar:
        for number in range(count):
            clocks: figures.Round = {}
            for way in ways if number % 2 == 0 else ways[::-1]:
                bar.set_description(way.name)
                clocks[way.name] = clock.Clock()
                made[way.name] = way.run(clocks[way.name])
                bar.update()
            rounds.append(clocks)
    return rounds, made


def text(report: dict[str, Any]) -> str:
    """The figures for people."""
    told = ("ms_per_frame", "ratios", "forward_share", "differences", "verdicts")
    lines = [f"{name}: {value}" for name, value in report.items() if name not in told]
    spent, times = report["ms_per_frame"], report["ratios"]
    for kind, what in (("cpu", "processor"), ("wall", "clock")):
        lines += ["", f"ms per frame by the {what}, and times faster: median (lowest-highest)"]
        lines += [f"{'':16}{'baseline':>9}" + "".join(f"{way:>9}{'':19}" for way in times)]
        for step in figures.ROWS:
            cells = [f"{spent[w][step][kind]:9.1f}  x {times[w][step][kind]!s:15}" for w in times]
            lines.append(f"{step:16}{spent['baseline'][step][kind]:9.1f}" + "".join(cells))
    for name in ("forward_share", "differences"):
        lines += ["", f"{name}:"]
        for way, values in report[name].items():
            lines.append(f"  {way}: " + ", ".join(f"{k} {v:.3g}" for k, v in values.items()))
    lines += ["", "verdicts:"]
    for way, sentences in report["verdicts"].items():
        lines += [f"  {way}, {name}: {sentence}" for name, sentence in sentences.items()]
    return "\n".join(lines) + "\n"


def _made(
    name: str,
    work: roads.Work,
    way: str,
    crops: Callable[[], np.ndarray],
    options: argparse.Namespace,
) -> Made:
    """A detector: `auto` under the check, a named precision whatever the check would say."""
    component = plugins.load("detectors", name)
    own, path = component.CARD.preprocessing, work.weights[name]
    if way == "auto":
        wanted = precision.Wanted(name, path, "cpu", own, way, name in options.openvino)
        found = precision.choose(wanted, crops, options.cache / "precision")
        verdict = found.verdict
        return Made(found.network, f"{verdict.used} in {verdict.runtime}: {verdict.why}")
    # what the check finds of made-up weights says nothing about published ones
    return Made(component.load(path, "cpu", way, own), "not checked")


def _work(options: argparse.Namespace) -> roads.Work:
    folder = options.cache
    settings = params.load(ROOT / "params.yaml").faces.model_copy(
        update={"frame_rule": "uniform", "frames": options.frames, "confidence": 0.0}
    )
    weights = {name: inputs.weights(folder, name, options.quick) for name in roads.DETECTORS}
    return roads.Work(inputs.clip(folder, 2 if options.quick else 10), settings, weights)


def _peaks() -> dict[str, int]:
    """Best rates of a large matrix product: of all threads, and of one by the processor's time."""
    threads, cpu = torch.get_num_threads(), torch.device("cpu")
    found = {}
    for name in ("float32", "bfloat16"):
        found[f"{name}_by_the_clock"] = compute.gemm_gflops(cpu, getattr(torch, name))
    torch.set_num_threads(1)
    for name in ("float32", "bfloat16"):
        rate = compute.gemm_gflops(cpu, getattr(torch, name), time.process_time)
        found[f"{name}_of_one_thread"] = rate
    torch.set_num_threads(threads)
    return {name: round(rate) for name, rate in found.items()}


def _load() -> float:
    return round(os.getloadavg()[0], 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    cache = Path(tempfile.gettempdir()) / "deepbench-benchmark"
    parser.add_argument("--cache", type=Path, default=cache, help="for clip and weights, 1.4 GB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=30, help="of a clip of ten seconds")
    parser.add_argument("--threads", type=int, default=0, help="of torch (default: its own choice)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["float32", "auto", "bfloat16"])
    parser.add_argument("--openvino", nargs="*", default=[], metavar="DETECTOR", help="for auto")
    parser.add_argument("--quick", action="store_true", help="small Effort, clip of two seconds")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    return options


if __name__ == "__main__":
    main()
