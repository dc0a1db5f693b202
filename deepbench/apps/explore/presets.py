"""A weighting written into params.yaml, where `dvc repro` finds it."""

import io
import re
from collections import Counter
from pathlib import Path

import yaml
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from deepbench.core import blocks, files, params

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def save(path: Path, name: str, ensemble: blocks.Ensemble, replace: bool) -> str:
    """Add an ensemble to params.yaml, whose comments and order stay; returns a sentence.

    Raises:
        ValueError: the name is no name, is taken, or the file would be wrong with it.
    """
    if not NAME.fullmatch(name) or yaml.safe_load(name) != name:
        msg = (
            f"{name!r} cannot be a name: take small letters, digits and _, with a letter first, at "
            "most 40, e.g. mostly_effort"
        )
        raise ValueError(msg)
    before = path.read_text("utf-8")
    there = params.load(path).videos.ensembles
    if name in there and not replace:
        msg = f"params.yaml has an ensemble {name!r}; choose another name, or tick Replace"
        raise ValueError(msg)
    after = _with(before, name, ensemble)
    if lost := _lost(before, after):
        msg = f"params.yaml was left as it is: a comment would be lost, {lost[0].strip()!r}"
        raise ValueError(msg)
    try:
        params.Params.model_validate(yaml.safe_load(after))
    except ValidationError as error:
        said = "; ".join(str(e["msg"]).removeprefix("Value error, ") for e in error.errors())
        msg = f"params.yaml was left as it is: {said}"
        raise ValueError(msg) from None
    files.write(path, after)
    return (
        f"params.yaml now has the ensemble {name!r}; `dvc repro` (or `make repro`) makes its "
        "results and its place in the report"
    )


def _with(text: str, name: str, ensemble: blocks.Ensemble) -> str:
    """The file's text with one more ensemble."""
    style = YAML()
    style.width = 100_000  # long lines are the file's own business
    style.preserve_quotes = True
    style.indent(mapping=2, sequence=4, offset=2)
    tree = style.load(text)
    weights = CommentedMap({k: _plain(w) for k, w in ensemble.weights.items() if w > 0})
    weights.fa.set_flow_style()
    ensembles = tree["videos"]["ensembles"]
    ensembles.fa.set_block_style()  # where there was none, it says `{}`
    ensembles[name] = CommentedMap(rule=ensemble.rule, weights=weights)
    out = io.StringIO()
    style.dump(tree, out)
    return out.getvalue()


def _lost(before: str, after: str) -> list[str]:
    """Lines with a comment that are not in the new text as they were."""
    kept = Counter(after.splitlines())
    gone = Counter(before.splitlines()) - kept
    return [line for line in gone if "#" in line]


def _plain(weight: float) -> int | float:
    return int(weight) if weight == int(weight) else round(weight, 6)
