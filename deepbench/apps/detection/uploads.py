"""A file on its way from the browser: kept under a name of our own, refused before it is whole."""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deepbench.core.verdicts import Media
from deepbench.media import kinds

PREFIX = "deepbench-upload-"
LONGEST = 255  # characters of a name that are shown
MOST_PARTS = 64  # pictures of a burst
LARGEST = 2**53  # bytes; a browser counts no further


class Upload:
    """One file, or the pictures of a burst, in a temporary folder that `close` removes."""

    def __init__(self, name: str, sizes: Sequence[int], burst: bool) -> None:
        """Make room for it.

        Args:
            name: as the browser tells it; only ever shown.
            sizes: bytes of each part: one of a file, several of a burst.
            burst: the parts are pictures that count as one video.
        """
        if not 1 <= len(sizes) <= (MOST_PARTS if burst else 1) or min(sizes) < 0:
            msg = f"an upload of {len(sizes)} parts; a file has one, a burst up to {MOST_PARTS}"
            raise ValueError(msg)
        if sum(sizes) > (kinds.UPLOADS.video if burst else LARGEST):
            msg = f"the browser announces {sum(sizes):,} bytes, more than any upload may have"
            raise ValueError(msg)
        self.name = name[-LONGEST:] or "unnamed"
        self.media: Media | None = "frames" if burst else None
        self.foreign = False  # its first bytes say that it is neither a picture nor a video
        self._sizes, self._part, self._got = list(sizes), 0, 0
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX)
        self._lock: int | None = None
        if sys.platform != "win32":  # which has no such locks; what a kill leaves is its owner's
            from deepbench.apps.detection import leftovers

            leftovers.remove(PREFIX)
            self._lock = leftovers.lock(Path(self._folder.name))
        for part in range(len(sizes)):
            self._place(part).touch()

    @property
    def path(self) -> Path:
        """The file; of a burst, the folder with its pictures."""
        return Path(self._folder.name) if self.media else self._place(0)

    @property
    def share(self) -> float:
        """How much of it is here, from 0 to 1."""
        return (sum(self._sizes[: self._part]) + self._got) / max(sum(self._sizes), 1)

    def add(self, piece: bytes) -> None:
        """Store the next bytes.

        Raises:
            ValueError: it is neither a picture nor a video, is too large, or is not what was
                announced; one plain sentence.
        """
        if self._part == len(self._sizes) or self._got + len(piece) > self._sizes[self._part]:
            msg = "the browser sends more than it announced; load the page again"
            raise ValueError(msg)
        size, path = self._sizes[self._part], self._place(self._part)
        with path.open("r+b") as file:
            file.seek(self._got)
            file.write(piece)
        if self._got == 0:
            self._check(path, size)
        self._got += len(piece)
        if self._got == size:
            self._part, self._got = self._part + 1, 0

    def _check(self, path: Path, size: int) -> None:
        """Look at the first bytes and the announced size, before the rest comes."""
        self.foreign = True
        kind = kinds.kind(path)
        self.foreign = False
        if self.media and kind != "image":
            msg = "a burst is made of pictures"
            raise ValueError(msg)
        with path.open("r+b") as file:
            file.truncate(size)  # as large as it will be, and takes no room yet
        kinds.check_size(path, kind, kinds.UPLOADS)

    def check_whole(self) -> None:
        """Raise ValueError if bytes are missing."""
        if self._got or any(self._sizes[self._part :]):
            msg = f"only {self.share:.0%} of the file arrived; try again"
            raise ValueError(msg)

    def close(self) -> None:
        """Remove everything."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self._folder.cleanup()

    def _place(self, part: int) -> Path:
        # a wrong ending could mislead a decoder, and none is needed
        name = f"{part:03}.png" if self.media else "file"
        return Path(self._folder.name) / name
