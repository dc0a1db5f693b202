"""Downloads that go on where they were cut, and that say what went wrong."""

import fcntl
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from deepbench.core import files

CHUNK = 1 << 20  # bytes
TIMEOUT = 30.0  # seconds without a byte


class Begun(NamedTuple):
    """What an earlier attempt left: bytes so far, and the version of the file they are of."""

    part: Path  # the bytes
    tag: Path  # the server's name of that version, if it gave one

    @property
    def size(self) -> int:
        """Bytes at hand."""
        return self.part.stat().st_size if self.part.exists() else 0

    def forget(self) -> None:
        """Remove both."""
        self.part.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)


def begun(path: Path) -> Begun:
    """Where a download to `path` keeps what it has."""
    return Begun(path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.tag"))


def fetch(url: str, path: Path, sha256: str = "") -> str:
    """Download a file and return its sha256; a cut download goes on where it stopped.

    Args:
        url: http or https.
        path: must not exist yet; it appears only when the file is whole and right.
        sha256: what the file must have; empty if nobody has stated it.

    Raises:
        FileExistsError: there is something at `path`, or another process is downloading it.
        ConnectionError: no network, or the connection ended early; the message says what to do.
        OSError: it cannot be written, as on a full disk; the message says what to do.
        ValueError: the server has no such file, sent a web page, sent another file, or leaves no
            way to tell a whole file from a cut one.
    """
    if path.exists():
        msg = f"{path} is there already; move it away to download {url} to it"
        raise FileExistsError(msg)
    earlier = begun(path)
    if not (sha256 or earlier.tag.exists()):
        earlier.forget()  # nothing would tell that what follows is of another version
    try:
        with files.telling(path), _open(url, earlier, path) as response, _only_one(path):
            if not (sha256 or response.chunked or response.headers.get("Content-Length")):
                msg = f"{url}: the server does not say how long the file is, and its sha256 is not "
                msg += "known: a cut would not be noticed; get it by hand"
                raise ValueError(msg)
            _receive(response, earlier, path)
            found = _adopt(url, earlier, path, sha256)
    except http.client.HTTPException as error:
        raise _cut(path, earlier, repr(error)) from None
    return found


def _adopt(url: str, earlier: Begun, path: Path, sha256: str) -> str:
    with earlier.part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 and found != sha256:
        earlier.forget()
        msg = f"{url}: sha256 is {found} instead of {sha256}; nothing was kept, download it again"
        raise ValueError(msg)
    files.adopt(earlier.part, path)
    earlier.forget()
    return found


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Let one process at a time download into a folder: two would mix their bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        msg = f"another process is downloading to {path.parent}; wait for it, then look again"
        raise FileExistsError(msg) from None
    finally:
        os.close(descriptor)


def _open(url: str, earlier: Begun, path: Path) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "deepbench"})
    if earlier.size:
        request.add_header("Range", f"bytes={earlier.size}-")
        if earlier.tag.exists():
            # the whole file comes if it is no longer the one that was begun
            request.add_header("If-Range", earlier.tag.read_text("utf-8"))
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and earlier.size:
            # more bytes than the file has: they are of another one
            earlier.forget()
            return _open(url, earlier, path)
        msg = f"{url}: the server answered {error.code} {error.reason}; look for the file by hand"
        raise ValueError(msg) from None
    except OSError as error:
        host = urllib.parse.urlsplit(url).hostname
        msg = (
            f"no network: could not reach {host} ({getattr(error, 'reason', error)}); "
            f"download {url} by hand and put it at {path}"
        )
        raise ConnectionError(msg) from None
    if response.headers.get_content_type() == "text/html":
        response.close()
        msg = f"{url}: the server sent a web page, not a file; open the address in a browser"
        raise ValueError(msg)
    return response


def _receive(response: http.client.HTTPResponse, earlier: Begun, path: Path) -> None:
    start, total = _extent(response, earlier.size)
    if not start:
        earlier.forget()
        # a weak tag does not promise the same bytes
        if (tag := response.headers.get("ETag", "")) and not tag.startswith("W/"):
            earlier.tag.write_text(tag, "utf-8")
    with (
        earlier.part.open("ab") as part,
        tqdm(
            total=total, initial=start, desc=path.name, unit="B", unit_scale=True, leave=False
        ) as bar,
    ):
        try:
            while chunk := response.read(CHUNK):
                part.write(chunk)
                bar.update(len(chunk))
        except (TimeoutError, ConnectionError) as error:
            raise _cut(path, earlier, str(error)) from None
    if total is not None and earlier.size != total:
        raise _cut(path, earlier, f"{earlier.size:,} of {total:,} bytes came")


class Extent(NamedTuple):
    """Where an answer's bytes begin in the file, and the file's size if the server said it."""

    start: int
    total: int | None


def _extent(response: http.client.HTTPResponse, asked: int) -> Extent:
    length = response.headers.get("Content-Length")
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return Extent(0, int(length) if length else None)
    span = response.headers.get("Content-Range", "")
    stated = re.fullmatch(rf"bytes {asked}-\d+/(\d+|\*)", span)
    if stated is None:
        msg = f"{response.url}: asked for the bytes from {asked}, the server sent {span!r}"
        raise ValueError(msg)
    return Extent(asked, None if stated[1] == "*" else int(stated[1]))


def _cut(path: Path, earlier: Begun, why: str) -> ConnectionError:
    return ConnectionError(
        f"the download of {path.name} was cut ({why}); what came is kept in {earlier.part}, "
        "run the same command again to go on"
    )
