"""The command `deepbench`: what surrounds the pipeline. The pipeline itself is `dvc repro`."""

import argparse
import sys
from pathlib import Path

from deepbench.core import terminal

# every command imports what it needs, so that --help answers at once
DEMO_SEED = 1
LOCK = Path("runs/deepbench.lock")  # one command that writes at a time


def sample(args: argparse.Namespace) -> None:
    """Put the sample pack into data/ and demo weights into weights/, where those are empty."""
    from deepbench.core import files, locks
    from deepbench.sample import pack

    data, checkpoints = args.root / "data", args.root / "weights"
    with locks.alone(args.root / LOCK, "deepbench sample"):
        if files.is_empty(data):
            pack.unpack(data)
            print(f"{data}: the sample pack (rendered people; see SAMPLE.txt there)")
        else:
            print(f"{data}: left as it is, not empty")
        if files.is_empty(checkpoints):
            with files.filling(checkpoints) as folder:
                _demo_weights(args.root, folder)
            print(
                f"{checkpoints}: demo weights (they know the fakes of the sample pack, and no "
                "others)"
            )
        else:
            print(f"{checkpoints}: left as it is, not empty")


def _demo_weights(root: Path, folder: Path) -> None:
    from deepbench.core import params, plugins
    from deepbench.sample import demo_weights

    for name in params.load(root / "params.yaml").detectors:
        detector = plugins.load("detectors", name)
        # a stand-in of the same form where the published network is too large to ship
        layout = getattr(detector, "demo_layout", getattr(detector, "layout", None))
        if layout is None:
            print(f"weights/{name}: no demo weights, for its file states no layout")
            continue
        values = layout() | demo_weights.trained(name)
        demo_weights.write(values, DEMO_SEED, folder / name / detector.CARD.weights)


def inventory(args: argparse.Namespace) -> None:
    """List every file of a large data set, for DVC to watch instead of its bytes."""
    from deepbench.apps import inventory as files

    print(f"{args.out}: {files.write(args.data, args.out)} files")


def repro(args: argparse.Namespace) -> None:
    """Run `dvc repro` with several stages side by side."""
    from deepbench.apps import parallel

    for line in parallel.repro(args.root, args.jobs):
        print(line)


def report(args: argparse.Namespace) -> None:
    """Stamp the report with this checkout, log the state to MLflow and print the headline."""
    from deepbench import report as step
    from deepbench.core import locks

    with locks.alone(args.root / LOCK, "deepbench report"):
        for line in step.finish(args.root):
            print(line)


def weights(args: argparse.Namespace) -> None:
    """List, verify or fetch the published checkpoints."""
    from deepbench.apps import weights as gate

    gate.weights(args)


def detect(args: argparse.Namespace) -> int:
    """Judge pictures, videos and folders of one's own with the detectors of params.yaml.

    Exit status 2: a file has no verdict, as one without a face; 1: nothing could be examined.
    """
    from deepbench.apps import detect as judge

    return judge.run(args)


def _weights_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=["list", "verify", "fetch"])
    command.add_argument("names", nargs="*", metavar="DETECTOR")
    command.add_argument("--full", action="store_true", help="verify: Effort at full size")
    command.add_argument(
        "--mirror", default="", metavar="URL", help="fetch: folder that holds the published files"
    )


def _detect_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
    command.add_argument("--json", metavar="FILE", help="write the answer as JSON; - prints it")
    command.add_argument(
        "--report", type=Path, metavar="FILE", help="write a page per file: .html, or a folder"
    )
    command.add_argument(
        "--ensemble",
        default="",
        metavar="NAME",
        help="of params.yaml, or a detector (default: the first that needs no development data)",
    )
    command.add_argument("--mlflow", action="store_true", help="log each verdict to MLflow")
    command.add_argument("--frames", type=_count, metavar="N", help="frames of a video to look at")


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        msg = f"{text!r} is no whole number above 0"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="deepbench", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout (default: here)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for function in (sample, repro, inventory, report, weights, detect):
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
        if function is weights:
            _weights_arguments(command)
        if function is detect:
            _detect_arguments(command)
    args = parser.parse_args(argv)
    terminal.show_every_letter()
    try:
        status: int | None = args.run(args)
    except OSError as error:
        from deepbench.core import files

        print(f"deepbench: {terminal.harmless(files.sentence(error))}", file=sys.stderr)
        return 1
    except (ValueError, KeyError, RuntimeError) as error:
        # str() of a KeyError puts its sentence in quotes
        said = str(error.args[0] if isinstance(error, KeyError) else error)
        print(f"deepbench: {terminal.harmless(said)}", file=sys.stderr)
        return 1
    return status or 0
