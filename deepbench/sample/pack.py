"""The sample pack: small rendered stand-ins for the data sets, kept in `pack.zip`."""

import hashlib
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath

from deepbench.core import files

PACK = Path(__file__).with_name("pack.zip")


def unpack(destination: Path) -> None:
    """Write the pack's tree, all of it or nothing, into `destination`, which must be empty."""
    if destination.exists() and not (destination.is_dir() and files.is_empty(destination)):
        msg = (
            f"{destination} is not an empty folder, and the sample pack must not mix with other "
            "data: name another folder, or empty this one first"
        )
        raise FileExistsError(msg)
    with files.filling(destination) as folder, zipfile.ZipFile(PACK) as archive:
        archive.extractall(folder)


@cache
def digests() -> dict[str, str]:
    """Path in the pack -> sha256 of the file, in hexadecimal."""
    with zipfile.ZipFile(PACK) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def holds_sample(root: Path) -> bool:
    """Whether a data-set folder (or the folder above) holds any file of the pack, byte for byte.

    Asks for the pack's own paths only, so it is quick on data sets of any size.
    """
    return _place(root) is not None


def missing(root: Path) -> tuple[list[str], int]:
    """Files of the pack that a folder which holds the sample lacks, and how many it should have.

    Raises:
        ValueError: the folder does not hold the sample.
    """
    place = _place(root)
    if place is None:
        msg = f"{root} holds no file of the sample pack; ask holds_sample first"
        raise ValueError(msg)
    own = [n for n in digests() if n.startswith(place) and not n.endswith("/")]
    return [n for n in own if not (root / n.removeprefix(place)).is_file()], len(own)


def _place(root: Path) -> str | None:
    """What stands before the pack's paths to make them relative to a folder that holds any."""
    for name, digest in digests().items():
        top = f"{PurePosixPath(name).parts[0]}/"
        for place in ("", top):
            path = root / name.removeprefix(place)
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
                return place
    return None
