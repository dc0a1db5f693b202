"""Celeb-DF (v2): celebrity interviews and one improved face swap, with an official test list."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from deepbench.core import texts
from deepbench.core.plugins import DatasetCard
from deepbench.core.tables import REAL, VideoRow
from deepbench.datasets import labels, listing

LIST = "List_of_testing_videos.txt"
FAKES = "Celeb-synthesis"
# folder: how its files are named; group 1 is whom the cluster is named after
NAMES = {
    "Celeb-real": r"(id\d+)_\d{4}",
    "YouTube-real": r"(\d{5})",
    FAKES: r"(id\d+)_id\d+_\d{4}",
}

CARD = DatasetCard(
    title="Celeb-DF (v2)",
    paper="Li et al., Celeb-DF: A Large-scale Challenging Dataset for DeepFake Forensics, "
    "CVPR 2020, arXiv:1909.12962",
    homepage="https://github.com/yuezunli/celeb-deepfakeforensics",
    licence="Celeb-DF terms of use, on request, research only",
    layout="""\
Celeb-real/idA_NNNN.mp4
YouTube-real/NNNNN.mp4
Celeb-synthesis/idA_idB_NNNN.mp4      clip NNNN of idA with the face of idB
List_of_testing_videos.txt            "1 Celeb-real/id1_0007.mp4": here 1 means real""",
    counts={
        "train/real": 712,
        "train/Celeb-synthesis": 5299,
        "test/real": 178,
        "test/Celeb-synthesis": 340,
    },
    identity="the person filmed (idA), in originals and in fakes made of their clips; "
    "the clip itself for YouTube-real, whose persons are unnamed",
)
# the official test list was drawn from the same celebrities as the rest
SPLITS_ARE_DISJOINT = False


def list_videos(root: Path) -> Iterator[VideoRow]:
    """Every listed test video, on disk or not, and every other video on disk as train.

    Raises:
        FileNotFoundError: the test list is missing.
        ValueError: a line or a file name is not Celeb-DF's, or a label contradicts its folder.
    """
    test = _read_list(root)
    # the spelling on disk differs between copies (Youtube-real); ids keep the official one
    homes = {folder: listing.child(root, folder) for folder in NAMES}
    paths = {item: f"{homes[item.split('/')[0]].name}/{item.split('/')[1]}.mp4" for item in test}
    for folder, home in homes.items():
        paths |= {f"{folder}/{n[:-4]}": f"{home.name}/{n}" for n in listing.names(home)}
    return iter([_row(item, paths[item], item in test) for item in sorted(paths)])


def notes(root: Path, rows: list[VideoRow]) -> list[str]:
    """What differs from the official data set, and which way its labels point."""
    test = [row for row in rows if row.split == "test"]
    found = Counter(row.method for row in test)
    sentences = [
        f"{LIST}: 1 means real; all {len(test)} lines agree with their folders "
        f"({found[REAL]} real, {found[FAKES]} fake)"
    ]
    if len(test) == 448 and not any("/YouTube-real/" in row.video_id for row in test):
        sentences.append(
            f"{LIST} has 448 lines: this is the widespread copy without the 70 YouTube-real "
            "videos; the official list has 518, and results on 448 do not compare with published"
        )
    elif len(test) != 518:
        sentences.append(f"{LIST} has {len(test)} lines, the official list has 518")
    sentences += listing.shortfall(CARD, listing.present(root, rows))
    return sentences + listing.not_videos(root, rows)


def _row(item: str, path: str, in_test: bool) -> VideoRow:
    folder, stem = item.split("/")
    named = re.fullmatch(NAMES[folder], stem, re.ASCII)
    if named is None:
        msg = (
            f"celeb_df: {path} is not named like a video of {folder} ({NAMES[folder]}); "
            "rename it or move it away"
        )
        raise ValueError(msg)
    # a bootstrap must keep together what shares the person filmed, not the face put on it:
    # the fakes of one clip share all but the face with it and with each other
    whom = item if folder == "YouTube-real" else named[1]
    return VideoRow(
        video_id=f"celeb_df/{item}",
        dataset="celeb_df",
        split="test" if in_test else "train",
        label=folder == FAKES,
        method=FAKES if folder == FAKES else REAL,
        cluster_id=f"celeb_df/{whom}",
        media="video",
        path=path,
    )


def _read_list(root: Path) -> set[str]:
    path = listing.child(root, LIST)
    if not labels.has_file(path):
        msg = (
            f"{path} is missing; it comes with Celeb-DF-v2 and says which videos are the test "
            "set: copy it from the archive into this folder"
        )
        raise FileNotFoundError(msg)
    spelt = {folder.lower(): folder for folder in NAMES}
    items: set[str] = set()
    for number, line in enumerate(texts.read(path).splitlines(), 1):
        if not line.strip():
            continue
        entry = re.fullmatch(r"([01])\s+([\w-]+)/(\w+)\.mp4", line.strip())
        folder = spelt.get(entry[2].lower()) if entry else None
        if entry is None or folder is None:
            msg = (
                f"{path} line {number} is {line!r}, not a label and a path such as "
                "'1 Celeb-real/id1_0007.mp4'; use the list of the Celeb-DF-v2 archive"
            )
            raise ValueError(msg)
        _check_label(f"{path} line {number}", entry[1], f"{folder}/{entry[3]}")
        if f"{folder}/{entry[3]}" in items:
            msg = f"{path} line {number} repeats {folder}/{entry[3]}.mp4; remove one line"
            raise ValueError(msg)
        items.add(f"{folder}/{entry[3]}")
    return items


def _check_label(where: str, digit: str, item: str) -> None:
    fake = item.startswith(FAKES)
    if (digit == "0") != fake:
        meaning, kind = ("fake", "real") if digit == "0" else ("real", "fake")
        msg = (
            f"{where} says {digit} ({meaning}) for {item}.mp4, whose folder holds {kind} videos: "
            "in this list 1 means real; use the list of the Celeb-DF-v2 archive"
        )
        raise ValueError(msg)
