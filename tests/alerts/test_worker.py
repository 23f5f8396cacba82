"""The gateway in force is killed under a real server and worker, and who is to know is told soon."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from flask import Flask

from notifapp.access import Permission, Principal
from notifapp.alerts.service import set_told
from notifapp.settings.service import update_notification_settings
from tests.alerts.desk import OWNER
from tests.delivery.outbox import answers, eventually, free_port, worker
from tests.delivery.test_end_to_end import web
from tests.notifiers.mail import Mailbox, server
from tests.world import World

pytestmark = pytest.mark.slow

SECONDS = 30  # from the kill to the email
NO_LOGIN = {"password": ""}


@contextmanager
def mail_server() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A mail server that is a process of its own, a relay without login: its port and its process."""
    port = free_port()
    command = [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", "-c", "aiosmtpd.handlers.Sink"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port))
        yield port, process
    finally:
        process.kill()
        process.wait()


def settings_of(port: int) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": port, "username": "", "from_email": "shop@example.com",
        "use_tls": False, "use_ssl": False, "fail_silently": False,
    }  # fmt: skip


def test_an_alert_leaves_within_half_a_minute_after_the_gateway_in_force_is_killed(
    app: Flask, world: World, mailbox: Mailbox, ca: trustme.CA, tmp_path: Path
) -> None:
    project = world.project("shop")
    token = world.staff_token(project, Permission.OTP_SEND, Permission.OTP_VERIFY)
    with mail_server() as (port, process), server(mailbox, ca, starttls=False, login=False) as backup_port:
        mail = world.notifier(project, "email", "mail", backend="smtp", settings=settings_of(port), secrets=NO_LOGIN)
        world.notifier(project, "email", "backup", backend="smtp", settings=settings_of(backup_port), secrets=NO_LOGIN)
        with app.app_context():
            chosen = {"notifications_email_notifier": mail}
            update_notification_settings(project, chosen, principal=Principal.operator())
            set_told(project, {"emails": OWNER, "balance_days": "3"}, principal=Principal.operator())
        with web(app, tmp_path) as url, worker(app, tmp_path):
            customers = iter(range(1000))

            def ask() -> None:
                fields = {"channel": "email", "recipient": f"customer{next(customers)}@example.com"}
                headers = {"Authorization": f"Token {token}"}
                answer = requests.post(f"{url}/api/otp/challenges", json=fields, headers=headers, timeout=20)
                assert answer.status_code == 201, answer.text

            for _ in range(10):
                ask()
            time.sleep(6)  # an evaluation without anything to tell
            assert mailbox.envelopes == []
            process.kill()
            killed_at = time.monotonic()
            while not mailbox.envelopes and time.monotonic() - killed_at < SECONDS:
                ask()
                time.sleep(0.2)
            assert time.monotonic() - killed_at < SECONDS
            time.sleep(6)
    [envelope] = mailbox.envelopes
    assert isinstance(envelope.content, bytes)
    message: Any = message_from_bytes(envelope.content, policy=policy.default)
    assert (message["To"], message["Subject"]) == (OWNER, "Shop: The email notifier “mail” is failing")
