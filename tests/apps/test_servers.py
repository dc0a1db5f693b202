"""The three servers as `make lab`, `make app` and `make mlflow` start them."""

import base64
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 180  # seconds for a server to answer
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("make"), reason="no make on this machine"),
]


class Server(NamedTuple):
    """A running server, and what it has printed."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def said(self, pattern: str) -> str:
        """The first group of a pattern in what it printed, when it is there."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := re.search(pattern, self.log.read_text("utf-8", errors="replace")):
                return found[1]
            assert self.process.poll() is None, self.log.read_text("utf-8", errors="replace")
            time.sleep(0.2)
        pytest.fail(f"{pattern} was not said: {self.log.read_text('utf-8', errors='replace')}")

    def status(self, path: str, host: str = "", login: str = "") -> int:
        """What it answers to a request, without following a redirect."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if host:
            request.add_header("Host", host)
        if login:
            coded = base64.b64encode(login.encode()).decode()
            request.add_header("Authorization", f"Basic {coded}")
        try:
            with urllib.request.build_opener(_Still).open(request, timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def sends(self, path: str, token: str) -> bytes:
        """What comes of a request with the token, wherever it is led to."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Authorization", f"token {token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.read()

    def listening(self) -> set[str]:
        """Addresses at which it or a program that it started takes connections."""
        started = psutil.Process(self.process.pid)
        found = set()
        for one in [started, *started.children(recursive=True)]:
            for connection in one.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    found.add(connection.laddr.ip)
        return found


class _Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *asked: object) -> None:
        return None


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A checkout in a folder with odd letters, and this environment in place of its own."""
    root = tmp_path_factory.mktemp('ein Döner\'s "Ordner"')
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "params.yaml"):
        shutil.copy(ROOT / name, root)
    # one beside the checkout, one in it
    for place in (root.parent / "secret.yaml", root / "secret.yaml", root / "params.yaml"):
        with place.open("a", encoding="utf-8") as file:
            file.write("# the canary of params.yaml\n")
    (root / "notebooks").mkdir()
    for name in ("detect", "explore", "03_scores"):
        shutil.copy(ROOT / f"notebooks/{name}.ipynb", root / "notebooks")
    own = root / ".venv"
    own.mkdir()
    for name in ("bin", "lib", "share", "etc"):
        (own / name).symlink_to(Path(sys.prefix) / name)
    if (made := Path(sys.prefix) / "pyvenv.cfg").exists():
        shutil.copy(made, own)
    (own / "ready").touch()
    return root


@contextmanager
def started(root: Path, target: str) -> Iterator[Server]:
    """`make TARGET` on a free port, ended with all that it started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = root / f"{target}.log"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "BROWSER": "true", "HOME": str(root)}
    # a server of root's asks to be allowed
    allowed = root / ".jupyter/jupyter_server_config.py"
    allowed.parent.mkdir(exist_ok=True)
    allowed.write_text("c.ServerApp.allow_root = True\n", "utf-8")
    with log.open("wb") as out:
        words = ["make", "-o", ".venv/ready", target, f"PORT={port}"]
        process = subprocess.Popen(
            words, cwd=root, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield Server(process, port, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()


SECRETS = re.compile(rb"root:.*:0:0:|the canary of params.yaml")
ATTEMPTS = (
    *("/../secret.yaml", "/..%2fsecret.yaml", "/..%5csecret.yaml", "/../../secret.yaml"),
    *("/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/%00"),
    *("/../../../../../../../etc/passwd", "/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd"),
)


def test_lab_answers_this_machine_with_its_token_alone(root):
    with started(root, "lab") as server:
        token = server.said(r"127\.0\.0\.1:\d+/lab\?token=(\w{20,})")
        assert server.said(r"127\.0\.0\.1:(\d+)/lab\?token=") == str(server.port)
        assert server.status("/api/contents") == 403
        assert server.status("/api/contents?token=wrong") == 403
        assert server.status(f"/api/contents?token={token}") == 200
        assert server.status(f"/api/contents?token={token}", host="evil.example") == 403
        assert server.status("/api/kernels") == 403
        assert server.listening() == {"127.0.0.1"}
        for attempt in ATTEMPTS:
            assert not SECRETS.search(server.sends(f"/files{attempt}", token)), attempt
        assert SECRETS.search(server.sends("/files/params.yaml", token))  # which is in the checkout
        # kernels begin at the root of the checkout, whatever letters it has
        line = root / ".venv/ipython/profile_default/startup/00-root.py"
        there = f"{line.read_text('utf-8')}\nprint(os.getcwd())"
        said = subprocess.run([sys.executable, "-c", there], capture_output=True, check=True)
        assert os.fsdecode(said.stdout).strip() == str(root)


def test_app_serves_two_notebooks_to_this_machine_with_its_token(root):
    with started(root, "app") as server:
        token = server.said(r"token=(\w{20,})")
        server.said(r"(127\.0\.0\.1:\d+)")
        assert server.status("/login") == 200
        assert server.status("/") in (302, 403)
        assert server.status("/voila/render/detect.ipynb") in (302, 403)
        assert server.status(f"/?token={token}") == 200
        assert server.status(f"/?token={token}", host="evil.example") == 403
        assert server.status(f"/?token={token}", host="localhost") == 200
        assert server.listening() == {"127.0.0.1"}
        assert server.status(f"/voila/render/03_scores.ipynb?token={token}") == 404
        for home in ("/voila/render", "/voila/files", "/voila/static", "/voila/tree"):
            for attempt in ATTEMPTS:
                assert not SECRETS.search(server.sends(home + attempt, token)), home + attempt
        for name in ("detect.ipynb", "explore.ipynb", "anything.txt"):
            assert server.status(f"/voila/files/{name}?token={token}") in (403, 404)


def test_mlflow_answers_this_machine_with_its_password_alone(root):
    with started(root, "mlflow") as server:
        password = server.said(r"the password (\S{20,})")
        server.said("(Application startup complete|Uvicorn running)")
        login = f"deepbench:{password}"
        assert server.status("/", login=login) == 200
        assert server.status("/") == 401
        assert server.status("/", login="deepbench:wrong") == 401
        assert server.status("/", login="admin:password1234") == 401
        assert server.status("/", login=login, host="evil.example") == 403
        assert server.status("/", login=login, host="localhost:1") == 403
        assert server.listening() == {"127.0.0.1"}
        routes = subprocess.run(
            [sys.executable, "-c", ROUTES], capture_output=True, check=True, encoding="utf-8"
        )
        asked = [route for route in routes.stdout.split() if route not in PUBLIC]
        assert len(asked) > 100
        shown = {route: server.status(route) for route in asked}
        # 404 and 405: not there in this form
        assert {r: s for r, s in shown.items() if s not in (401, 403, 404, 405)} == {}
    users = [
        p
        for p in Path(tempfile.gettempdir()).glob("deepbench-*/auth.ini")
        if password in p.read_text()
    ]
    assert users == []


PUBLIC = ("/health", "/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info")
ROUTES = """
import re
from mlflow.server import app as flask
from mlflow.server.fastapi_app import app
paths = {*app.openapi()["paths"], *map(str, flask.url_map.iter_rules())}
for path in sorted(paths):
    print(re.sub("{[^}]*}|<[^>]*>", "x", path))
"""
