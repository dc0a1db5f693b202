"""Several files at a time: folders opened, every file answered or its failure told."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from deepbench.apps.detection.examiner import Examiner, Tell, silent
from deepbench.core.verdicts import Answer, Batch, Failure, Progress
from deepbench.media import kinds


class Listed(NamedTuple):
    """A file to examine, and the name to show."""

    path: Path
    name: str


class Listing(NamedTuple):
    """What there is to examine, and files of folders that are neither pictures nor videos.

    Also left out is what symbolic links take out of a folder: only what was named is opened.
    """

    files: list[Listed]
    left_out: list[str]


def listing(paths: list[Path]) -> Listing:
    """The files of paths; those of a folder, and of the folders in it, by name.

    A path that names a file itself is always examined, so that a wrong one is a failure.
    """
    files: list[Listed] = []
    left_out: list[str] = []
    for path in paths:
        if not path.is_dir():
            files.append(Listed(path, path.name))
            continue
        home = path.resolve()
        for inside in sorted(p for p in path.rglob("*") if p.is_file()):
            name = inside.relative_to(path).as_posix()
            if not inside.resolve().is_relative_to(home):
                left_out.append(f"{name} (a link out of the folder; name the file itself)")
            elif _is_media(inside):
                files.append(Listed(inside, name))
            else:
                left_out.append(name)
    return Listing(files, left_out)


def _is_media(path: Path) -> bool:
    try:
        kinds.kind(path)
    except ValueError:
        return False
    return True


def examine_each(
    examiner: Examiner,
    files: list[Listed],
    limits: kinds.Limits | None = None,
    tell: Tell = silent,
) -> Iterator[Answer | Failure]:
    """Each file's answer or failure, as soon as it is there."""
    for done, file in enumerate(files, 1):
        try:
            yield examiner.examine(file.path, file.name, limits=limits, tell=tell)
        except (ValueError, OSError) as error:
            # str() of an OSError would carry the machine's path
            says = error.strerror if isinstance(error, OSError) else str(error)
            yield Failure(file.name, says or type(error).__name__)
        tell(Progress(file.name, "files", done, len(files)))


def examine_all(
    examiner: Examiner,
    paths: list[Path],
    limits: kinds.Limits | None = None,
    tell: Tell = silent,
) -> Batch:
    """All files of some paths.

    Raises:
        ValueError: there is nothing to examine in them.
    """
    found = listing(paths)
    if not found.files:
        msg = f"no picture or video in {', '.join(map(str, paths))}; name files, or another folder"
        raise ValueError(msg)
    return gather(list(examine_each(examiner, found.files, limits, tell)), found.left_out)


def gather(outcomes: list[Answer | Failure], left_out: list[str]) -> Batch:
    """Outcomes of `examine_each` as one."""
    return Batch(
        tuple(outcome for outcome in outcomes if isinstance(outcome, Answer)),
        tuple(outcome for outcome in outcomes if isinstance(outcome, Failure)),
        tuple(left_out),
    )
