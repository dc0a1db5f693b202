"""Videos as cameras, phones and editors make them, and as they should not be."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image

RATE = 25


class Case(NamedTuple):
    """A file of the corpus, and what must become of it."""

    name: str  # below the data set's real/
    says: str = ""  # the ledger's problem matches all of this regular expression
    faces: int | None = 5  # frames with a face; None: any number, and a sentence if under 5
    like: str = ""  # the file whose crops these are ...
    off: float = 0.0  # ... within so many grey levels in the mean
    times: tuple[float, ...] = ()  # seconds of the frames taken


def decoded(path: Path, count: int) -> list[np.ndarray]:
    """The first frames of a clip of the sample pack."""
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    return frames[:count]


def encode(
    path: Path,
    frames: list[np.ndarray],
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    rotation: int = 0,
    milliseconds: list[int] | None = None,
    form: str | None = None,
) -> None:
    """A video; at 25 frames per second unless the times are given."""
    quality = {"crf": "10", "preset": "veryfast"} if codec.startswith("libx26") else {}
    if codec == "libx265":
        quality["x265-params"] = "log-level=none:pools=none:frame-threads=1"
    container = {"movflags": "faststart"} if path.suffix in (".mp4", ".mov") and not form else {}
    with av.open(str(path), "w", format=form, options=container) as output:
        stream = output.add_stream(codec, rate=RATE, options=quality | (options or {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, 1000 if milliseconds else RATE)
        stream.bit_rate = 4_000_000
        stream.codec_context.thread_count = 1  # the same bytes on every machine
        if rotation:
            stream.set_display_rotation(rotation)
        for number, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = milliseconds[number] if milliseconds else number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def healthy(folder: Path, frames: list[np.ndarray]) -> Iterator[Case]:
    """Odd but sound: every one is the reference in another form."""
    steady = tuple(i / RATE for i in (0, 2, 5, 8, 11))
    encode(folder / "reference.mp4", frames)
    yield Case("reference.mp4", times=steady)

    def same(name: str, off: float, says: str = "", times: tuple[float, ...] = steady) -> Case:
        return Case(name, says=says, like="reference.mp4", off=off, times=times)

    h, w = frames[0].shape[:2]
    for name, codec, pixels in (
        ("10-bit.mp4", "libx264", "yuv420p10le"),
        ("10-bit-hevc.mp4", "libx265", "yuv420p10le"),
        ("444.webm", "libvpx-vp9", "yuv444p"),
        ("444.mp4", "libx264", "yuv444p"),
        ("444-10-bit.mkv", "libx264", "yuv444p10le"),
        ("422-10-bit.mov", "prores_ks", "yuv422p10le"),
        ("lossless.mkv", "ffv1", "bgr0"),
        ("old.avi", "mpeg4", "yuv420p"),
        ("still-after-still.avi", "mjpeg", "yuvj420p"),
        ("vp8.webm", "libvpx", "yuv420p"),
        ("plain.mkv", "libx264", "yuv420p"),
    ):
        encode(folder / name, frames, codec, pixels)
        yield same(name, 8)
    encode(folder / "transport.mp4", frames, form="mpegts")
    # a transport stream counts from a later time than 0
    yield same("transport.mp4", 8, times=())
    first, *rest = [Image.fromarray(f).quantize(256) for f in frames]
    first.save(folder / "animated.mp4", "GIF", save_all=True, append_images=rest, duration=40)
    yield same("animated.mp4", 10)
    for turn in (90, 180, 270):
        name = f"rotated-{turn}.mp4"
        encode(folder / name, [np.rot90(f, -turn // 90) for f in frames], rotation=turn)
        yield same(name, 8)
    for name, sar, stored in (
        ("wide-pixels.mp4", "2/1", [f[:, : w - 2 : 2] for f in frames]),
        ("tall-pixels.mkv", "1/2", [f[::2] for f in frames]),
        ("nearly-square-pixels.mp4", "1280/1281", frames),
    ):
        encode(folder / name, stored, options={"x264-params": f"sar={sar}"})
        yield same(name, 8)
    turned = [np.rot90(f[:, : w - 2 : 2], -1) for f in frames]
    encode(folder / "wide-and-rotated.mp4", turned, options={"x264-params": "sar=1/2"}, rotation=90)
    yield same("wide-and-rotated.mp4", 8)
    irregular = [0, 10, 200, 210, 220, 1000, 1040, 1050, 3000, 3100, 3200, 10_000]
    uneven = tuple(irregular[i] / 1000 for i in (0, 2, 5, 8, 11))
    for name in ("variable-rate.mp4", "variable-rate.mkv"):
        encode(folder / name, frames, options={"bf": "0"}, milliseconds=irregular)
        yield same(name, 8, times=uneven)
    # the even lines of one moment, the odd ones of another
    woven = [f.copy() for f in frames]
    for now, later in zip(woven, frames[1:], strict=False):
        now[1::2] = later[1::2]
    encode(folder / "interlaced.mp4", woven, options={"x264-params": "tff=1"})
    yield same("interlaced.mp4", 8, r"5 of 5 frames are interlaced, and taken as they are")
    encode(folder / "odd-sides.mkv", [f[: h - 1, : w - 1] for f in frames], "ffv1", "bgr0")
    yield same("odd-sides.mkv", 8)
    one = Case("one-frame.mp4", faces=1, times=(0.0,))
    encode(folder / one.name, frames[:1])
    yield one
    for name, side in (("tiny.mp4", 16), ("two-pixels.mp4", 2)):
        encode(folder / name, [f[:side, :side] for f in frames])
        yield Case(name, r"no face found in 5 frames \(confidence >= 0\.9\)", 0)
    _music(folder / "with-sound.mp4", frames)
    yield same("with-sound.mp4", 8)


def hollow(folder: Path, cover: bytes) -> Iterator[Case]:
    """Containers without a moving picture in them, or with too much of one."""
    none = r"file unreadable: it has no video frames"
    for name in ("sound-only.mp4", "sound-only.mkv"):
        _music(folder / name, [])
        yield Case(name, none, 0)
    _music(folder / "sound-with-cover.mp4", [], cover)
    yield Case("sound-with-cover.mp4", none, 0)
    with av.open(str(folder / "no-frames.mkv"), "w") as output:
        stream = output.add_stream("libx264", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        output.start_encoding()
    yield Case("no-frames.mkv", r"file unreadable: it is incomplete, damaged or .+", 0)
    blank = [np.full((6000, 9000, 3), 90, np.uint8)]
    encode(folder / "huge.mkv", blank, "mjpeg", "yuvj420p")
    large = r"9000 x 6000 pixels are over the limit of 50 million; make it smaller"
    yield Case("huge.mkv", rf"file unreadable: {large}", 0)


def endless(path: Path, frames: int) -> None:
    """A small file that takes minutes: one large frame, and the word that it stays as it is."""
    still = np.full((2304, 4096, 3), 90, np.uint8)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = 2304, 4096, "yuv420p"
        packets = []
        for _ in range(3):
            packets += stream.encode(av.VideoFrame.from_ndarray(still, format="rgb24"))
        coded = [bytes(packet) for packet in packets]
        for number, content in enumerate([*coded, *[coded[-1]] * frames]):
            packet = av.Packet(content)
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.is_keyframe = number == 0
            output.mux(packet)


def _music(path: Path, frames: list[np.ndarray], cover: bytes = b"") -> None:
    with av.open(str(path), "w") as output:
        quality = {"crf": "10"}
        pictures = output.add_stream("libx264", rate=RATE, options=quality) if frames else None
        sound = output.add_stream("aac", rate=44100)
        image = output.add_stream("png", rate=1) if cover else None
        if image is not None:
            image.height, image.width, image.pix_fmt = 480, 270, "rgb24"
            image.disposition = av.stream.Disposition.attached_pic
        if pictures is not None:
            pictures.height, pictures.width = frames[0].shape[:2]
            pictures.pix_fmt = "yuv420p"
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        samples.sample_rate = 44100
        output.mux(sound.encode(samples))
        output.mux(sound.encode(None))
        if image is not None:
            output.start_encoding()
            packet = av.Packet(cover)
            packet.stream, packet.pts, packet.dts = image, 0, 0
            output.mux(packet)
        if pictures is not None:
            for rgb in frames:
                output.mux(pictures.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
            output.mux(pictures.encode(None))
