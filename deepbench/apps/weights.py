"""`deepbench weights list | verify | fetch`: the gate through which checkpoints come in."""

import argparse
import hashlib
import shutil
from pathlib import Path
from typing import Literal, NamedTuple

from tqdm import tqdm

from deepbench.apps import download
from deepbench.apps.published import SOURCES, UNSTATED, at_hand, card_of, find, is_demo, wrapped
from deepbench.apps.published import listing as listing
from deepbench.core import files, params, plugins


class Check(NamedTuple):
    """One thing looked at, and what there is to say."""

    what: str
    state: Literal["ok", "failed", "unknown"]
    says: str


class Verdict(NamedTuple):
    """All that was looked at for one detector."""

    detector: str
    checks: list[Check]

    @property
    def failed(self) -> bool:
        """Whether anything is wrong; what nobody knows and what is not there is not."""
        return any(check.state == "failed" for check in self.checks)


def verify(root: Path, names: list[str], full: bool = False) -> list[Verdict]:
    """Check the files at hand and the installed libraries.

    Args:
        root: the checkout, with weights/<detector>/.
        names: of detectors; none means all.
        full: self-test of Effort at its published size, 1.2 GB, not of a small ViT of its form.
    """
    chosen = names or plugins.names("detectors")
    for name in chosen:
        plugins.load("detectors", name)  # a wrong name is found before minutes of work
    return [
        Verdict(name, [*_file_checks(root, name), _self_test(name, full)])
        for name in tqdm(chosen, "verify", leave=False)
    ]


def _file_checks(root: Path, detector: str) -> list[Check]:
    path, problem = find(root, detector)
    if path is None:
        return [Check("file", "failed" if problem else "unknown", at_hand(root, detector))]
    return [
        Check("file", "ok", at_hand(root, detector)),
        _loads(path, detector),
        Check("size", "unknown", f"the published file's is {UNSTATED}"),
        _sha256(path, card_of(detector)),
    ]


def _loads(path: Path, detector: str) -> Check:
    try:
        plugins.load("detectors", detector).load(path, "cpu", "float32")
    except ValueError as error:
        return Check("load", "failed", str(error))
    return Check("load", "ok", "every tensor in its place, nothing missing or unexpected")


def _sha256(path: Path, card: plugins.DetectorCard) -> Check:
    found = digest(path)
    if is_demo(path):
        return Check("sha256", "unknown", f"{found}; demo weights have nothing to match")
    if not card.sha256:
        return Check("sha256", "unknown", f"{found}; the published file's is {UNSTATED}")
    if found == card.sha256:
        return Check("sha256", "ok", f"{found}, the published file's")
    says = f"{found} instead of {card.sha256}: not the file {card.weights} of {card.published}"
    return Check("sha256", "failed", says)


def _self_test(detector: str, full: bool) -> Check:
    from deepbench.apps import selftest

    if fault := selftest.run(detector, full):
        return Check("self-test", "failed", fault)
    form = selftest.key(detector, full)
    return Check("self-test", "ok", f"the installed libraries give the stored scores of {form}")


def describe(verdicts: list[Verdict]) -> str:
    """What `verify` found, for a terminal."""
    blocks = [
        "\n".join([v.detector, *(wrapped(f"  {c.state:<9}{c.what:<11}", c.says) for c in v.checks)])
        for v in verdicts
    ]
    return "\n\n".join(blocks)


def fetch(root: Path, names: list[str], mirror: str = "") -> list[str]:
    """Download published files into weights/<detector>/; one sentence for each.

    Args:
        root: the checkout.
        names: of detectors; none means those of params.yaml.
        mirror: address of a folder with the published files, instead of where they are published.

    Raises:
        RuntimeError: some could not be had; a sentence for each, after the others were tried.
    """
    chosen = names or params.load(root / "params.yaml").detectors
    cards = {name: card_of(name) for name in chosen}
    done, faults = [], []
    for name, card in cards.items():
        try:
            done.append(f"{name}: {_fetch(root / 'weights' / name / card.weights, card, mirror)}")
        except (OSError, ValueError) as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise RuntimeError(
            "\n".join([f"{len(faults)} of {len(cards)} not fetched", *done, *faults])
        )
    return done


def _fetch(path: Path, card: plugins.DetectorCard, mirror: str) -> str:
    if path.exists():
        return _keep(path, card)
    for same in sorted(path.parents[1].glob(f"*/{card.weights}")):
        if not is_demo(same) and card.sha256 in ("", digest(same)):
            with files.unfinished(path) as part:
                shutil.copyfile(same, part)
            return f"{path}, a copy of {same}"
    source = SOURCES.get(card.weights)
    address = source.address if source else ""
    if mirror:
        address = f"{mirror.rstrip('/')}/{card.weights}"
    if not address:
        where = source.by_hand if source else card.published
        msg = f"{card.weights} is published {where}; get it by hand and put it at {path}"
        raise ValueError(msg)
    found = download.fetch(address, path, card.sha256)
    stated = "the stated one" if card.sha256 else f"the right one is {UNSTATED}"
    return f"{path}, sha256 {found}; {stated}"


def _keep(path: Path, card: plugins.DetectorCard) -> str:
    if is_demo(path):
        msg = f"{path} is demo weights; delete it, then fetch again"
        raise FileExistsError(msg)
    found = digest(path)
    if card.sha256 not in ("", found):
        msg = f"{path} is another file, its sha256 {found}; move it away, then fetch again"
        raise FileExistsError(msg)
    return f"{path} is there already and left as it is, sha256 {found}"


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights(args: argparse.Namespace) -> None:
    """List, verify or fetch the published checkpoints."""
    if args.action == "list":
        print(listing(args.root))
    elif args.action == "fetch":
        print("\n".join(fetch(args.root, args.names, args.mirror)))
    else:
        verdicts = verify(args.root, args.names, args.full)
        print(describe(verdicts))
        if failed := [verdict.detector for verdict in verdicts if verdict.failed]:
            msg = f"{len(failed)} of {len(verdicts)} detectors failed: {', '.join(failed)}"
            raise RuntimeError(msg)
