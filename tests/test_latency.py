import json
import math
from functools import partial

import latency_tables as made
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from test_architecture import ROOT
from torch import nn

from deepbench import latency
from deepbench.core import params, plugins, resources, tables, timings
from deepbench.detectors import compute, network, precision
from deepbench.media import samples
from deepbench.media.detection import Detection
from deepbench.statistics import durations

SIZE = 32


@pytest.fixture
def settings(tmp_path):
    known = params.load(ROOT / "params.yaml")
    quick = known.latency.model_copy(
        update={"batch_sizes": [4, 1], "warm_up": 1, "repeats": 3, "seconds": 0.001}
    )
    roots = {
        name: root.model_copy(update={"path": str(tmp_path)}) for name, root in known.roots.items()
    }
    faces = known.faces.model_copy(update={"crop": "margin"})
    return known.model_copy(update={"latency": quick, "roots": roots, "faces": faces})


class Clock:
    """Time that passes only while something is timed."""

    def __init__(self):
        self.now, self.calls = 0.0, 0

    def __call__(self):
        return self.now

    def work(self, seconds):
        self.now += seconds
        self.calls += 1


def limits(settings, **changed):
    return settings.latency.model_copy(
        update={"warm_up": 2, "repeats": 30, "seconds": 10} | changed
    )


@pytest.mark.parametrize(
    ("changed", "seconds", "timed"),
    [
        ({}, 0.1, 30),  # as many as are wanted
        ({}, 2.0, 5),  # as long as is wanted
        ({}, 60.0, 3),  # at least three
        ({"repeats": 1}, 0.1, 3),
    ],
)
def test_calls_are_warmed_up_and_limited(settings, changed, seconds, timed):
    clock = Clock()
    found = latency.time_calls(partial(clock.work, seconds), limits(settings, **changed), clock)
    assert found == pytest.approx([seconds * 1000] * timed)
    assert clock.calls == timed + 2


def test_percentiles_of_known_timings():
    found = durations.summarise(np.arange(1.0, 102.0))
    assert found == (51.0, 96.0, 100.0, 50.0, 101, "")


@pytest.mark.parametrize(
    ("calls", "p95", "p99", "note"),
    [
        (19, False, False, "p95 needs 20 calls, p99 needs 100; there were 19"),
        (20, True, False, "p99 needs 100; there were 20"),
        (100, True, True, ""),
    ],
)
def test_a_tail_that_few_calls_cannot_show_is_not_claimed(calls, p95, p99, note):
    found = durations.summarise(np.ones(calls))
    assert (math.isfinite(found.p95), math.isfinite(found.p99), found.note) == (p95, p99, note)


def test_no_timings_are_an_error():
    with pytest.raises(ValueError, match="at least one call"):
        durations.summarise(np.empty(0))


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.places, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.places(x).relu().mean(dim=(2, 3)))


def load_tiny():
    torch.manual_seed(1)
    prepared = plugins.Preprocessing(SIZE, (0.5,) * 3, (0.5,) * 3)
    return network.ready(Tiny(), prepared, "cpu", "float32", ["head"], "places")


def load_chosen():
    return precision.Chosen(load_tiny(), precision.Verdict("float32", "float32", "torch", True, ""))


def load_lower():
    prepared = plugins.Preprocessing(SIZE, (0.5,) * 3, (0.5,) * 3)
    made = network.ready(Tiny(), prepared, "cpu", "bfloat16", ["head"], "places")
    return precision.Chosen(made, precision.Verdict("auto", "bfloat16", "torch", True, ""))


class Finder:
    """A face wherever there is light."""

    def detect(self, rgb):
        if not rgb.any():
            return []
        box = np.array([8, 8, 40, 40], np.float32)
        return [
            Detection(
                box, np.array([[18, 20], [30, 20], [24, 26], [19, 33], [29, 33]], np.float32), 0.99
            )
        ]


def manifest(tmp_path, *names):
    """A picture per name, black if it says so; folders of two frames if they say so."""
    rows = []
    for name in names:
        frames = name.startswith("frames")
        (tmp_path / name).mkdir() if frames else None
        paths = [tmp_path / name / f"{i}.png" for i in (0, 1)] if frames else [tmp_path / name]
        for path in paths:
            Image.new("RGB", (64, 48), "black" if "black" in name else "white").save(path, "png")
        rows.append(
            tables.VideoRow(
                f"folder/{name}", "folder", "test", False, "real", name,
                "frames" if frames else "image", name,
            )
        )  # fmt: skip
    return tables.from_rows(tables.MANIFEST, rows)


def test_the_first_files_with_a_face_are_taken(tmp_path, settings):
    videos = manifest(tmp_path, "frames_black", "black.png", "white.png", "frames_white", "b.png")
    image, video = samples.first(videos, Finder(), settings)
    assert (image.unit, image.video_id, len(image.crops)) == ("image", "folder/white.png", 1)
    assert (video.unit, video.video_id, len(video.crops)) == ("video", "folder/frames_white", 2)
    assert video.told == "folder/frames_white, 2 frames of 64 x 48 pixels"


def test_a_frame_stands_in_for_an_image(tmp_path, settings):
    image, video = samples.first(manifest(tmp_path, "frames_white"), Finder(), settings)
    assert (image.unit, len(image.decode()), len(video.decode())) == ("image", 1, 2)


def test_images_alone_are_no_video(tmp_path, settings):
    (image,) = samples.first(manifest(tmp_path, "white.png"), Finder(), settings)
    assert image.unit == "image"


def test_no_face_anywhere_is_an_error(tmp_path, settings):
    with pytest.raises(ValueError, match="no face in any of the 2 files"):
        samples.first(manifest(tmp_path, "black.png", "frames_black"), Finder(), settings)


@pytest.fixture
def measured(tmp_path, settings):
    weights = tmp_path / "tiny.pth"
    weights.write_bytes(b"weights")
    files = samples.first(manifest(tmp_path, "white.png", "frames_white"), Finder(), settings)
    subjects = [
        latency.Subject("xception", weights, load_chosen, pytest.fail),
        latency.Subject("f3net", weights, load_lower, load_tiny),
    ]
    return latency.measure(subjects, files, Finder(), settings)


def test_every_step_is_measured(measured):
    tables.check(timings.LATENCY, measured.latency)
    names = {timings.name(*key) for key in measured.latency[list(timings.LATENCY.key)].to_numpy()}
    plain = {"decode", "detect", "crop", "frequency", "total"}
    wanted = {f"{unit}.{step}" for unit in ("image", "video") for step in plain}
    for name in ("xception", "f3net"):
        wanted |= {f"load.{name}", f"batch1.score.{name}", f"batch4.score.{name}"}
        wanted |= {f"{u}.{s}.{name}" for u in ("image", "video") for s in ("score", "gradcam")}
    assert names == wanted
    assert (measured.latency["p50_ms"] > 0).all()
    assert (measured.latency["calls"] == 3).all()
    frames = measured.latency.query("unit == 'video'")["items"]
    assert set(frames) == {2}


def test_rates_follow_from_medians(measured):
    rows = measured.latency
    one, four = (
        rows.query(f"unit == 'batch' and items == {n} and detector == 'f3net'").iloc[0]
        for n in (1, 4)
    )
    assert four["per_second"] == pytest.approx(4000 / four["p50_ms"])
    assert one["speed_up"] == pytest.approx(1)
    assert four["speed_up"] == pytest.approx(four["per_second"] / one["per_second"])
    net = measured.networks.set_index("detector").loc["f3net"]
    reached = four["per_second"] * net["gflop"] / net["peak_gflops"]
    assert four["peak_share"] == pytest.approx(reached)
    others = rows[rows["step"] != "score"]
    assert others["peak_share"].isna().all()
    assert others["speed_up"].isna().all()
    assert rows.query("unit == 'model'")["per_second"].isna().all()


def test_without_batch_1_there_is_no_speed_up():
    rows = made.latency()
    rows = rows[(rows["unit"] != "batch") | (rows["items"] > 1)]
    found = latency._compared(
        rows.drop(columns=["per_second", "speed_up", "peak_share"]), made.networks()
    )
    assert found["speed_up"].isna().all()
    assert found.query("unit == 'batch'")["per_second"].notna().all()


def test_networks_and_machine_are_described(measured):
    net = measured.networks.set_index("detector").loc["xception"]
    assert net["parameters"] == 4 * 27 + 4 + 8 + 2
    # a multiplication and an addition are two: 27 per place and channel, and the head's 4 x 2
    assert net["gflop"] == pytest.approx(2 * (SIZE**2 * 4 * 27 + 8) / 1e9)
    assert (net["precision"], net["weights_file"], net["demo"]) == ("float32", "tiny.pth", False)
    lower = measured.networks.set_index("detector").loc["f3net"]
    assert (lower["precision"], lower["runtime"]) == ("bfloat16", "torch")
    assert lower["gflop"] == net["gflop"]
    assert net["published_parameters"] == 20_811_050
    machine = measured.machine
    assert machine.threads == torch.get_num_threads()
    assert f"torch threads: {machine.threads}, cpu" in machine.machine
    assert torch.__version__.startswith(machine.facts["torch"])
    assert machine.seconds > 0
    assert set(machine.inputs) == {"image", "video"}


def test_a_measurement_is_read_as_it_was_written(tmp_path):
    measurement = made.measurement(made.earlier(("2026-11-21", made.MACHINE, 1.1)))
    timings.write(measurement, tmp_path)
    found = timings.read(tmp_path)
    for name in ("latency", "networks", "earlier"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(measurement, name))
    text = (tmp_path / timings.FOLDER / "machine.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["peak_device_mb"] is None
    assert str(found.machine) == str(measurement.machine)


def test_nothing_measured_is_nothing(tmp_path):
    assert timings.read(tmp_path) is None


def test_a_measurement_of_another_version_is_refused(tmp_path):
    timings.write(made.measurement(), tmp_path)
    path = tmp_path / timings.FOLDER / "machine.json"
    path.write_text(json.dumps({"machine": "m"}))
    with pytest.raises(ValueError, match="make latency"):
        timings.read(tmp_path)


def test_the_rate_of_a_matrix_product_is_its_best():
    ticks = iter(range(2 * (compute.CALLS + 1)))
    seconds = [1, 4, 3, 0.5, 2, 2, 2, 2, 2]  # the first is a warm-up
    times = np.cumsum([s for pair in zip([0.0] * 9, seconds, strict=True) for s in pair])
    found = compute.gemm_gflops(torch.device("cpu"), torch.float32, lambda: times[next(ticks)])
    assert found == pytest.approx(2 * compute.SIDE**3 / 0.5 / 1e9)


def test_memory_is_counted_anew():
    held = np.ones(30_000_000)  # 240 MB
    before = resources.peak_memory()
    assert before > held.nbytes / 1e6
    del held
    if not resources.forget_peak():
        pytest.skip("this system does not let a process forget its peak")
    assert resources.peak_memory() < before - 100


def test_memory_on_other_systems(monkeypatch):
    monkeypatch.setattr(resources.Path, "exists", lambda self: False)
    assert resources.peak_memory() > 50
    monkeypatch.setattr(resources.sys, "platform", "win32")
    assert math.isnan(resources.peak_memory())
