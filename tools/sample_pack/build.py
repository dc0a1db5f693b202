"""Build deepbench/sample/pack.zip: `python -m tools.sample_pack.build`, about five minutes."""

import argparse
import csv
import io
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tools.sample_pack import celeb_df, dfdc, edge, faceforensics, folder
from tools.sample_pack.camera import make_camera, record
from tools.sample_pack.encode import Frame, write_image, write_video
from tools.sample_pack.kit import head_kit
from tools.sample_pack.manipulations import MANIPULATIONS, Fake
from tools.sample_pack.plan import FilePlan, Group
from tools.sample_pack.streams import stream
from tools.sample_pack.takes import Take, film

PACK = Path(__file__).parents[2] / "deepbench/sample/pack.zip"
PARTS = (faceforensics, celeb_df, dfdc, folder)
LONG_AGO = (1980, 1, 1, 0, 0, 0)
MASK_CRF = 32
WORKERS = 2


class PeopleRow(NamedTuple):
    """A row of people.csv."""

    path: str
    body: str
    """Whose clip it is; several people are separated by spaces, nobody is empty."""
    face: str
    """Whose face or expression was put in; empty in real clips."""
    method: str


def build_group(group: Group, root: Path) -> None:
    """Film the takes of a group once and write all its files."""
    cv2.setNumThreads(1)
    takes = [film(plan) for plan in group.takes]
    fakes: dict[tuple[int, str], Fake] = {}
    for file in group.files:
        take = takes[file.take]
        clean = take.frames
        if file.donor is not None:
            key = (file.take, file.method)
            if key not in fakes:
                rng = stream("fake", take.plan.name, file.method)
                fakes[key] = MANIPULATIONS[file.method](take, takes[file.donor], rng)
            clean = fakes[key].frames
            if file.mask is not None:
                write_video(root / file.mask, _mask_frames(fakes[key]), MASK_CRF)
        _write_media(root / file.path, file, take, clean)


def _write_media(path: Path, file: FilePlan, take: Take, clean: list[np.ndarray]) -> None:
    """Through the take's camera, with a noise draw of the file's own, to disk."""
    name = take.plan.name
    frames = record(clean, take.plan.style, name, f"{name}/{file.method}")
    camera = make_camera(stream("camera", take.plan.style))
    if path.suffix == ".mp4":
        write_video(path, frames, file.crf or camera.crf)
    else:
        write_image(path, frames[0], camera.jpeg_quality)


def _mask_frames(fake: Fake) -> list[Frame]:
    """White where the manipulation changed the picture, black elsewhere."""
    return [
        np.repeat(np.where(mask > 0.02, 255, 0).astype(np.uint8), 3, axis=2) for mask in fake.masks
    ]


def people() -> list[PeopleRow]:
    """Who is in which file."""
    rows = []
    for part in PARTS:
        for group in part.groups():
            for file in group.files:
                take = group.takes[file.take]
                others = [] if take.companion is None else [take.companion[0]]
                donor = "" if file.donor is None else group.takes[file.donor].person
                rows.append(
                    PeopleRow(file.path, " ".join([take.person, *others]), donor, file.method)
                )
    rows += [
        PeopleRow(f"{edge.FOLDER}/{name}", who, "", "real") for name, who in edge.NAMES.items()
    ]
    return sorted(rows)


def write_tables(root: Path) -> None:
    """Write label lists, people.csv and SAMPLE.txt."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(PeopleRow._fields)
    writer.writerows(people())
    texts = {"people.csv": table.getvalue()}
    texts["SAMPLE.txt"] = (Path(__file__).parent / "SAMPLE.txt").read_text(encoding="utf-8")
    for part in PARTS:
        texts |= part.tables()
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8", newline="\n")


def write_zip(root: Path, path: Path) -> None:
    """Zip the tree so that equal trees give equal zips: sorted, one date, not compressed.

    Media would not shrink, and deflate gives other bytes with other versions of zlib.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(_files(root), key=lambda file: file.relative_to(root).as_posix()):
            info = zipfile.ZipInfo(file.relative_to(root).as_posix(), LONG_AGO)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, file.read_bytes())


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


def build_tree(root: Path) -> None:
    """Write the whole tree below `root`, two groups at a time."""
    head_kit()
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(build_group, group, root) for part in PARTS for group in part.groups()]
        tasks.append(pool.submit(edge.write_edges, root))
        for task in tasks:
            task.result()
    write_tables(root)


def main() -> None:
    """Parse the command line, build and zip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, help="keep the tree in this folder")
    parser.add_argument("--pack", type=Path, default=PACK, help="where the zip goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = arguments.tree or Path(scratch)
        build_tree(root)
        write_zip(root, arguments.pack)


if __name__ == "__main__":
    main()
