"""Text and JSON that others wrote, read with errors that name the file, the place and the cure."""

import json
from pathlib import Path
from typing import Any


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


def objects(path: Path) -> dict[str, Any]:
    """The names and values of a JSON file.

    Raises:
        ValueError: it is no JSON, or holds something else.
    """
    text = read(path)
    try:
        found = json.loads(text)
    # numbers of thousands of digits are another ValueError
    except (ValueError, RecursionError) as error:
        msg = f"{path} is no JSON ({error or 'nested too deep'}); get it anew where it came from"
        raise ValueError(msg) from None
    if not isinstance(found, dict):
        msg = f"{path} holds a JSON {type(found).__name__}, not names with values; get it anew"
        raise ValueError(msg)
    return found
