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
    for name, digest in digests().items():
        inside = PurePosixPath(*PurePosixPath(name).parts[1:])
        for path in (root / name, root / inside):
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
                return True
    return False
