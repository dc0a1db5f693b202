"""Text that others wrote, read with errors that name the file, the place and the cure."""

from pathlib import Path


def read(path: Path) -> str:
    """A text in UTF-8, with or without a byte order mark.

    Raises:
        ValueError: it is in another encoding, or no text.
    """
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        found = error.object[error.start]
        msg = f"{path} is no text in UTF-8 (byte {found:#04x} at {error.start}); save it as UTF-8"
        raise ValueError(msg) from None
