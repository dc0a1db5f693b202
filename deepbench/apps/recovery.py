"""What a run that was killed leaves of DVC, and what the next run does about it.

DVC writes its records in place: a kill or a full disk cuts them short, and then DVC refuses to
start. What is cut off is made again, or comes from DVC's cache.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml
from tqdm import tqdm

from deepbench.core import files

TEMPORARY = Path(".dvc/tmp")
LOW = 5_000_000  # bytes; with less, a full disk is the likely cause of a failure


class Holder(NamedTuple):
    """A process that says in DVC's records that it is at work."""

    pid: int
    command: str


def mend(root: Path) -> list[str]:
    """Put right what a killed run left; returns a sentence for each thing.

    Raises:
        ValueError: a file is damaged otherwise; the message says what to do.
    """
    swept = [path for name in ("artifacts", "reports") for path in files.sweep(root / name)]
    said = [f"{path}: removed, a killed run had not finished it" for path in swept]
    with _records(root):
        return said + _locks(root) + _tracked(root) + _lock_file(root)


def in_order(root: Path, stages: list[str]) -> None:
    """Put the stages in dvc.lock in the order of dvc.yaml, not in that in which they ended."""
    with _records(root):
        path = root / "dvc.lock"
        head, blocks = _parts(path.read_text("utf-8"))
        place = {name: number for number, name in enumerate(stages)}
        ordered = sorted(blocks, key=lambda block: place.get(_name(block), len(place)))
        if ordered != blocks:
            files.write(path, head + "".join(ordered))


def others(root: Path, own: set[int]) -> list[Holder]:
    """Processes outside `own` that DVC's records rightly say to be at work."""
    return [holder for holder in _holders(root) if holder.pid not in own and _is_dvc(holder.pid)]


def await_others(root: Path, own: set[int]) -> bool:
    """Wait until no other DVC is at work; whether there was one."""
    met = False
    while found := others(root, own):
        if not met:
            met = True
            holder = found[0]
            tqdm.write(
                f"deepbench: waits for process {holder.pid}, {Path(holder.command).name}, which is "
                "at work in this checkout too",
                file=sys.stderr,
            )
        time.sleep(1)
    return met


def space(root: Path) -> str:
    """A sentence for a full disk, which DVC and other libraries only name; else nothing."""
    low = {
        str(folder): free
        for folder in (root.resolve(), Path(tempfile.gettempdir()))
        if (free := shutil.disk_usage(folder).free) < LOW
    }
    said = [f"{free / 1e6:,.1f} MB are left in {folder}" for folder, free in low.items()]
    return f"\ndisk full: {', '.join(said)}; free some space, then run it again" if said else ""


@contextmanager
def _records(root: Path) -> Iterator[None]:
    """Hold the lock under which DVC reads and writes its records."""
    from dvc.lock import Lock

    (root / TEMPORARY).mkdir(parents=True, exist_ok=True)
    with Lock(str(root / TEMPORARY / "lock"), wait=True):
        yield


def _holders(root: Path) -> list[Holder]:
    try:
        held = json.loads((root / TEMPORARY / "rwlock").read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return []  # DVC may be writing it
    reading = chain.from_iterable(held.get("read", {}).values())
    several = chain(held.get("write", {}).values(), reading)
    return sorted({Holder(info["pid"], info["cmd"]) for info in several})


def _is_dvc(pid: int) -> bool:
    """Whether it lives and is DVC; a number is given again, and some containers reap no dead."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "dvc" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _locks(root: Path) -> list[str]:
    """Remove the record of who reads and writes what, if none of those is at work."""
    path = root / TEMPORARY / "rwlock"
    if not path.exists() or others(root, set()):
        return []
    try:
        if not any(json.loads(path.read_text("utf-8")).values()):
            return []
    except json.JSONDecodeError:
        pass
    path.unlink()
    return [f"{path}: removed, whom it names is gone"]


def _tracked(root: Path) -> list[str]:
    """Restore data.dvc and weights.dvc from the last commit where they are cut short."""
    said = []
    for path in sorted(root.glob("*.dvc")):
        if not path.is_file() or _is_tracked(path.read_text("utf-8", errors="replace")):
            continue
        command = ["git", "show", f"HEAD:./{path.name}"]
        found = subprocess.run(command, cwd=root, capture_output=True, check=False)
        if found.returncode:
            name = path.stem
            msg = f"{path} is cut short; make it anew: rm {path.name} && dvc add {name}"
            raise ValueError(msg)
        files.write(path, found.stdout)
        said.append(f"{path}: was cut short, restored from the last commit")
    return said


def _is_tracked(text: str) -> bool:
    try:
        (out,) = _parsed(text)["outs"]
        return text.endswith("\n") and {"md5", "size", "path"} <= set(out)
    except (yaml.YAMLError, TypeError, KeyError, ValueError):
        return False


def _lock_file(root: Path) -> list[str]:
    """Take a last stage without all of its outputs out of dvc.lock: a kill cuts it short there."""
    path = root / "dvc.lock"
    if not path.exists():
        return []
    text = path.read_text("utf-8", errors="replace")
    head, blocks = _parts(text)
    outs = _outs(root)
    kept = blocks if blocks and _is_whole(blocks[-1], outs) else blocks[:-1]
    if not kept:
        path.unlink()
        return [f"{path}: removed, it held no whole stage"]
    whole = head + "".join(kept)
    try:
        _parsed(whole)
    except yaml.YAMLError as error:
        where = str(getattr(error, "problem_mark", "")).strip()
        msg = f"{path} is damaged ({where}); restore it: git checkout dvc.lock"
        raise ValueError(msg) from None
    if len(kept) == len(blocks):
        return []
    files.write(path, whole)
    name = _name(blocks[-1])
    return [f"{path}: stage {name} was cut short, or is older than dvc.yaml; it is made again"]


def _parsed(text: str) -> Any:  # noqa: ANN401 - whatever the file says
    """A YAML text; thousands of lines take seconds without libyaml."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _parts(text: str) -> tuple[str, list[str]]:
    """What stands before the stages of dvc.lock, and the lines of each."""
    head, *blocks = re.split(r"^(?=  [^\s#])", text, flags=re.MULTILINE)
    return head, blocks


def _name(block: str) -> str:
    return block.strip().partition("\n")[0].rstrip(":").strip("'\"")


def _outs(root: Path) -> dict[str, int]:
    """How many outs each kind of stage has."""
    stages = _parsed((root / "dvc.yaml").read_text("utf-8"))["stages"]
    bodies = {name: stage.get("do", stage) for name, stage in stages.items()}
    kinds = ("outs", "metrics", "plots")
    return {name: sum(len(body.get(k, [])) for k in kinds) for name, body in bodies.items()}


def _is_whole(block: str, outs: dict[str, int]) -> bool:
    """Whether a stage ends as DVC ends it, down to the last field of its last out."""
    try:
        ((name, stage),) = _parsed(block).items()
        found = stage["outs"]
        last = {"path", "hash", "md5", "size"} | (
            {"nfiles"} if str(found[-1]["md5"]).endswith(".dir") else set()
        )
    except (yaml.YAMLError, AttributeError, TypeError, KeyError, ValueError, IndexError):
        return False
    wanted = outs.get(name.partition("@")[0], len(found))
    return block.endswith("\n") and last <= set(found[-1]) and len(found) == wanted
