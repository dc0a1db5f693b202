"""What is printed, on terminals of any encoding."""

import io
import sys


def show_every_letter() -> None:
    """Let output show letters that its encoding lacks as escapes: a name must not end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def harmless(text: str) -> str:
    """A text without what a terminal would obey; its line breaks and tabs stay."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
