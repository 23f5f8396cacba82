"""A project that sends through a mail server on loopback, what is known of its deliveries, and workers as processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.channels import Channel
from notifapp.config import Config
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery, Purpose
from notifapp.delivery.service import Outgoing, enqueue
from tests.notifiers.mail import PASSWORD
from tests.world import World

ROOT = Path(__file__).parents[2]
SECRET_TEXT = "73519 is your code"
RECIPIENT = "customer@example.com"
_delivery = table_of(Delivery).c


@dataclass
class Outbox:
    """A project with one mail notifier."""

    app: Flask
    project: ProjectRef
    notifier_id: int

    def queue(self, *, lives: float = 120) -> int:
        """A queued message; `lives` is in seconds."""
        with self.app.app_context(), writing() as connection:
            return enqueue(
                connection,
                Outgoing(
                    project_id=self.project.id,
                    notifier_id=self.notifier_id,
                    notifier_name="mail",
                    backend="smtp",
                    channel=Channel.EMAIL,
                    recipient=RECIPIENT,
                    masked="c•••@example.com",
                    subject="Your code",
                    body=SECRET_TEXT,
                    variables={},
                    purpose=Purpose.OTP,
                    expires_at=clock.now() + timedelta(seconds=lives),
                ),
            )

    def look(self, delivery_id: int) -> Any:
        """The delivery's row; its payload only as whether there is one."""
        columns = [column for column in _delivery if column.name != "payload"]
        statement = select(*columns, _delivery.payload.is_not(None).label("has_payload"))
        with self.app.app_context(), reading() as connection:
            return connection.execute(statement.where(_delivery.id == delivery_id)).one()

    def change(self, delivery_id: int, **values: object) -> None:
        """Change the row directly."""
        with self.app.app_context(), writing() as connection:
            connection.execute(update(table_of(Delivery)).where(_delivery.id == delivery_id).values(**values))

    def expire_lease(self, delivery_id: int) -> None:
        """As if its holder's time had run out."""
        self.change(delivery_id, lease_until=clock.now() - timedelta(seconds=1))


def make_outbox(app: Flask, world: World, port: int, *, use_tls: bool = False, slug: str = "shop") -> Outbox:
    """A project whose mail server answers, or will, at this port of loopback; `use_tls` asks for STARTTLS."""
    project = world.project(slug)
    settings = {
        "host": "127.0.0.1", "port": port, "username": "shop", "from_email": "shop@example.com",
        "use_tls": use_tls, "use_ssl": False, "fail_silently": False,
    }  # fmt: skip
    notifier_id = world.notifier(
        project, "email", "mail", backend="smtp", settings=settings, secrets={"password": PASSWORD}
    )
    return Outbox(app, project, notifier_id)


def environment(config: Config, **more: str) -> dict[str, str]:
    """The environment in which a process has the configuration of this app."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("NOTIFAPP_")},
        "PYTHONPATH": str(ROOT),
        "NOTIFAPP_DATABASE_URL": config.database_url,
        "NOTIFAPP_INSTANCE_DIR": str(config.instance_dir),
        "NOTIFAPP_SECRET_KEY": config.secret_key,
        "NOTIFAPP_ENCRYPTION_KEYS": ",".join(config.encryption_keys),
        "NOTIFAPP_OTP_KEY": ",".join(config.otp_keys),
        "NOTIFAPP_PRIVATE_DESTINATIONS": ",".join(map(str, config.private_destinations)),
        "NOTIFAPP_GATEWAY_URLS": ",".join(f"{key}={url}" for key, url in config.gateway_urls.items()),
        **({"NOTIFAPP_REDIS_URL": config.redis_url} if config.redis_url else {}),
        **more,
    }


@dataclass
class Worker:
    """`flask worker` as a process of its own; what it logs goes to a file."""

    log: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        command = [sys.executable, "-m", "flask", "--app", "app", "worker"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self, signal_number: int = signal.SIGTERM) -> float:
        """Stop it as an operator does. Return the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(signal_number)
        assert self.process.wait(20) == 0, self.log.read_text()
        return time.monotonic() - began


@contextmanager
def worker(app: Flask, folder: Path, **env: str) -> Iterator[Worker]:
    """A running worker, killed at the end if it still runs."""
    running = Worker(folder / "worker.log", environment(app.config["NOTIFAPP"], **env))
    try:
        yield running
    finally:
        running.kill()


def eventually(is_so: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait until it is so, and return it."""
    deadline = time.monotonic() + seconds
    while not (result := is_so()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)
    return result


@contextmanager
def redis_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A real Redis: its address and its process. Skip the test where it isn't installed."""
    command = shutil.which("redis-server")
    if command is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([command, *options], stdout=subprocess.DEVNULL)
    eventually(lambda: answers(port))
    yield f"redis://127.0.0.1:{port}/0", process
    process.terminate()
    process.wait()


@contextmanager
def silent_server(port: int = 0) -> Iterator[socket.socket]:
    """A server that accepts connections and never says a word: a caller is stuck between claim and send."""
    listener = socket.create_server(("127.0.0.1", port))
    try:
        yield listener
    finally:
        listener.close()


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
