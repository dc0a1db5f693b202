"""Files of labels, read so that a damaged one is named: by itself, JSON names no file."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from deepbench.core import presence, texts


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


def read_json(path: Path) -> object:
    """A file of labels in JSON.

    Raises:
        ValueError: it is cut short or no JSON, or a name stands in it twice.
    """
    text = texts.read(path)
    twice: list[str] = []

    def noted(pairs: list[tuple[str, object]]) -> dict[str, object]:
        counts = Counter(name for name, _ in pairs)
        twice.extend(name for name, count in counts.items() if count > 1)
        return dict(pairs)

    try:
        content: object = json.loads(text, object_pairs_hook=noted)
    except RecursionError:
        msg = f"{path} is nested too deep for a list of labels; copy it again from the archive"
        raise ValueError(msg) from None
    # numbers of thousands of digits are another ValueError
    except ValueError as error:
        msg = f"{path} is cut short or no JSON ({error}); copy it again from the archive"
        raise ValueError(msg) from None
    if twice:
        msg = f"{path} has {len(twice):,} names twice, first {twice[0]!r}; keep one of each"
        raise ValueError(msg)
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
