"""How long one waits: for the first verdict of `deepbench detect`, and for a stage's imports.

Every figure is of a whole process, from its start to its end. With several trees (checkouts of two
commits, say) they take turns.
"""

import argparse
import ast
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import inputs
from deepbench.core import params
from deepbench.sample import pack

ROOT = Path(__file__).parents[1]
COMMAND = {
    f"deepbench detect {argument}": "import sys; from deepbench.apps.cli import main; "
    f"sys.exit(main(['detect', '{argument}']))"
    for argument in ("picture.png", "--help")
}


class Run(NamedTuple):
    """What one process took."""

    wall: float  # seconds
    cpu: float  # seconds of the processor, all threads, the system's included
    load: float  # of the machine over the last minute, at its end


def timed(tree: Path, cwd: Path, code: str) -> Run:
    """Run Python code with a tree's package; raises CalledProcessError if it fails."""
    environment = os.environ | {"PYTHONPATH": str(tree), "MPLBACKEND": "agg"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=cwd, env=environment, check=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, os.getloadavg()[0])


def checkout(cache: Path, demo_size: bool) -> Path:
    """A folder like a checkout, with made-up checkpoints, settings and a picture; made once."""
    root = cache / ("first_demo" if demo_size else "first_full")
    for detector in params.load(ROOT / "params.yaml").detectors:
        path = inputs.weights(cache, detector, demo_size)
        place = root / "weights" / detector / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.hardlink_to(path)
    if not (root / "picture.png").exists():
        pack.unpack(root / "pack")
        picture = next(iter(sorted((root / "pack/folder/fake").glob("*.png"))))
        picture.rename(root / "picture.png")
    return root


def stages() -> dict[str, str]:
    """What a stage imports: its notebook's imports in the kernel, and those of its runner."""
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return {"nothing": "pass", "the runner's imports": "import deepbench.apps.notebook"} | {
        f"imports of {path.stem}": imports(path) for path in notebooks
    }


def imports(notebook: Path) -> str:
    """The import statements of a notebook."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    kinds = (ast.Import, ast.ImportFrom)
    return "\n".join(ast.unparse(n) for n in ast.walk(ast.parse(code)) if isinstance(n, kinds))


def told(name: str, tree: str, runs: list[Run]) -> str:
    """Medians, with the lowest and the highest."""
    parts = []
    for column in ("cpu", "wall"):
        values = [getattr(run, column) for run in runs]
        middle = statistics.median(values)
        parts.append(f"{column} {middle:6.2f} s ({min(values):.2f}-{max(values):.2f})")
    loads = [run.load for run in runs]
    return f"{name:<29} {'  '.join(parts)}  load {min(loads):.1f}-{max(loads):.1f}  {tree}".rstrip()


def main() -> None:
    """Time the command and the imports, in turns, and print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trees", nargs="*", type=Path, default=[ROOT], help="default: this one")
    cache = Path(tempfile.gettempdir()) / "deepbench-benchmark"
    parser.add_argument("--cache", type=Path, default=cache, help="for weights, 1.4 GB")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="Effort in the demo weights' size")
    parser.add_argument("--no-stages", action="store_true", help="the command only")
    args = parser.parse_args()
    trees = [tree.resolve() for tree in args.trees]
    root = checkout(args.cache.resolve(), args.quick)
    work = COMMAND if args.no_stages else COMMAND | stages()
    for name, code in work.items():
        runs: dict[Path, list[Run]] = {tree: [] for tree in trees}
        for turn in range(args.runs):
            for tree in trees if turn % 2 == 0 else reversed(trees):
                # each tree has its own settings
                shutil.copy(tree / "params.yaml", root)
                runs[tree].append(timed(tree, root, code))
        for tree in trees:
            print(told(name, str(tree) if len(trees) > 1 else "", runs[tree]), flush=True)


if __name__ == "__main__":
    main()
