"""The same bytes in any locale, time zone and encoding, in any folder, and without a home."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

import pytest

from deepbench.sample import pack

ROOT = Path(__file__).parents[1]
ODD = 'ein D\u00f6ner\'s "Ordner" \u03b2'
# a small but real slice: settings, a folder listed, a table, a drawn figure, two composed pages
SLICE = """
import hashlib, io, sys, warnings
from pathlib import Path
warnings.filterwarnings("error", category=EncodingWarning, module=r"deepbench\\.")
sys.path.insert(0, sys.argv[2])
import detect_answers
from deepbench import manifest
from deepbench.core import params, tables
from deepbench.reporting import forensic, html
root, out = Path(sys.argv[1]), io.BytesIO()
settings = params.load(Path(sys.argv[2]).parent / "params.yaml")
every = settings.manifest.model_copy(update={"splits": [], "compressions": [], "methods": []})
built = manifest.build("folder", root / "data", every)
table = root / f"out-{sys.argv[3]}.parquet"
tables.write(tables.MANIFEST, built.videos, table)
facts = {"Page made": "now", "Commit": "c0ffee"}
pages = [
    forensic.page(detect_answers.video(), (), {"faces.frames": "8"}, facts),
    html.render("checkout.html", {"pages": {"a": ["a/\u03b2.html"]}, "facts": facts}),
    "\\n".join(built.notes), built.counts.to_string(),
]
for text in (table.read_bytes(), *(page.encode() for page in pages)):
    out.write(text)
print(hashlib.sha256(out.getvalue()).hexdigest())
"""
PLACES = {
    "C": {"LC_ALL": "C"},
    "UTF-8 of the locale": {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"},
    "Turkish": {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
    "cp1252": {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
    "Kiritimati": {"TZ": "Pacific/Kiritimati"},
    "Kathmandu": {"TZ": "Asia/Kathmandu"},
}


def environment(**changes):
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"} | changes


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder data set with names of several scripts, and Turkish i's that look alike."""
    root = tmp_path_factory.mktemp(ODD)
    for name in ("real/I\u015f\u0131k.png", "real/istanbul.png", "real/\u4e2d\u6587 a.png"):
        (root / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "data" / name).write_text(name, "utf-8")
    (root / "data/FAKE/\u0130\u00e7").mkdir(parents=True)
    (root / "data/FAKE/\u0130\u00e7/TITLE.PNG").write_text("fake", "utf-8")
    return root


@pytest.mark.slow
def test_a_slice_has_the_same_bytes_everywhere(odd):
    program = odd / "slice.py"
    program.write_text(SLICE, "utf-8")
    # warnings of text files without a stated encoding, once
    usual = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONWARNDEFAULTENCODING": "1"}
    found = {}
    for place, changes in {"usual": usual, **PLACES}.items():
        words = [sys.executable, str(program), str(odd), str(ROOT / "tests"), place]
        done = subprocess.run(
            words, env=environment(**changes), capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, (place, done.stderr)
        found[place] = done.stdout.strip()
    assert len(found["usual"]) == 64
    assert {place for place, digest in found.items() if digest != found["usual"]} == set()


@pytest.mark.slow
def test_names_that_the_system_cannot_spell_are_refused_with_the_cure(odd):
    words = [sys.executable, str(odd / "slice.py"), str(odd), str(ROOT / "tests"), "none"]
    (odd / "slice.py").write_text(SLICE, "utf-8")
    own = environment(LC_ALL="C", PYTHONUTF8="0")
    done = subprocess.run(words, env=own, capture_output=True, check=False)
    assert b"is no UTF-8, which tables cannot hold; rename it, or run without" in done.stderr


@pytest.mark.parametrize("coding", ["cp1252", "ascii", "cp437"])
def test_a_terminal_that_lacks_letters_gets_escapes(tmp_path, coding):
    (tmp_path / "params.yaml").write_text("seed: \u4e2d\n", "utf-8")
    words = [sys.executable, "-m", "deepbench.apps.cli", "--root", str(tmp_path)]
    words = [*words, "inventory", str(tmp_path / "\u4e2d\u6587"), str(tmp_path / "out")]
    run = "import sys; from deepbench.apps.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", run, *words[3:]],
        env=environment(PYTHONIOENCODING=f"{coding}:strict"), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"deepbench: no folder at " in done.stderr
    assert b"\\u4e2d\\u6587" in done.stderr


def test_a_name_cannot_command_the_terminal(tmp_path, capfd):
    run = "import sys; from deepbench.apps.cli import main; sys.exit(main(sys.argv[1:]))"
    name = tmp_path / "a\x1b]0;title\x07\x1b[2Jb"
    words = [sys.executable, "-c", run, "inventory", str(name), str(tmp_path / "out")]
    done = subprocess.run(words, env=environment(), capture_output=True, check=False)
    assert b"no folder at" in done.stderr
    assert b"\x1b" not in done.stderr


def stranger() -> tuple[list[str], Path, dict[str, str]]:
    """How to run as somebody else: words before a command, a Python that may be run, its settings.

    Whoever runs the tests as root becomes nobody; others are no root already.
    """
    if os.geteuid() != 0:
        return [], Path(sys.executable), {}
    before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    libraries, share = sysconfig.get_path("purelib"), f"{sys.prefix}/share/jupyter"
    version = "python{}.{}".format(*sys.version_info[:2])
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        settings = {"PYTHONPATH": libraries, "JUPYTER_PATH": share, "PATH": "/usr/bin:/bin"}
        test = [*before, "env", "-i", f"PYTHONPATH={libraries}", python, "-c", "import pandas"]
        if subprocess.run(test, cwd="/", capture_output=True, check=False).returncode == 0:
            return before, Path(python), settings
    return pytest.skip("nobody may run no Python of this version here")


@pytest.fixture
def open_folder():
    """A temporary folder that others may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv on this machine")
def test_a_stage_runs_for_somebody_without_a_home_in_an_odd_folder(open_folder):
    before, python, settings = stranger()
    checkout, home, scratch = (open_folder / name for name in (ODD, "home", "tmp"))
    for folder in (checkout, home, scratch, open_folder / "bin"):
        folder.mkdir()
    for name in ("deepbench", "notebooks"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    (checkout / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", checkout / ".dvc")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, checkout)
    with zipfile.ZipFile(pack.PACK) as archive:
        wanted = [name for name in archive.namelist() if name.startswith("folder/")]
        archive.extractall(checkout / "data", wanted)
    (open_folder / "bin/python").write_text(f'#!/bin/sh\nexec "{python}" "$@"\n', "utf-8")
    (open_folder / "bin/python").chmod(0o755)
    open_folder.chmod(0o755)
    if before:
        for path in (scratch, checkout, *checkout.rglob("*")):
            os.chown(path, 65534, 65534)
    home.chmod(0o555)
    own = {
        "HOME": str(home), "TMPDIR": str(scratch), "LC_ALL": "C", "PYTHONIOENCODING": "cp1252",
        "PATH": f"{open_folder / 'bin'}:{settings.get('PATH', os.environ['PATH'])}",
        "PYTHONPATH": os.pathsep.join(filter(None, [".", settings.get("PYTHONPATH", "")])),
        "JUPYTER_PATH": settings.get("JUPYTER_PATH", ""), "TZ": "Asia/Kathmandu",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip

    def run(*words):
        return subprocess.run(
            [*before, *words], cwd=checkout, env=own, capture_output=True, check=False
        )

    assert run("git", "init", "-q", ".").returncode == 0
    done = run("python", "-m", "dvc", "repro", "-s", "manifest@folder")
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    for made in ("artifacts/manifest/folder.parquet", "reports/manifest/folder.html", "dvc.lock"):
        assert (checkout / made).stat().st_uid == (65534 if before else os.geteuid())
    assert list(home.iterdir()) == []
    # what DVC and MLflow keep in files of their own, too
    logged = run(
        "python", "-c",
        "from pathlib import Path; from deepbench.reporting import tracking; "
        "tracking.log_alone(Path(), 'test', tracking.Record('a', metrics={'m': 1.0}))",
    )  # fmt: skip
    assert logged.returncode == 0, logged.stderr.decode(errors="replace")
    home.chmod(0o755)
