"""A web server and a worker as two processes, a real mail server, and a customer's code from one end to the other."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from flask import Flask
from sqlalchemy import text

from notifapp.access import Permission, Principal
from notifapp.extensions import db
from notifapp.settings.service import update_notification_settings
from tests.client import Browser
from tests.delivery.outbox import (
    RECIPIENT,
    ROOT,
    Outbox,
    answers,
    environment,
    eventually,
    free_port,
    make_outbox,
    silent_server,
    worker,
)
from tests.notifiers.mail import PASSWORD, Mailbox, server
from tests.world import World

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent


@dataclass
class Site:
    """The running web server, and the token of the project's backend."""

    url: str
    token: str
    outbox: Outbox
    folder: Path

    def post(self, path: str, **fields: object) -> requests.Response:
        headers = {"Authorization": f"Token {self.token}"}
        return requests.post(f"{self.url}/api/otp/challenges{path}", json=fields, headers=headers, timeout=20)

    def send(self) -> str:
        """A challenge for the customer; its id."""
        answer = self.post("", channel="email", recipient=RECIPIENT)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def assert_approved(self, challenge: str, code: str) -> None:
        answer = self.post(f"/{challenge}/verify", code=code)
        assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (200, challenge, "approved")

    def logs(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


@pytest.fixture
def queued_app(app: Flask, request: pytest.FixtureRequest) -> Flask:
    """On SQLite with the embedded queue, on PostgreSQL with Redis."""
    with app.app_context():
        is_postgresql = db.engine.dialect.name == "postgresql"
    if is_postgresql:
        app.config["NOTIFAPP"] = replace(app.config["NOTIFAPP"], redis_url=request.getfixturevalue("redis"))
    return app


@pytest.fixture
def port() -> int:
    """Where the mail server answers, or will."""
    return free_port()


@pytest.fixture
def site(queued_app: Flask, world: World, tmp_path: Path, port: int) -> Iterator[Site]:
    outbox = make_outbox(queued_app, world, port, use_tls=True)
    with queued_app.app_context():
        chosen = {"notifications_email_notifier": outbox.notifier_id, "notifications_otp_code_len": 9}
        update_notification_settings(outbox.project, chosen, principal=Principal.operator())
    token = world.staff_token(outbox.project, Permission.OTP_SEND, Permission.OTP_VERIFY, email="backend@example.org")
    with web(queued_app, tmp_path) as url:
        yield Site(url, token, outbox, tmp_path)


@contextmanager
def web(app: Flask, folder: Path) -> Iterator[str]:
    port = free_port()
    command = [str(BIN / "granian"), "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--blocking-threads", "4", "app:app"],
            cwd=ROOT,
            env=environment(app.config["NOTIFAPP"], NOTIFAPP_DEBUG="1"),
            stdout=log,
            stderr=log,
        )
    try:
        eventually(lambda: answers(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def received(mailbox: Mailbox) -> str:
    """The code in the one message that the customer got."""
    [envelope] = eventually(lambda: mailbox.envelopes)
    message: Any = message_from_bytes(envelope.content, policy=policy.default)
    assert message["To"] == RECIPIENT
    [code] = re.findall(r"\b\d{9}\b", message.get_content())
    return str(code)


def test_a_code_reaches_the_customer_and_is_approved(
    world: World, site: Site, mailbox: Mailbox, ca: trustme.CA, ca_file: str, port: int
) -> None:
    with server(mailbox, ca, port=port), worker(site.outbox.app, site.folder, SSL_CERT_FILE=ca_file):
        challenge = site.send()
        began = time.monotonic()
        code = received(mailbox)
        assert mailbox.secured == [True]
        site.assert_approved(challenge, code)
        assert time.monotonic() - began < 10
        eventually(lambda: site.outbox.look(1).status == "sent")
    assert_nothing_is_readable(site, code)
    admin = Browser(site.outbox.app).sign_in(world.admin())
    for path in ("", "/deliveries", "/messages", "/notifiers", f"/try/{challenge}", "/limits"):
        page = admin.get(f"/projects/shop{path}")
        assert page.status_code == 200
        assert not {private for private in (code, RECIPIENT, PASSWORD, site.token) if private in page.text}


def test_a_worker_killed_between_claim_and_send_costs_no_code(
    site: Site, mailbox: Mailbox, ca: trustme.CA, ca_file: str, port: int
) -> None:
    with silent_server(port) as silent, worker(site.outbox.app, site.folder, SSL_CERT_FILE=ca_file) as first:
        challenge = site.send()
        connection, _ = silent.accept()
        first.kill()
        connection.close()
    site.outbox.expire_lease(1)
    with server(mailbox, ca, port=port), worker(site.outbox.app, site.folder, SSL_CERT_FILE=ca_file):
        site.assert_approved(challenge, received(mailbox))
        eventually(lambda: site.outbox.look(1).status == "sent")
    assert (site.outbox.look(1).attempts, len(mailbox.envelopes)) == (2, 1)


def test_a_provider_down_for_the_first_two_attempts_costs_no_code(
    site: Site, mailbox: Mailbox, ca: trustme.CA, ca_file: str, port: int
) -> None:
    with worker(site.outbox.app, site.folder, SSL_CERT_FILE=ca_file):
        challenge = site.send()
        eventually(lambda: site.outbox.look(1).attempts == 2 and site.outbox.look(1).status == "queued")
        with server(mailbox, ca, port=port):
            site.assert_approved(challenge, received(mailbox))
            eventually(lambda: site.outbox.look(1).status == "sent")
    assert site.outbox.look(1).attempts == 3


def assert_nothing_is_readable(site: Site, code: str) -> None:
    """No code, token, password or recipient stands in the database, in the queue's file or in a log."""
    with site.outbox.app.app_context(), db.engine.connect() as connection:
        stored = "\n".join(
            str(connection.execute(text(f"SELECT * FROM {table.name}")).all()) for table in db.metadata.sorted_tables
        )
    kept = [path for path in site.folder.iterdir() if path.is_file()]
    files = "".join(path.read_bytes().decode("latin-1") for path in kept)
    for private in (code, site.token, PASSWORD, RECIPIENT):
        assert private not in stored
        assert private not in files
    assert site.outbox.app.config["NOTIFAPP"].otp_keys[0] not in stored + files
