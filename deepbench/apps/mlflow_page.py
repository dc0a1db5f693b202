"""MLflow's pages of this checkout: `python -m deepbench.apps.mlflow_page`.

They are served on the loopback address to whoever has the password that is printed, and that is
another one each time. MLflow itself would ask for none.
"""

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

from deepbench.reporting import tracking

USER = "deepbench"
# MLflow's own settings; the users' database is as short-lived as the password
AUTH = """\
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = sqlite:///{folder}/users.db
admin_username = {user}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 300
"""


def command(root: Path, port: int) -> list[str]:
    """MLflow's server for a checkout; it answers to this machine's own names alone."""
    names = ",".join(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))
    return [
        *(sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--allowed-hosts", names, "--cors-allowed-origins", f"http://127.0.0.1:{port}"),
        *("--x-frame-options", "DENY", "--no-serve-artifacts"),
        *("--backend-store-uri", tracking.store(root)),
        # a path would go into an SQL text, where not every letter may stand
        *("--default-artifact-root", (root.resolve() / "mlartifacts").as_uri()),
    ]


def settings(folder: Path, password: str) -> dict[str, str]:
    """Environment of the server; `folder`, which only this user may enter, gets its users."""
    place = folder / "auth.ini"
    place.write_text(AUTH.format(folder=folder, user=USER, password=password), "utf-8")
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(place),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
        # nothing here gives it work
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted; returns MLflow's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout (default: here)")
    parser.add_argument("--port", type=int, default=5000)
    args = parser.parse_args(argv)
    password = secrets.token_urlsafe(24)
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="deepbench-") as folder:
        environment = os.environ | settings(Path(folder), password)
        print(
            f"http://{USER}:{password}@127.0.0.1:{args.port}/\n"
            f"or http://127.0.0.1:{args.port}/ with the user {USER}, the password {password}",
            flush=True,
        )
        with subprocess.Popen(command(args.root, args.port), env=environment) as server:
            try:
                return server.wait()
            finally:
                server.terminate()


def _end(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C, so that nothing is left running or lying about."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
