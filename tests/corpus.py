"""A data set `folder` of odd and damaged files, made from the sample pack with a seed."""

import io
import os
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import odd_pictures
import odd_videos
from odd_videos import Case

PACK = Path(__file__).parents[1] / "deepbench/sample/pack.zip"
CLIP = "DFDC/test/cutxorifmf.mp4"
FRAMES = 12
UNREADABLE = r"(file|image) unreadable: .+"
NEITHER = r"(file|image) unreadable: neither a picture nor a video, by its first bytes; known .+"
EMPTY = r"(file|image) unreadable: an empty file; known .+"
PICTURE = r"file unreadable: it is a picture, not a video; give it the suffix of what it is"
VIDEO = r"image unreadable: it is a video, not a picture; give it the suffix of what it is"
SPECIAL = r"file unreadable: not a file but a folder, a named pipe or a device"
STOPPED = r"decoding stopped after frame (\d+) of 12: .+"
NAMES = (
    *("two\nlines", "quote\"s, 'more' \N{GRINNING FACE}", "<script>alert(1)<", "שלום עולם"),
    *("tab\tand \x1b[31mred", "with space", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
    *("cafe\N{COMBINING ACUTE ACCENT}",),
    *("\N{RIGHT-TO-LEFT OVERRIDE}4pm",),
    *(
        "-rf",
        "100% #1 & more; $HOME `ls`",
        "back\\slash",
        "n" * 240,
        "\uff21",
    ),
)


# Formats without checksums or a code that breaks when a bit is wrong: such damage cannot be seen.
MUTE = (
    *("vp8.webm", "10-bit-hevc.mp4", "progressive.jpg", "cmyk.jpg", "picture.webp"),
    *("picture.bmp",),
)


def build(root: Path, seed: int, depth: int) -> list[Case]:
    """Write the corpus into `root`/real; `depth` files of each kind of damage."""
    folder = root / "real"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(PACK) as pack:
        pack.extract(CLIP, root.parent)
    frames = odd_videos.decoded(root.parent / CLIP, FRAMES)
    cases = [*odd_videos.healthy(folder, frames), *odd_pictures.healthy(folder, frames[0])]
    cover = (folder / "portrait.png").read_bytes()
    cases += [*odd_videos.hollow(folder, cover), *odd_pictures.bombs(folder)]
    cases += [*_misnamed(folder), *_named(folder, NAMES[: 5 * depth]), *_no_files(folder)]
    return [*cases, *_damaged(folder, np.random.default_rng(seed), depth)]


def _misnamed(folder: Path) -> Iterator[Case]:
    for source, name, says in (
        ("reference.mp4", "a-video.jpg", VIDEO),
        ("plain.mkv", "a-video.png", VIDEO),
        ("portrait.png", "a-picture.mp4", PICTURE),
        ("progressive.jpg", "a-picture.mkv", PICTURE),
    ):
        (folder / name).write_bytes((folder / source).read_bytes())
        yield Case(name, says, 0)
    for source, name in (("reference.mp4", "an-mp4.avi"), ("444.webm", "a-webm.mp4")):
        (folder / name).write_bytes((folder / source).read_bytes())
        yield Case(name, like="reference.mp4", off=8)
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))
    clip = (folder / "reference.mp4").as_posix()
    texts = {
        "text": b"A text that is called a film.",
        "page": b"<!DOCTYPE html><p>404",
        "drawing": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        "list": f"ffconcat version 1.0\nfile '{clip}'\n".encode(),
        "playlist": f"#EXTM3U\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n".encode(),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) print\n",
        "sound": sound.getvalue(),
        "zip": PACK.read_bytes()[:5000],
        "nothing-but-zeros": bytes(20_000),
        "stored-elsewhere": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    }
    for name, content in texts.items():
        for suffix in (".mp4", ".png"):
            (folder / (name + suffix)).write_bytes(content)
            yield Case(name + suffix, NEITHER, 0)
    for suffix in (".mp4", ".avi", ".mkv", ".webm", ".mov", ".png", ".jpg", ".webp", ".bmp"):
        (folder / f"empty{suffix}").write_bytes(b"")
        yield Case(f"empty{suffix}", EMPTY, 0)


def _named(folder: Path, names: tuple[str, ...]) -> Iterator[Case]:
    for name in names:
        (folder / f"{name}.mp4").write_bytes((folder / "reference.mp4").read_bytes())
        yield Case(f"{name}.mp4", like="reference.mp4")
    below = folder / "a folder\nof <b>its own"
    below.mkdir()
    (below / "portrait.png").write_bytes((folder / "portrait.png").read_bytes())
    yield Case(f"{below.name}/portrait.png", like="portrait.png", faces=1)


def _no_files(folder: Path) -> Iterator[Case]:
    os.mkfifo(folder / "pipe.mp4")
    yield Case("pipe.mp4", SPECIAL, 0)
    os.mkfifo(folder / "pipe.png")
    yield Case("pipe.png", SPECIAL.replace("file u", "image u"), 0)
    (folder / "endless.mp4").symlink_to("/dev/zero")
    yield Case("endless.mp4", SPECIAL, 0)
    (folder / "to-nowhere.mp4").symlink_to(folder / "gone.mp4")
    yield Case("to-nowhere.mp4", "file not found", 0)
    (folder / "to-itself.png").symlink_to(folder / "to-itself.png")
    yield Case("to-itself.png", "file not found", 0)


def _damaged(folder: Path, rng: np.random.Generator, depth: int) -> Iterator[Case]:
    videos = ("reference.mp4", "plain.mkv", "old.avi", "transport.mp4", "portrait.png")
    for source in (*videos, *MUTE):
        content = (folder / source).read_bytes()
        stem, suffix = Path(source).stem, Path(source).suffix
        for number in range(depth):
            cut = content[: int(len(content) * (number + 0.5 + rng.random() / 2) / (depth + 1))]
            flips = np.frombuffer(content, np.uint8).copy()
            places = rng.integers(0, len(content), (1, 4, 16, 64)[number % 4])
            flips[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
            start = int(rng.integers(len(content) // 2))
            hole = content[:start] + bytes(len(content) // 10) + content[start:]
            hole = hole[: len(content)]
            for kind, damaged in (("cut", cut), ("flips", flips.tobytes()), ("hole", hole)):
                name = f"{kind}-{number}-{stem}{suffix}"
                (folder / name).write_bytes(damaged)
                yield Case(name, r"(?s).*", None, source)
