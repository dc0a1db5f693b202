"""Whether a faster way of running a detector gives the scores of float32, on real crops."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Float32, Int, UInt8
from scipy.special import expit

from deepbench.core import shards, tables
from deepbench.media import crops

SHIFT = 0.01  # of a crop's fake probability, that a fast way may cause
RANKS = 0.999  # Spearman's correlation that it must reach
FEWEST, MOST = 32, 64  # crops that are compared

Crops = UInt8[np.ndarray, "n h w 3"]
Logits = Float32[np.ndarray, "n"]


class Comparison(NamedTuple):
    """Scores of the same crops in two ways."""

    max_dp: float  # NaN if a score is not finite
    rho: float  # NaN if either way gives all crops the same score

    @property
    def fault(self) -> bool:
        """Whether that is too far apart; scores without any order are, whatever they are."""
        return not (self.max_dp <= SHIFT and self.rho >= RANKS)

    @property
    def said(self) -> str:
        """The rest of a sentence that begins with the fast way."""
        if np.isnan(self.max_dp):
            return "gives scores that are not finite"
        shift = f"shifts a probability by at most {self.max_dp:.2g} ({SHIFT:g} allowed)"
        if np.isnan(self.rho):
            return f"{shift} and gives no ranks, for all scores are the same"
        return f"{shift}, rank correlation {self.rho:.5f} ({RANKS:g} needed)"


def no_crops() -> Crops:
    """Nothing to compare on: what was found out before counts, or else float32."""
    return np.empty((0, 1, 1, 3), np.uint8)


def sample(faces: Path) -> Crops:
    """Crops to compare on, evenly from a table faces: all if it has few, at most 64."""
    total = shards.count(tables.FACES, faces)
    wanted = np.unique(np.linspace(0, total - 1, min(total, MOST)).round().astype(int))
    found = [crops.decode(png) for png in _pick(faces, wanted)]
    return np.stack(found) if found else no_crops()


def compare(exact: Logits, fast: Logits) -> Comparison:
    """How far the log-odds of a fast way are from those of float32."""
    if not (np.isfinite(exact).all() and np.isfinite(fast).all()):
        return Comparison(float("nan"), float("nan"))
    shift = np.abs(expit(exact.astype("d")) - expit(fast.astype("d"))).max()
    # most processes find a verdict or need none, and should not wait for this import
    from scipy.stats import spearmanr

    ordered = min(np.ptp(exact), np.ptp(fast)) > 0
    rho = spearmanr(exact, fast).statistic if ordered else float("nan")
    return Comparison(float(shift), float(rho))


def _pick(faces: Path, wanted: Int[np.ndarray, "place"]) -> Iterator[bytes]:
    """Pictures at some places of the table, in order; a shard with none of them is not read."""
    first = 0
    for path in shards.paths(tables.FACES, faces):
        rows = pq.read_metadata(path).num_rows
        here = wanted[(wanted >= first) & (wanted < first + rows)] - first
        if len(here):
            yield from pq.read_table(path, columns=["png"])["png"].take(here).to_pylist()
        first += rows
