import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from deepbench.core import params
from deepbench.media import video

FACES = params.load(Path(__file__).parents[2] / "params.yaml").faces.model_copy(
    update={"frames": 8}
)
SIZE = 64, 96  # height, width


KNOWN = "known are JPEG, PNG, BMP, TIFF, WebP and MP4, MOV, MKV, WebM, AVI, MPEG, GIF"
BYTES = "by its first bytes"
VIDEO = f"video, {BYTES}; {KNOWN}"


def picture(number: int) -> np.ndarray:
    """A frame that tells its number by its grey level, with a bright top left corner."""
    rgb = np.full((*SIZE, 3), 20 + 4 * number, np.uint8)
    rgb[:16, :16] = 250
    return rgb


def number_of(frame: video.Frame) -> int:
    return round((float(frame.rgb[20:44, 20:44].mean()) - 20) / 4)


def encode(path: Path, count: int, rotation: int = 0, codec: str = "libx264") -> Path:
    noise = np.random.default_rng(0)
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, 25)
        if rotation:
            stream.set_display_rotation(rotation)
        for i in range(count):
            rgb = picture(i)
            rgb[48:, :] = noise.integers(0, 255, (16, SIZE[1], 3))  # gives frames some bytes
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return encode(tmp_path_factory.mktemp("clips") / "clip.mp4", 40)


@pytest.mark.parametrize(
    ("total", "rule", "frames", "expected"),
    [
        (300, "uniform", 4, [0, 99, 199, 299]),  # 99.67 and 199.33, truncated
        (3, "uniform", 8, [0, 1, 2]),
        (1, "uniform", 8, [0]),
        (0, "uniform", 8, []),
        (100, "uniform", 1, [0]),
        (35, "every_nth", 8, [0, 10, 20]),
        (31, "every_nth", 8, [0, 10, 20]),
        (21, "every_nth", 8, [0, 10, 20]),
        (20, "every_nth", 8, [0, 10]),
        (0, "every_nth", 8, []),
    ],
)
def test_frame_indices(total, rule, frames, expected):
    assert video.frame_indices(total, rule, frames, every=10, at_most=3) == expected


def test_unknown_rule_names_the_choices():
    with pytest.raises(ValueError, match=r"'random'.*uniform, every_nth"):
        video.frame_indices(10, "random", 1, 1, 1)


def test_yields_the_wanted_frames(clip):
    reading = video.read_frames(clip, "video", FACES)
    frames = list(reading)
    wanted = [0, 5, 11, 16, 22, 27, 33, 39]
    assert [f.index for f in frames] == wanted
    assert [number_of(f) for f in frames] == wanted
    assert [f.time_s for f in frames] == pytest.approx([i / 25 for i in wanted])
    assert frames[0].rgb.shape == (*SIZE, 3)
    assert (reading.total, reading.expected, reading.decoded, reading.problem) == (40, 8, 8, "")


def test_every_nth_stops_early(clip):
    rule = FACES.model_copy(update={"frame_rule": "every_nth", "every": 7, "at_most": 3})
    reading = video.read_frames(clip, "video", rule)
    assert [number_of(f) for f in reading] == [0, 7, 14]
    assert reading.problem == ""


def test_total_is_counted_where_the_container_does_not_state_it(tmp_path):
    path = encode(tmp_path / "clip.mkv", 30)
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 0
    reading = video.read_frames(path, "video", FACES)
    assert [number_of(f) for f in reading][-1] == 29
    assert reading.total == 30


def test_one_frame(tmp_path):
    reading = video.read_frames(encode(tmp_path / "one.mp4", 1), "video", FACES)
    assert [f.index for f in reading] == [0]
    assert (reading.total, reading.expected, reading.problem) == (1, 1, "")


@pytest.mark.parametrize(
    ("rotation", "corner"),
    # degrees counterclockwise at display; where the bright top left corner goes
    [(90, (-8, 8)), (180, (-8, -8)), (-90, (8, -8))],
)
def test_rotation_is_applied(tmp_path, rotation, corner):
    frame = next(video.read_frames(encode(tmp_path / "r.mp4", 2, rotation), "video", FACES))
    assert frame.rgb.shape[:2] == (SIZE if rotation == 180 else SIZE[::-1])
    assert frame.rgb[corner].min() > 230
    assert frame.rgb.flags.c_contiguous


def test_truncated_keeps_what_decodes(clip, tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    reading = video.read_frames(path, "video", FACES)
    frames = list(reading)
    assert 0 < len(frames) < 8
    assert [number_of(f) for f in frames] == [f.index for f in frames]
    assert reading.decoded == len(frames)
    assert reading.expected == 8
    assert reading.problem.startswith("decoding stopped after frame ")
    assert " of 40: " in reading.problem


def test_bit_flips_never_raise_and_repeat(clip, tmp_path, capfd):
    flips = np.random.default_rng(1)
    problems = []
    for trial in range(12):
        content = np.frombuffer(clip.read_bytes(), np.uint8).copy()
        content[flips.integers(0, len(content), 3 * 4 ** (trial % 4))] ^= 16
        path = tmp_path / f"{trial}.mp4"
        path.write_bytes(content.tobytes())
        first, second = (video.read_frames(path, "video", FACES) for _ in range(2))
        assert [f.rgb.tobytes() for f in first] == [f.rgb.tobytes() for f in second]
        assert first.problem == second.problem
        assert (first.decoded == first.expected and first.expected > 0) or first.problem
        assert str(tmp_path) not in first.problem
        problems.append(first.problem)
    assert any(problems)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "file not found"),
        (b"", f"file unreadable: an empty file; {KNOWN}"),
        (b"no video at all", f"file unreadable: neither a picture nor a {VIDEO}"),
        (b"ffconcat version 1.0\nfile c.mp4", f"file unreadable: neither a picture nor a {VIDEO}"),
    ],
)
def test_unreadable_video(tmp_path, content, problem):
    path = tmp_path / "x.mp4"
    if content is not None:
        path.write_bytes(content)
    reading = video.read_frames(path, "video", FACES)
    assert list(reading) == []
    assert reading.problem == problem
    assert (reading.total, reading.expected, reading.decoded) == (0, 0, 0)


def test_folder_in_place_of_a_video(tmp_path):
    reading = video.read_frames(tmp_path, "video", FACES)
    assert list(reading) == []
    assert reading.problem.startswith("file unreadable: ")


def test_sound_without_pictures(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    reading = video.read_frames(tmp_path / "a.mp4", "video", FACES)
    assert list(reading) == []
    assert reading.problem == "file unreadable: it has no video frames"


def test_image(tmp_path):
    Image.fromarray(picture(9)).save(tmp_path / "i.png")
    reading = video.read_frames(tmp_path / "i.png", "image", FACES)
    (frame,) = reading
    assert frame.index == 0
    assert math.isnan(frame.time_s)
    np.testing.assert_array_equal(frame.rgb, picture(9))
    assert (reading.total, reading.expected, reading.decoded, reading.problem) == (1, 1, 1, "")


def test_folder_of_frames_in_the_order_of_numbers(tmp_path):
    for n in range(12):
        Image.fromarray(picture(n)).save(tmp_path / f"{n}.png")
    (tmp_path / "landmarks.npy").write_bytes(b"")
    (tmp_path / "11.png").write_bytes(b"broken")
    reading = video.read_frames(tmp_path, "frames", FACES)
    assert [(f.index, number_of(f)) for f in reading] == [(n, n) for n in (0, 1, 3, 4, 6, 7, 9)]
    assert (reading.total, reading.expected, reading.decoded) == (12, 8, 7)
    assert reading.problem.startswith("1 of 8 frames could not be read: image unreadable")


@pytest.mark.parametrize(
    ("media", "name", "problem"),
    [
        ("image", "x.png", "file not found"),
        ("frames", "x", "folder not found"),
        ("frames", ".", "no images in the folder"),
    ],
)
def test_nothing_to_read(tmp_path, media, name, problem):
    reading = video.read_frames(tmp_path / name, media, FACES)
    assert list(reading) == []
    assert reading.problem.startswith(problem)


def test_unknown_media_names_the_choices(tmp_path):
    with pytest.raises(ValueError, match=r"'sound'.*video, image, frames"):
        video.read_frames(tmp_path, "sound", FACES)
