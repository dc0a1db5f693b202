"""Files of labels, read so that a damaged one is named: by itself, JSON names no file."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from deepbench.core import presence


def has_file(path: Path) -> bool:
    """Whether there is a file with something in it; false only where there is nothing at all.

    Raises:
        ValueError: something stands there that cannot be read.
    """
    fault = presence.look(path).fault
    if fault in ("", presence.ABSENT):
        return not fault
    msg = f"{path} is {fault}; copy it again from where the data set was published"
    raise ValueError(msg)


def text(path: Path) -> str:
    """A file of labels as text.

    Raises:
        ValueError: it is not UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{path} is no text in UTF-8 ({error.reason} at byte {error.start}); copy it again"
        raise ValueError(msg) from None


def read_json(path: Path) -> object:
    """A file of labels in JSON.

    Raises:
        ValueError: it is cut short or no JSON, or a name stands in it twice.
    """

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = Counter(name for name, _ in pairs)
            twice = [name for name, count in names.items() if count > 1]
            msg = f"{path} has {len(twice):,} names twice, first {twice[0]!r}; keep one of each"
            raise ValueError(msg)
        return found

    try:
        content: object = json.loads(text(path), object_pairs_hook=once)
    except json.JSONDecodeError as error:
        msg = f"{path} is cut short or no JSON ({error}); copy it again from the archive"
        raise ValueError(msg) from None
    return content


def entries(path: Path) -> dict[str, Any]:
    """A JSON file of names with what is said of each.

    Raises:
        ValueError: it holds something else.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        msg = f"{path} holds a {type(content).__name__}, not names with labels; use the archive's"
        raise ValueError(msg)
    wrong = [name for name, said in content.items() if not isinstance(said, dict)]
    if wrong:
        msg = (
            f"{path} says no label, set or split of {len(wrong):,} names, first {wrong[0]!r} "
            f"({content[wrong[0]]!r}); use the file of the archive"
        )
        raise ValueError(msg)
    return content
