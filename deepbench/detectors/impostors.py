"""What a file in the place of a checkpoint really is: told before, and without, unpickling it."""

import re
import struct
import zipfile
from collections.abc import Collection
from pathlib import Path

from deepbench.core import plugins, presence

HEAD = 4096  # bytes that are looked at
SMALLEST = 8  # bytes; with fewer a file cannot even say what it is
AGAIN = "download it again and compare its sha256 with what the publisher states"
PAGE = "the download was refused, or the publisher wants a login or a consent first"
MAGIC = {
    b"\x89PNG": "a PNG picture, not a checkpoint",
    b"\xff\xd8\xff": "a JPEG picture, not a checkpoint",
    b"%PDF": "a PDF, not a checkpoint",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"\x89HDF": "an HDF5 file, as Keras and TensorFlow write them, not a checkpoint",
    b"\x93NUMPY": "a NumPy array, not a checkpoint",
}
ALIKE = 0.9  # share of names that two layouts must have in common to be called the same


def content(path: Path) -> str:
    """Half a sentence on what a file is, if it is seen to be no whole checkpoint; else empty."""
    size, fault = presence.look(path)
    if fault:
        return f"is {fault}; {AGAIN}" if fault.startswith("empty") else f"is {fault}"
    with path.open("rb") as file:
        head = file.read(HEAD)
    if size < SMALLEST:
        return f"is cut short after {size:,} bytes; {AGAIN}"
    if told := _text(head):
        return told
    for magic, what in MAGIC.items():
        if head.startswith(magic):
            return f"is {what}"
    if path.suffix == ".safetensors":
        return _safetensors(head, size)
    return _archive(path) if head.startswith(b"PK") else ""


def _text(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`"
    if re.match(rb"<(!doctype html|html|head|body)", start, re.IGNORECASE):
        title = re.search(rb"<title[^>]*>\s*([^<]{1,80})", head, re.IGNORECASE)
        named = f" ({title[1].decode('utf-8', 'replace').strip()!r})" if title else ""
        return f"is an HTML page{named}, not a checkpoint: {PAGE}"
    if not re.fullmatch(rb"[\t\r\n\x20-\x7e\x80-\xff]+", head) or not _decodes(head):
        return ""
    kind = {b"<": "an XML message", b"{": "a JSON message"}.get(start[:1], "a text")
    return f"is {kind} that begins {start[:40].decode('utf-8', 'replace')!r}: {PAGE}"


def _decodes(head: bytes) -> bool:
    # a letter may be cut at the end of what is looked at
    try:
        head[: HEAD - 3].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _safetensors(head: bytes, size: int) -> str:
    """A file of safetensors says in its head how long it is."""
    (length,) = struct.unpack("<Q", head[:8])
    if head[8:9] != b"{":
        return "is no safetensors file, for all that its name says"
    return f"is cut short in its head; {AGAIN}" if 8 + length > size else ""


def _archive(path: Path) -> str:
    """A file of torch is a zip archive, whose table of contents stands at its end."""
    try:
        if not zipfile.is_zipfile(path):
            what = "begins as a checkpoint does and has no end"
            return f"is cut short: it {what} ({path.stat().st_size:,} bytes); {AGAIN}"
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    # what a broken table of contents leads zipfile into
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OSError) as error:
        return f"is damaged: its table of contents cannot be read ({error}); {AGAIN}"
    if any(name.endswith("data.pkl") for name in names):
        return ""
    return f"is a zip archive of other files ({', '.join(names[:3])}), not a checkpoint; unpack it"


def owner(names: Collection[str], card: plugins.DetectorCard) -> str:
    """The detector whose published file has these names of tensors; empty if none has, or `card`'s.

    Slow: it builds every detector, on the meta device.
    """
    found, own = set(names), 0.0
    likeness: dict[str, float] = {}
    for name in plugins.names("detectors"):
        component = plugins.load("detectors", name)
        if hasattr(component, "layout"):
            layout = {key.removeprefix("module.") for key in component.layout()}
            likeness[name] = len(layout & found) / len(layout | found)
            # variants share a file
            own = max(own, likeness[name]) if card == component.CARD else own
    best = max(likeness, key=lambda name: likeness[name], default="")
    return best if best and likeness[best] >= ALIKE and likeness[best] > own else ""
