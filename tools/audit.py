"""Known faults of what requirements.lock pins: `python3 tools/audit.py`, for CI.

pip-audit runs in an environment of its own. Without the network, or where the index in use keeps
no advisories, it would report that nothing is known; here that is one dated line, and no error.
"""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
SECONDS = 240
# identifier of an advisory: why it is no danger here
ACCEPTED: dict[str, str] = {}


def report(lock: Path) -> dict[str, Any]:
    """What pip-audit says of a lock file; CI runs on Linux.

    Raises:
        OSError, subprocess.SubprocessError, ValueError: it cannot be installed, or says nothing.
    """
    with tempfile.TemporaryDirectory(prefix="deepbench-") as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin/python"
        _run([str(python), "-m", "pip", "install", "--quiet", "--retries", "1", "pip-audit"])
        out = Path(folder) / "audit.json"
        words = ["-m", "pip_audit", "--no-deps", "--disable-pip", "--format", "json"]
        words += ["--progress-spinner", "off", "--requirement", str(lock), "--output", str(out)]
        _run([str(python), *words])
        said: dict[str, Any] = json.loads(out.read_text("utf-8"))
        return said


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, timeout=SECONDS, check=False)
    # pip-audit's 1 says that it found something
    if done.returncode not in (0, 1) or (done.returncode and "pip" in words):
        raise subprocess.CalledProcessError(done.returncode, words)


def verdict(said: dict[str, Any], today: str) -> tuple[list[str], bool]:
    """What to print of a report, and whether it must be answered."""
    pins = said["dependencies"]
    known = [pin for pin in pins if "skip_reason" not in pin]
    if not known:
        return [f"{today}: none of {len(pins)} pins audited: there are no advisories here"], False
    lines = [f"{today}: {len(known)} of {len(pins)} pins audited"]
    open_ones = 0
    for pin in known:
        for fault in pin["vulns"]:
            why = next(_reasons([fault["id"], *fault["aliases"]]), "")
            open_ones += not why
            cure = ", ".join(fault["fix_versions"]) or "none yet"
            told = f"accepted: {why}" if why else f"cured in: {cure}"
            lines.append(f"{pin['name']} {pin['version']}: {fault['id']}; {told}")
    return lines, bool(open_ones)


def _reasons(names: list[str]) -> Iterator[str]:
    return (ACCEPTED[name] for name in names if name in ACCEPTED)


def main() -> int:
    """Print what is known; 1 if a fault is neither cured nor accepted with a reason."""
    today = datetime.now(UTC).date().isoformat()
    try:
        lines, bad = verdict(report(LOCK), today)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        lines, bad = [f"{today}: {LOCK.name} not audited: {type(error).__name__}"], False
    print("\n".join(lines))
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
