"""A data set held against its published counts: fewer videos are a gap (core/gaps.py)."""

from collections import Counter
from collections.abc import Iterator
from types import ModuleType

from deepbench.core.blocks import Manifest
from deepbench.core.gaps import Gap
from deepbench.core.tables import REAL, VideoRow


def gaps(
    source: ModuleType, listed: list[VideoRow], found: list[VideoRow], asked: Manifest
) -> list[Gap]:
    """One gap per split with fewer videos than were published, of what the settings ask for.

    Args:
        source: the file of the data set.
        listed: every row of it, whatever the settings.
        found: the rows that the settings ask for and that can be read.
        asked: the settings; empty lists mean everything that was published.
    """
    counts = source.official(listed) if hasattr(source, "official") else source.CARD.counts
    splits: dict[str, dict[str, int]] = {}
    for cell, count in counts.items():
        split, _, method = cell.partition("/")
        if not asked.splits or split in asked.splits:
            splits.setdefault(split, {})[method] = count
    several = len({cell.partition("/")[2] for cell in counts} - {REAL}) > 1
    wanted = asked.methods if several else []
    compression = next(iter({row.compression for row in found}), "")
    own = Counter((row.split, row.method) for row in found)
    told = []
    for split, methods in splits.items():
        here = {m: (own[split, m], n) for m, n in methods.items() if _counts(m, wanted)}
        here |= dict(_of_all_fakes(source, split, found, asked))
        told += _short(f"{split} {compression}".strip(), here)
    return told


def _counts(method: str, wanted: list[str]) -> bool:
    return method == REAL or not wanted or method in wanted


def _of_all_fakes(
    source: ModuleType, split: str, found: list[VideoRow], asked: Manifest
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Where fakes are published as one number for all methods."""
    published = getattr(source, "FAKES", {})
    if split in published and not asked.methods:
        yield "fakes", (sum(row.label and row.split == split for row in found), published[split])


def _short(where: str, here: dict[str, tuple[int, int]]) -> list[Gap]:
    short = {method: cell for method, cell in here.items() if cell[0] < cell[1]}
    if not short:
        return []
    missing = sum(official - found for found, official in short.values())
    total = sum(official for _, official in here.values())
    told = ", ".join(f"{method} {found:,} of {n:,}" for method, (found, n) in short.items())
    sentence = f"{where}: {missing:,} of {total:,} official videos are missing; here are {told}"
    return [Gap("official", missing, total, sentence)]
