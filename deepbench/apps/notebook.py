"""Run one stage's notebook: `python -m deepbench.apps.notebook NOTEBOOK PAGE [-p NAME VALUE]...`.

The notebook runs from the repository root with papermill. Its page is one self-contained HTML file
that is the same bytes for the same results; what differs from run to run (times, ids, progress) is
stripped. A notebook that fails is kept, as far as it ran, under `runs/`.
"""

import argparse
import ast
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

DVC = os.getppid()  # asked before the slow imports, during which it may be killed

# jsonschema compiles grammars of a format that no notebook uses, for 2 seconds per stage
# (python-jsonschema/jsonschema issue 1428)
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import nbformat
import papermill
import yaml
from jupyter_client.manager import AsyncKernelManager
from nbconvert import HTMLExporter
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from deepbench.core import files, locks, terminal
from deepbench.core.processes import JOBS

RUNS = Path("runs")
TIMINGS = Path("artifacts/timings")
LOCK = "DEEPBENCH_STAGE_LOCK"  # tells the kernel's manager the descriptor of the stage's lock
ORPHANED = 0.5  # seconds between two looks whether DVC still lives


class Kernel(AsyncKernelManager):
    """A kernel that holds its stage's lock too, for it may outlive this process by a second."""

    async def start_kernel(self, **kw: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        """Start the kernel process."""
        await self._async_start_kernel(pass_fds=(int(os.environ[LOCK]),), **kw)


def declared(notebook: nbformat.NotebookNode) -> set[str]:
    """Names that the cell tagged `parameters` assigns."""
    names: set[str] = set()
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    names.add(node.id)
    return names


def strip(notebook: nbformat.NotebookNode) -> None:
    """Remove all that differs between two runs of the same thing."""
    notebook.metadata = {
        "kernelspec": notebook.metadata.kernelspec,
        "language_info": {"name": "python"},
    }
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index}"
        cell.metadata = {"tags": cell.metadata.get("tags", [])}
        if cell.cell_type == "code":
            # progress bars and warnings go to stderr; they were shown while it ran
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]


def page(notebook: nbformat.NotebookNode) -> str:
    """The notebook as HTML that loads nothing from anywhere."""
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="lab",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        require_js_url="",
        mathjax_url="",
        mermaid_js_url="",
        mermaid_layout_elk_js_url="",
        embed_images=True,
    )
    body, _ = exporter.from_notebook_node(notebook)
    return str(body)


def execute(path: Path, parameters: dict[str, object], stage: str) -> nbformat.NotebookNode:
    """Run the notebook in the current directory; progress goes to this process's stderr.

    Raises:
        ValueError: a parameter that the notebook does not declare (papermill would only warn).
        PapermillExecutionError: a cell failed; `runs/<stage>.ipynb` is the notebook as it then was.
    """
    known = declared(nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]
    if strangers := sorted(set(parameters) - known):
        msg = f"{path} has no parameter {strangers}; its parameters cell declares {sorted(known)}"
        raise ValueError(msg)
    RUNS.mkdir(exist_ok=True)
    # the kernel must import this checkout, whatever else is installed
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [".", os.environ.get("PYTHONPATH")]))
    # sockets in a folder of one's own: no other user can listen, no kernel beside it can collide
    with tempfile.TemporaryDirectory(prefix="deepbench-") as sockets:
        executed: nbformat.NotebookNode = papermill.execute_notebook(
            str(path),
            str(RUNS / f"{stage}.ipynb"),
            parameters=parameters,
            kernel_name="python3",
            cwd=".",
            progress_bar=False,
            stderr_file=sys.stderr,
            config=Config(
                {
                    "KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"},
                    "NotebookClient": {"kernel_manager_class": Kernel},
                }
            ),
        )
    return executed


def main(argv: list[str] | None = None) -> int:
    """Run a notebook and write its page; returns the exit code."""
    parser = argparse.ArgumentParser(prog="deepbench.apps.notebook", description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("page", type=Path)
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    args = parser.parse_args(argv)
    terminal.show_every_letter()
    stage = os.environ.get("DVC_STAGE", args.page.with_suffix("").as_posix()).replace("/", "-")
    if "DVC_ROOT" in os.environ:
        threading.Thread(target=_end_with_dvc, daemon=True).start()
    try:
        with locks.alone(RUNS / f"{stage}.lock", f"stage {stage}") as lock:
            os.environ[LOCK] = str(lock)
            return _run(args, stage)
    except OSError as error:
        print(f"deepbench: {files.sentence(error)}", file=sys.stderr)
        return 1


def _end_with_dvc() -> None:
    """End when DVC was killed: what it started must not write beside the next run's stages."""
    while os.getppid() == DVC:
        time.sleep(ORPHANED)
    os._exit(1)


def _run(args: argparse.Namespace, stage: str) -> int:
    start = time.perf_counter()
    try:
        notebook = execute(args.notebook, {k: yaml.safe_load(v) for k, v in args.p}, stage)
    except ValueError as error:
        print(f"deepbench: {terminal.harmless(str(error))}", file=sys.stderr)
        return 2
    except PapermillExecutionError as error:
        print(
            f"deepbench: {args.notebook} failed: {error.ename}: {terminal.harmless(error.evalue)}\n"
            f"deepbench: open {RUNS / f'{stage}.ipynb'} to see how far it ran",
            file=sys.stderr,
        )
        return 1
    strip(notebook)
    files.write(args.page, page(notebook))
    seconds = round(time.perf_counter() - start, 2)
    # beside other stages it takes longer than alone
    jobs = int(os.environ.get(JOBS, "1"))
    timing = json.dumps({"stage": stage, "seconds": seconds, "jobs": jobs})
    files.write(TIMINGS / f"{stage}.json", timing + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
