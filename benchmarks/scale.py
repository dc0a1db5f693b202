"""Memory, resumption and increments of `faces` and `scores`: `python benchmarks/scale.py all`.

A data set of tiny clips is made from a picture of the sample pack, and every run has processes of
its own. Memory is that of all of them together, looked at every tenth of a second; what they share
counts once, and libraries, which other programs may share, do not count (on Linux, `Pss_Anon`). The
detector is a tiny one: what is measured is the road around it.
"""

import argparse
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import psutil
from tqdm import tqdm

from deepbench.core import digests, params, processes, shards, tables
from deepbench.sample import pack

ROOT = Path(__file__).parents[1]
SIDE, FRAMES = 160, 4  # pixels and frames of a clip; with half a batch, none shares a batch


class Work(NamedTuple):
    """One step on the clips of a manifest; scores need the faces of the same folder."""

    step: str
    manifest: Path
    folder: Path  # of clips, and of what is remembered of them
    out: Path  # artifacts: a folder per step

    @property
    def table(self) -> Path:
        """Where the step writes."""
        return self.out / self.step

    @property
    def progress(self) -> Path:
        """A byte per video or crop begun, a tilde per file read for its digest."""
        return self.out / f"{self.step}.progress"


class Killed(NamedTuple):
    """What became of a run that was killed, in videos (faces) or crops (scores)."""

    begun: int
    kept: int
    resumed: int  # begun by the run after it
    whole: int  # begun by a run left in peace
    shard: int
    same: bool  # bytes in the end


class Done(NamedTuple):
    """What a run did."""

    seconds: float
    megabytes: float  # peak of all processes
    begun: int  # videos (faces) or crops (scores)
    digested: int  # files


def make_clips(folder: Path, count: int) -> None:
    """Clips of one person, each with a brightness and a place of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = _picture()
    missing = [i for i in range(count) if not (folder / f"{i:05d}.mp4").exists()]
    for number in tqdm(missing, "clips", leave=False, delay=2):
        dimmed = (picture * (1 - number % 50 / 100)).astype(np.uint8)
        unfinished = folder / f"{number:05d}.part.mp4"
        with av.open(str(unfinished), "w") as container:
            stream = container.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
            for i in range(FRAMES):
                rgb = np.ascontiguousarray(np.roll(dimmed, number // 50 + i, axis=1))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
            container.mux(stream.encode(None))
        unfinished.replace(folder / f"{number:05d}.mp4")


def _picture() -> np.ndarray:
    with zipfile.ZipFile(pack.PACK) as archive:
        name = min(n for n in archive.namelist() if n.startswith("folder/") and "_Deepf" in n)
        found = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR)
    return cv2.resize(found[..., ::-1], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def write_manifest(path: Path, numbers: Iterable[int]) -> Path:
    """A manifest of the clips of these numbers."""
    rows = [
        tables.VideoRow(f"{i:05d}", "tiny", "test", False, "real", "", "video", f"{i:05d}.mp4")
        for i in numbers
    ]
    tables.write(tables.MANIFEST, tables.from_rows(tables.MANIFEST, rows), path)
    return path


def work_here(work: Work) -> None:
    """Run a step in this process, noting what it begins."""
    work.out.mkdir(parents=True, exist_ok=True)
    with work.progress.open("w", buffering=1, encoding="utf-8") as progress:
        # what a killed run had begun must stand in the file
        note = _noter(progress.fileno())
        digest = hashlib.file_digest
        digests.hashlib.file_digest = lambda *args: (note("~"), digest(*args))[1]
        (_faces if work.step == "faces" else _scores)(work, note)


def _noter(file: int) -> Callable[[str], None]:
    def note(text: str) -> None:
        os.write(file, text.encode())

    return note


def _faces(work: Work, note: Callable[[str], None]) -> None:
    from deepbench import faces

    schedule = processes.ProcessPool.schedule

    def noted(pool: object, function: object, args: tuple[object], timeout: float) -> object:
        note("v")
        return schedule(pool, function, args, timeout=timeout)

    processes.ProcessPool.schedule = noted
    settings = params.load(ROOT / "params.yaml").faces.model_copy(update={"frames": FRAMES})
    manifest = tables.read(tables.MANIFEST, work.manifest)
    remembered = work.folder / "contents.sqlite"
    faces.extract(manifest, work.folder / "clips", settings, work.table, remembered)


def _scores(work: Work, note: Callable[[str], None]) -> None:
    import torch

    from deepbench import scores
    from deepbench.core.plugins import Preprocessing
    from deepbench.detectors.network import Network

    class Tiny(torch.nn.Module):
        """A few layers with weights of a fixed seed."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            pooled = (torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
            self.layers = torch.nn.Sequential(
                torch.nn.Conv2d(3, 8, 3, 2), *pooled, torch.nn.Linear(8, 2)
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            note("c" * len(x))
            found: torch.Tensor = self.layers(x)
            return found

    plain = Preprocessing(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    network = Network(Tiny().eval(), plain, torch.device("cpu"), torch.float32, "")
    facts = {"detector": "tiny", "weights_sha256": ""}
    scores.score(work.out / "faces", work.table, network, facts, 8)


def start(work: Work) -> "subprocess.Popen[bytes]":
    """A step in a process of its own."""
    work.progress.unlink(missing_ok=True)
    words = (str(word) for word in work)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, __file__, "step", *words], env=environment, stderr=subprocess.DEVNULL
    )


def finish(process: "subprocess.Popen[bytes]", work: Work) -> Done:
    """Wait for a step, looking at its memory."""
    began, peak = time.perf_counter(), 0
    while process.poll() is None:
        peak = max(peak, _memory(process.pid))
        time.sleep(0.1)
    if process.returncode:
        sys.exit(f"{work.step} failed with exit code {process.returncode}: {work}")
    progress = work.progress.read_text("utf-8")
    digested = progress.count("~")
    begun = len(progress) - digested
    return Done(time.perf_counter() - began, peak / 2**20, begun, digested)


def _memory(pid: int) -> int:
    total = 0
    try:
        parent = psutil.Process(pid)
        several = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return 0
    for process in several:
        try:
            total += _own(process)
        except (psutil.Error, ProcessLookupError, FileNotFoundError):
            continue  # it has just ended
    return total


def _own(process: psutil.Process) -> int:
    """Bytes of a process that no file holds; those shared with others in part."""
    told = Path(f"/proc/{process.pid}/smaps_rollup")
    if not told.exists():
        return int(process.memory_full_info().uss)
    found = re.search(r"^Pss_Anon:\s+(\d+) kB", told.read_text("utf-8"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def run(work: Work) -> Done:
    """A step, to its end."""
    return finish(start(work), work)


def both(manifest: Path, folder: Path, out: Path) -> tuple[Work, Work]:
    """The two steps on one manifest."""
    faces, scores = (Work(step, manifest, folder, out) for step in ("faces", "scores"))
    return faces, scores


def memory(folder: Path, sizes: list[int]) -> dict[str, float]:
    """Peak memory on data sets of different sizes; returns the growth from first to last."""
    make_clips(folder / "clips", max(sizes))
    peaks: dict[str, list[float]] = {"faces": [], "scores": []}
    print(f"{'step':8}{'videos':>8}{'seconds':>10}{'MB at peak':>12}")
    for size in sizes:
        manifest = write_manifest(folder / f"{size}.parquet", range(size))
        for work in both(manifest, folder, folder / f"memory-{size}"):
            done = run(work)
            peaks[work.step].append(done.megabytes)
            print(f"{work.step:8}{size:8}{done.seconds:10.1f}{done.megabytes:12.0f}", flush=True)
    growth = {step: found[-1] / found[0] - 1 for step, found in peaks.items()}
    for step, share in growth.items():
        print(f"{step}: {share:+.1%} memory from {sizes[0]} to {sizes[-1]} videos")
    return growth


def kill(folder: Path, videos: int, times: int, seed: int) -> list[Killed]:
    """End each step at random moments, resume it, and compare with a run left in peace."""
    make_clips(folder / "clips", videos)
    manifest = write_manifest(folder / f"{videos}.parquet", range(videos))
    rng, found = np.random.default_rng(seed), []
    print(f"{'step':8}{'killed after':>13}{'begun':>7}{'kept':>6}{'lost':>6}{'resumed':>9}  bytes")
    for whole in both(manifest, folder, folder / "undisturbed"):
        process = start(whole)
        _await_work(process, whole)
        alone = finish(process, whole)
        shard = shards.VIDEOS_PER_SHARD * (1 if whole.step == "faces" else FRAMES)
        for number in range(times):
            work = whole._replace(out=folder / f"killed-{number}")
            moment = rng.uniform(0, alone.seconds)
            begun = _killed(work, moment)
            kept, resumed = _kept(work), run(work).begun
            same = _contents(work) == _contents(whole)
            found.append(Killed(begun, kept, resumed, alone.begun, shard, same))
            print(
                f"{work.step:8}{moment:12.1f}s{begun:7}{kept:6}{begun - kept:6}{resumed:9}"
                f"  {'the same' if same else 'DIFFERENT'}",
                flush=True,
            )
        unit = "videos" if whole.step == "faces" else "crops"
        print(f"{whole.step}: {alone.begun} {unit} in all, {shard} in a shard", flush=True)
    return found


def _await_work(process: "subprocess.Popen[bytes]", work: Work) -> None:
    unit = b"v" if work.step == "faces" else b"c"
    while process.poll() is None:
        if work.progress.exists() and unit in work.progress.read_bytes():
            return
        time.sleep(0.01)


def _killed(work: Work, moment: float) -> int:
    process = start(work)
    _await_work(process, work)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(work.progress.read_text("utf-8").replace("~", ""))


def _kept(work: Work) -> int:
    """Videos (of faces) or crops (of scores) in whole shards."""
    if work.step == "scores":
        return shards.count(tables.SCORES, work.table)
    return shards.count(tables.LEDGER, work.table)


def _contents(work: Work) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in work.table.iterdir()}


def increment(folder: Path, videos: int, more: int) -> list[Done]:
    """Add videos between the others, then run once more with nothing to do."""
    total = videos + more
    make_clips(folder / "clips", total)
    late = {round((i + 0.5) * total / more) for i in range(more)}
    before = write_manifest(folder / "before.parquet", (i for i in range(total) if i not in late))
    after = write_manifest(folder / "after.parquet", range(total))
    found = []
    print(f"{'step':8}{'videos':>8}{'computed':>10}{'files read':>12}{'seconds':>9}")
    for manifest, count in ((before, videos), (after, total), (after, total)):
        for work in both(manifest, folder, folder / "growing"):
            done = run(work)
            unit = "videos" if work.step == "faces" else "crops"
            found.append(done)
            print(
                f"{work.step:8}{count:8}{done.begun:10}{done.digested:12}{done.seconds:9.1f}"
                f"  ({unit})",
                flush=True,
            )
    return found


def main() -> None:
    """Read the command line and measure."""
    if sys.argv[1:2] == ["step"]:
        name, *places = sys.argv[2:]
        return work_here(Work(name, *map(Path, places)))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["memory", "kill", "increment", "all"])
    parser.add_argument("--sizes", type=int, nargs=2, default=[200, 2000], help="memory: videos")
    parser.add_argument("--videos", type=int, default=200, help="kill: videos")
    parser.add_argument("--times", type=int, default=10, help="kill: of each step")
    parser.add_argument("--seed", type=int, default=0, help="kill: of the moments")
    parser.add_argument("--grown", type=int, default=1000, help="increment: videos before")
    parser.add_argument("--more", type=int, default=10, help="increment: videos added")
    parser.add_argument("--folder", type=Path, help="keep clips and tables there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deepbench-scale-") as scratch:
        folder = args.folder or Path(scratch)
        began, load = time.perf_counter(), os.getloadavg()[0]
        if args.what in ("memory", "all"):
            memory(folder, args.sizes)
        if args.what in ("kill", "all"):
            kill(folder, args.videos, args.times, args.seed)
        if args.what in ("increment", "all"):
            increment(folder, args.grown, args.more)
        took = time.perf_counter() - began
        print(f"{took:.0f} s; load {load:.1f} before and {os.getloadavg()[0]:.1f} after")
    return None


if __name__ == "__main__":
    main()
