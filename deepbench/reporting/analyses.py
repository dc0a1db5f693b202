"""The tables of the steps behind the results, as the report reads them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from deepbench.core import findings, tables


@dataclass(frozen=True)
class Comparisons:
    """Scorers against scorers, and data sets against data sets."""

    pairs: pd.DataFrame  # findings.COMPARISONS
    ranks: pd.DataFrame
    transfer: pd.DataFrame


@dataclass(frozen=True)
class Ensembles:
    """What each weighting is worth, and what its members share."""

    contributions: pd.DataFrame
    agreement: pd.DataFrame
    oracle: pd.DataFrame
    simplex: pd.DataFrame


@dataclass(frozen=True)
class Calibration:
    """What the development split chose, and what it is worth elsewhere."""

    thresholds: pd.DataFrame
    figures: pd.DataFrame  # findings.CALIBRATION
    reliability: pd.DataFrame
    abstention: pd.DataFrame


@dataclass(frozen=True)
class Analyses:
    """All of them."""

    comparisons: Comparisons
    ensembles: Ensembles
    calibration: Calibration
    sensitivity: pd.DataFrame


# in the order in which the fields above take them
FILES = {
    "artifacts/comparisons/comparisons.parquet": findings.COMPARISONS,
    "artifacts/comparisons/ranks.parquet": findings.RANKS,
    "artifacts/comparisons/transfer.parquet": findings.TRANSFER,
    "artifacts/ensembles/contributions.parquet": findings.CONTRIBUTIONS,
    "artifacts/ensembles/agreement.parquet": findings.AGREEMENT,
    "artifacts/ensembles/oracle.parquet": findings.ORACLE,
    "artifacts/ensembles/simplex.parquet": findings.SIMPLEX,
    "artifacts/calibration/thresholds.parquet": findings.THRESHOLDS,
    "artifacts/calibration/calibration.parquet": findings.CALIBRATION,
    "artifacts/calibration/reliability.parquet": findings.RELIABILITY,
    "artifacts/calibration/abstention.parquet": findings.ABSTENTION,
    "artifacts/sensitivity.parquet": findings.SENSITIVITY,
}


def read(root: Path) -> Analyses:
    """Read and check the tables of a checkout."""
    found = [tables.read(table, root / path) for path, table in FILES.items()]
    return of(found)


def of(found: list[pd.DataFrame]) -> Analyses:
    """The tables in the order of `FILES`, by name."""
    return Analyses(
        Comparisons(*found[:3]), Ensembles(*found[3:7]), Calibration(*found[7:11]), found[11]
    )


def frames(analyses: Analyses) -> dict[str, pd.DataFrame]:
    """The tables by the names they have in `core/tables.py`."""
    groups = (analyses.comparisons, analyses.ensembles, analyses.calibration)
    parts = [frame for group in groups for frame in vars(group).values()]
    names = (table.name for table in FILES.values())
    return dict(zip(names, [*parts, analyses.sensitivity], strict=True))
