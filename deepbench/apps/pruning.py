"""Tables that params.yaml no longer asks for."""

import shutil
from pathlib import Path

from deepbench.core import params


def prune(root: Path, settings: params.Params) -> list[Path]:
    """Remove tables of data sets and scorers that params.yaml no longer names.

    Later stages depend on the whole folders, so that a table left behind would change what DVC
    records of them. Returns what was removed.
    """
    artifacts = root / "artifacts"
    manifests = sorted((artifacts / "manifest").glob("*.*"))
    stale = [path for path in manifests if path.stem not in settings.datasets]
    for kind in ("faces", "scores", "frequency"):
        folders = [path for path in sorted((artifacts / kind).glob("*")) if path.is_dir()]
        known = [*settings.datasets, *(["external", "frequency"] if kind == "scores" else [])]
        stale += [folder for folder in folders if folder.name not in known]
    named = dict.fromkeys(settings.datasets, settings.detectors)
    named |= {"external": list(settings.external), "frequency": settings.datasets}
    for folder, scorers in named.items():
        stale += [
            path
            for path in sorted((artifacts / "scores" / folder).glob("*"))
            if _stale(path, scorers, single=folder == "external")
        ]
    for path in stale:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return stale


def _stale(path: Path, scorers: list[str], single: bool) -> bool:
    """Whether scores are of a scorer that takes no part, or in the wrong form.

    Scores from elsewhere are a single file, all others a folder of shards.
    """
    if path.is_dir() or path.suffix == ".json":
        return path.stem not in scorers
    return path.suffix == ".parquet" and not (single and path.stem in scorers)
