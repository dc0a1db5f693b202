"""The command `deepbench`: what surrounds the pipeline. The pipeline itself is `dvc repro`."""

import argparse
import sys
from pathlib import Path

from deepbench.apps import weights
from deepbench.core import params, plugins

DEMO_SEED = 1


def sample(args: argparse.Namespace) -> None:
    """Put the sample pack into data/ and demo weights into weights/, where those are empty."""
    from deepbench.sample import demo_weights, pack

    data, checkpoints = args.root / "data", args.root / "weights"
    if _empty(data):
        pack.unpack(data)
        print(f"{data}: the sample pack (rendered people; see SAMPLE.txt there)")
    else:
        print(f"{data}: left as it is, not empty")
    if _empty(checkpoints):
        for name in params.load(args.root / "params.yaml").detectors:
            detector = plugins.load("detectors", name)
            # a stand-in of the same form where the published network is too large to ship
            layout = getattr(detector, "demo_layout", getattr(detector, "layout", None))
            if layout is None:
                print(f"{checkpoints / name}: no demo weights, for its file states no layout")
                continue
            demo_weights.write(layout(), DEMO_SEED, checkpoints / name / detector.CARD.weights)
        print(f"{checkpoints}: demo weights (random; their scores mean nothing)")
    else:
        print(f"{checkpoints}: left as it is, not empty")


def _empty(folder: Path) -> bool:
    return not folder.exists() or not any(folder.iterdir())


def inventory(args: argparse.Namespace) -> None:
    """List every file of a large data set, for DVC to watch instead of its bytes."""
    from deepbench.apps import inventory as files

    print(f"{args.out}: {files.write(args.data, args.out)} files")


def repro(args: argparse.Namespace) -> None:
    """Run `dvc repro` with several stages side by side."""
    from deepbench.apps import parallel

    for path in parallel.repro(args.root, args.jobs):
        print(f"{path}: removed, params.yaml no longer names it")


def report(args: argparse.Namespace) -> None:
    """Stamp the report with this checkout, log the state to MLflow and print the headline."""
    from deepbench import report as step

    for line in step.finish(args.root):
        print(line)


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="deepbench", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout (default: here)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for function in (sample, repro, inventory, report):
        name = function.__name__
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        command.set_defaults(run=function)
        if function is inventory:
            command.add_argument("data", type=Path, help="the data set's root folder")
            command.add_argument("out", type=Path, help="the list to write, e.g. data/dfdc.tsv")
        if function is repro:
            command.add_argument(
                "--jobs", type=int, default=2, help="stages at a time (default: 2)"
            )
    weights.add_command(commands)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except (ValueError, OSError, KeyError, RuntimeError) as error:
        # str() of a KeyError puts its sentence in quotes
        print(
            f"deepbench: {error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr
        )
        return 1
    return 0
