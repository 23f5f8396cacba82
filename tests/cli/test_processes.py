"""Commands and the server as processes of their own, the way that an operator starts them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifapp.access.credentials import new_key
from tests.load.slow_clients import PATIENCE, Slow, sign_in, slow_clients

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
GRANIAN = (str(BIN / "granian"), "--interface", "wsgi", "--no-ws", "--blocking-threads", "4", "app:app")
STOP_LIMIT = 5.0  # seconds, for two cores that run other tests too
START_LIMIT = 60.0

Environment = dict[str, str]

needs_install = pytest.mark.skipif(
    subprocess.run(["make", "--question", "install"], cwd=ROOT, check=False).returncode != 0,
    reason="`make install` has not been run since requirements.lock or pyproject.toml changed",
)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An empty instance, and nothing of the developer's own configuration."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("NOTIFAPP_", "GRANIAN_", "MAKE"))}
    return {**ours, "NOTIFAPP_INSTANCE_DIR": str(tmp_path / "instance")}


def flask(environment: Environment, *args: str, input: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "flask"), "--app", "app", *args]
    return subprocess.run(command, env=environment, cwd=ROOT, input=input, capture_output=True, text=True, timeout=60)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Server:
    """A server in a process group of its own, so that it can be interrupted as Ctrl-C does."""

    def __init__(self, command: tuple[str, ...], environment: Environment, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                    assert answer.status == 200
                    return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)

    def wait_until_logged(self, words: str) -> None:
        deadline = time.monotonic() + START_LIMIT
        while words not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> int:
        """Ask the server itself to stop, as a supervisor does. Return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=STOP_LIMIT)

    def press_ctrl_c(self) -> None:
        """Send the signal to everybody in the foreground, as a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=STOP_LIMIT)

    def kill(self) -> None:
        """End server and workers without a warning, as `kill -9` does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Leave nothing running, whatever went wrong."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.kill()


@pytest.fixture
def granian(environment: Environment, tmp_path: Path) -> Iterator[Server]:
    assert flask(environment, "init").returncode == 0
    port = free_port()
    server = Server((*GRANIAN, "--port", str(port)), environment, port, tmp_path / "log")
    yield server
    server.end()


def test_init_sets_up_an_empty_instance_and_changes_nothing_when_run_again(
    environment: Environment, tmp_path: Path
) -> None:
    assert flask(environment, "init").returncode == 0
    files = {path.name: path for path in (tmp_path / "instance").iterdir()}
    assert {"secret_key", "encryption_keys", "notifapp.sqlite3"} <= files.keys()
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files.values())
    keys = {name: files[name].read_text() for name in ("secret_key", "encryption_keys")}
    user = flask(environment, "user", "create", "ada@example.org", "--name", "Ada", "--password-stdin", input="x" * 3)
    assert "password" in refused(user)
    again = flask(environment, "init")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert keys == {name: files[name].read_text() for name in keys}


def test_init_works_on_postgresql(environment: Environment, postgres: str) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE from_the_command_line"))
    engine.dispose()
    environment["NOTIFAPP_DATABASE_URL"] = postgres.replace("/postgres?", "/from_the_command_line?", 1)
    before = flask(environment, "init", "--help")
    assert before.returncode == 0
    assert flask(environment, "init").returncode == 0
    assert flask(environment, "project", "create", "shop", "--name", "Shop").stdout == "1\n"


def test_without_keys_a_command_says_so_in_one_line(environment: Environment) -> None:
    line = refused(flask(environment, "user", "create", "ada@example.org", "--name", "Ada"))
    assert "NOTIFAPP_SECRET_KEY" in line
    assert "init" in line


@pytest.mark.parametrize("command", ["init", "demo"])
def test_a_bad_variable_is_named_in_one_line(environment: Environment, command: str) -> None:
    environment["NOTIFAPP_SECRET_KEY"] = "weak"
    assert "NOTIFAPP_SECRET_KEY" in refused(flask(environment, command))


def test_an_instance_folder_that_cannot_be_made_is_said_in_one_line(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("a file")
    assert "instance" in refused(flask(environment, "init"))


def test_before_init_a_command_points_to_it(environment: Environment) -> None:
    environment["NOTIFAPP_DEBUG"] = "1"  # makes the keys, not the database
    assert "flask --app app init" in refused(flask(environment, "project", "create", "shop", "--name", "Shop"))


@pytest.mark.parametrize("command", [("init",), ("demo",), ("settings", "show", "shop")])
def test_an_unreachable_database_is_one_line_without_its_password(
    environment: Environment, command: tuple[str, ...]
) -> None:
    password = new_key()
    environment["NOTIFAPP_DEBUG"] = "1"
    environment["NOTIFAPP_DATABASE_URL"] = f"postgresql://notifapp:{password}@127.0.0.1:{free_port()}/notifapp"
    line = refused(flask(environment, *command))
    assert "database can't be reached" in line
    assert password not in line


def test_the_server_stops_at_once_and_without_a_traceback(granian: Server) -> None:
    granian.wait_until_ready()
    assert granian.stop() == 0
    assert "Traceback" not in granian.log.read_text()


def test_a_server_that_is_killed_starts_again(granian: Server, environment: Environment, tmp_path: Path) -> None:
    granian.wait_until_ready()
    granian.kill()
    port = free_port()
    second = Server((*GRANIAN, "--port", str(port)), environment, port, tmp_path / "second")
    try:
        second.wait_until_ready()
        assert second.stop() == 0
    finally:
        second.end()


def test_a_server_without_keys_stops_with_one_clear_line(environment: Environment, tmp_path: Path) -> None:
    port = free_port()
    server = Server((*GRANIAN, "--port", str(port)), environment, port, tmp_path / "log")
    try:
        assert server.process.wait(timeout=START_LIMIT) == 1
    finally:
        server.end()
    output = server.log.read_text()
    assert output.count("NOTIFAPP_SECRET_KEY is not set") == 1
    assert "Traceback" not in output
    assert output.count("Spawning worker") == 1


@needs_install
def test_make_run_serves_the_demo_and_goes_on_with_it(environment: Environment, tmp_path: Path) -> None:
    outputs = []
    for name in ("first", "second"):
        port = free_port()
        server = Server(("make", "run", f"PORT={port}"), environment, port, tmp_path / name)
        try:
            server.wait_until_ready()
            server.wait_until_logged("worker started")
            with socket.create_connection(("127.0.0.1", port)):  # as a browser keeps one open
                server.press_ctrl_c()
        finally:
            server.end()
        outputs.append(server.log.read_text().replace(str(port), "PORT"))
        assert "Traceback" not in outputs[-1]
        assert "Killing" not in outputs[-1]
        assert "worker stopped" in outputs[-1]
    signed_in = [[line for line in output.splitlines() if "@example.com" in line] for output in outputs]
    assert len(signed_in[0]) == 3
    assert signed_in[0] == signed_in[1]
    assert "Open http://127.0.0.1:PORT " in outputs[0]


@needs_install
def test_twenty_slow_clients_do_not_stop_make_run(environment: Environment, tmp_path: Path) -> None:
    port = free_port()
    server = Server(("make", "run", f"PORT={port}"), environment, port, tmp_path / "log")
    try:
        server.wait_until_ready()
        email, password = (tmp_path / "instance" / "demo.txt").read_text().splitlines()[-2].split()
        for slow in Slow:
            with slow_clients(port, 20, slow):
                for _ in range(3):
                    with urllib.request.urlopen(f"{server.url}/healthz", timeout=PATIENCE) as answer:
                        assert answer.status == 200, slow
                    sign_in(server.url, email, password)
    finally:
        server.end()


@needs_install
def test_make_run_says_in_one_line_that_its_port_is_taken(environment: Environment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = ["make", "run", f"PORT={port}"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert f"Port {port} is taken" in done.stderr
    assert "Traceback" not in done.stderr
