"""The interactive notebooks as web pages of this machine: `python -m deepbench.apps.page`.

Voila serves them on the loopback address, behind a token that it prints with the address. Pages may
fetch nothing from elsewhere, and a kernel ends soon after its page is closed.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

NOTEBOOKS = ("explore", "detect")
# Voila's page runs scripts of its own inline; a webcam's pictures are blobs
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' ws: data: blob:; worker-src 'self' blob:; "
    "frame-ancestors 'none'"
)
IDLE, EVERY = 120, 30  # seconds


def prepare(root: Path, folder: Path) -> None:
    """Copy the interactive notebooks, and no stage's, to a folder that is served.

    Their kernels start at the root of the checkout.

    Raises:
        FileNotFoundError: the checkout has none of them.
    """
    pages = folder / "pages"
    pages.mkdir(parents=True)
    found = [p for name in NOTEBOOKS if (p := root / f"notebooks/{name}.ipynb").exists()]
    if not found:
        msg = f"no notebooks/{NOTEBOOKS[0]}.ipynb in {root.resolve()}; run from a checkout's root"
        raise FileNotFoundError(msg)
    for path in found:
        shutil.copy(path, pages / path.name)
    startup = folder / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    line = f"import os; os.chdir({str(root.resolve())!r})\n"
    (startup / "00-root.py").write_text(line, "utf-8")


def serve(folder: Path, port: int, token: str, browser: bool) -> None:
    """Serve a prepared folder until interrupted; without a token Voila draws one."""
    import os

    from traitlets.config import Config
    from voila.app import Voila

    os.environ["IPYTHONDIR"] = str(folder / "ipython")
    config = Config()
    config.Voila.ip, config.Voila.port, config.Voila.open_browser = "127.0.0.1", port, browser
    config.Voila.root_dir = str(folder / "pages")
    if token:
        config.Voila.token = token
    else:
        config.Voila.auto_token = True
    config.Voila.tornado_settings = {
        "headers": {"Content-Security-Policy": POLICY},
        # Voila's own setting would answer to any name that leads to this machine
        "allow_remote_access": False,
    }
    config.MappingKernelManager.cull_interval = EVERY
    config.MappingKernelManager.cull_idle_timeout = IDLE
    Voila.launch_instance([str(folder / "pages")], config=config)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout (default: here)")
    parser.add_argument("--port", type=int, default=8866)
    parser.add_argument("--token", default="", help="default: drawn at random and printed")
    parser.add_argument("--no-browser", action="store_true")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="deepbench-") as folder:
        prepare(args.root, Path(folder))
        serve(Path(folder), args.port, args.token, not args.no_browser)


if __name__ == "__main__":
    main()
