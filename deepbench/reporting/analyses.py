"""The tables of the steps behind the results, as the report reads them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from deepbench.core import evidence, findings, tables


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
class Frequency:
    """What sets fakes apart in frequency, and what a scorer makes of it."""

    spectra: pd.DataFrame
    summaries: pd.DataFrame
    means: pd.DataFrame  # evidence.MEAN_SPECTRA
    probe: pd.DataFrame


@dataclass(frozen=True)
class Explanations:
    """What detectors' scores rest on, of all detectors."""

    maps: pd.DataFrame  # evidence.GRADCAM
    checks: pd.DataFrame


@dataclass(frozen=True)
class Analyses:
    """All of them."""

    comparisons: Comparisons
    ensembles: Ensembles
    calibration: Calibration
    sensitivity: pd.DataFrame
    frequency: Frequency


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
    "artifacts/spectra/spectra.parquet": evidence.SPECTRA,
    "artifacts/spectra/summaries.parquet": evidence.SUMMARIES,
    "artifacts/spectra/mean_spectra.parquet": evidence.MEAN_SPECTRA,
    "artifacts/spectra/probe.parquet": evidence.PROBE,
}


def read(root: Path) -> Analyses:
    """Read and check the tables of a checkout."""
    found = [tables.read(table, root / path) for path, table in FILES.items()]
    return of(found)


def explanations(root: Path, detectors: list[str]) -> Explanations:
    """Read and check the tables of Grad-CAM, which stand apart by detector."""
    folders = [root / "artifacts/gradcam" / name for name in detectors]
    return Explanations(
        tables.read(evidence.GRADCAM, *(folder / "gradcam.parquet" for folder in folders)),
        tables.read(evidence.MAP_CHECKS, *(folder / "map_checks.parquet" for folder in folders)),
    )


def of(found: list[pd.DataFrame]) -> Analyses:
    """The tables in the order of `FILES`, by name."""
    return Analyses(
        Comparisons(*found[:3]),
        Ensembles(*found[3:7]),
        Calibration(*found[7:11]),
        found[11],
        Frequency(*found[12:16]),
    )


def frames(analyses: Analyses) -> dict[str, pd.DataFrame]:
    """The tables by the names they have in `core/findings.py`."""
    groups = [
        [part] if isinstance(part, pd.DataFrame) else list(vars(part).values())
        for part in vars(analyses).values()
    ]
    names = (table.name for table in FILES.values())
    return dict(zip(names, (frame for group in groups for frame in group), strict=True))
