"""What the benchmark runs on: a clip of the sample pack made large, and full-size checkpoints."""

import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

from deepbench.core import blocks, plugins
from deepbench.media import align, mtcnn, video
from deepbench.sample import demo_weights, pack

PEOPLE = "original_sequences/youtube/c23"
WIDTH, HEIGHT, RATE = 1280, 720, 30
MOST = 32  # crops, as few as the check takes
SEED = 1  # of clip and weights; the weights are then those of the self-test


def clip(folder: Path, seconds: int) -> Path:
    """A 720p clip with one moving, talking face before a busy background, made once."""
    path = folder / f"clip_{seconds}s.mp4"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    stills = _stills(folder)
    stills += stills[-2:0:-1]  # there and back, so that it can go on
    rng = np.random.default_rng(SEED)
    ground, grain = _ground(rng), rng.normal(0, 3, (HEIGHT, WIDTH, 1)).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for i in tqdm(range(seconds * RATE), "clip", leave=False, delay=2):
            rgb = np.roll(ground, 2 * i, axis=1)
            still = stills[i % len(stills)]
            left = (WIDTH - still.shape[1]) // 2
            rgb[:, left : left + still.shape[1]] = still
            # the same grain elsewhere, for drawing it anew takes longer than all the rest
            moved = np.roll(grain, rng.integers(0, (HEIGHT, WIDTH)), axis=(0, 1))
            rgb = np.clip(rgb + moved, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def crops(folder: Path, settings: blocks.Faces) -> np.ndarray:
    """One crop of each of the sample pack's clips, to try a fast precision on."""
    place = folder / "pack"
    if not place.exists():
        pack.unpack(place)
    finder = mtcnn.load(settings, "cpu")
    first = settings.model_copy(update={"frames": 1})
    found = []
    clips = sorted(p for p in place.rglob("*.mp4") if "masks" not in p.parts)
    for path in tqdm(clips[:: max(len(clips) // MOST, 1)], "crops", leave=False, delay=2):
        for frame in video.read_frames(path, "video", first):
            for face in finder.detect(frame.rgb)[:1]:
                found.append(align.aligned(frame.rgb, face))
    return np.stack(found[:MOST])


def _stills(folder: Path) -> list[np.ndarray]:
    small = folder / "small.mp4"
    with zipfile.ZipFile(pack.PACK) as archive:
        first = min(name for name in archive.namelist() if PEOPLE in name and name.endswith(".mp4"))
        small.write_bytes(archive.read(first))
    with av.open(str(small)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    scale = HEIGHT / len(frames[0])
    return [cv2.resize(f, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) for f in frames]


def _ground(rng: np.random.Generator) -> np.ndarray:
    """Patches of many sizes, with as many edges as a room has."""
    total = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for cells in (4, 12, 40, 120):
        patches = rng.integers(0, 256, (cells * 9 // 16, cells, 3), np.uint8)
        large = cv2.resize(patches, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
        total += cv2.GaussianBlur(large, (0, 0), 1.5) * np.float32(0.25)
    return total


def weights(folder: Path, detector: str, demo_size: bool) -> Path:
    """A made-up checkpoint in the published layout, made once; `demo_size` has a small Effort."""
    component = plugins.load("detectors", detector)
    small = getattr(component, "demo_layout", component.layout)
    path: Path = folder / ("demo" if demo_size else "full") / detector / component.CARD.weights
    if not path.exists():
        demo_weights.write(small() if demo_size else component.layout(), SEED, path)
    return path
