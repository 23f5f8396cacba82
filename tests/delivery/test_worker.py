"""Workers as processes of their own: killed, stopped, several at once."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
import trustme
from flask import Flask

from tests.delivery.outbox import RECIPIENT, SECRET_TEXT, eventually, make_outbox, silent_server, worker
from tests.notifiers.mail import PASSWORD, Mailbox, server
from tests.world import World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]


def test_a_worker_sends_what_is_queued_and_stops_at_once(
    app: Flask, world: World, mailbox: Mailbox, mail_port: int, tmp_path: Path
) -> None:
    outbox = make_outbox(app, world, mail_port)
    deliveries = [outbox.queue() for _ in range(20)]
    with worker(app, tmp_path) as running:
        eventually(lambda: all(outbox.look(delivery).status == "sent" for delivery in deliveries))
        assert running.stop(signal.SIGTERM) < 3
    assert len(mailbox.envelopes) == 20
    log = (tmp_path / "worker.log").read_text()
    assert '"message": "worker stopped"' in log
    for private in ("Traceback", RECIPIENT, SECRET_TEXT, "73519", PASSWORD):
        assert private not in log


def test_ctrl_c_stops_an_idle_worker_at_once(app: Flask, world: World, tmp_path: Path) -> None:
    with worker(app, tmp_path) as running:
        eventually(lambda: "worker started" in running.log.read_text())
        assert running.stop(signal.SIGINT) < 3


def test_a_worker_killed_between_claim_and_send_loses_nothing(
    app: Flask, world: World, mailbox: Mailbox, ca: trustme.CA, tmp_path: Path
) -> None:
    with silent_server() as silent:
        port = silent.getsockname()[1]
        outbox = make_outbox(app, world, port)
        delivery = outbox.queue()
        with worker(app, tmp_path) as first:
            connection, _ = silent.accept()
            assert outbox.look(delivery).status == "sending"
            first.kill()
            connection.close()
    row = outbox.look(delivery)
    assert (row.status, row.attempts, row.has_payload) == ("sending", 1, True)
    with server(mailbox, ca, starttls=False, port=port), worker(app, tmp_path):
        outbox.expire_lease(delivery)
        eventually(lambda: outbox.look(delivery).status == "sent")
    row = outbox.look(delivery)
    assert (row.attempts, row.has_payload, len(mailbox.envelopes)) == (2, False, 1)


def test_a_provider_that_is_down_for_two_attempts_gets_the_third(
    app: Flask, world: World, mailbox: Mailbox, ca: trustme.CA, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    outbox = make_outbox(app, world, port)
    delivery = outbox.queue()
    with worker(app, tmp_path):
        eventually(lambda: outbox.look(delivery).attempts == 2 and outbox.look(delivery).status == "queued")
        assert outbox.look(delivery).error_code == "connection"
        with server(mailbox, ca, starttls=False, port=port):
            eventually(lambda: outbox.look(delivery).status == "sent")
    assert (outbox.look(delivery).attempts, len(mailbox.envelopes)) == (3, 1)


def test_workers_beside_each_other_send_nothing_twice(
    app: Flask, world: World, mailbox: Mailbox, mail_port: int, tmp_path: Path
) -> None:
    outbox = make_outbox(app, world, mail_port)
    with worker(app, tmp_path), worker(app, tmp_path), worker(app, tmp_path):
        deliveries = [outbox.queue() for _ in range(60)]
        eventually(lambda: all(outbox.look(delivery).status == "sent" for delivery in deliveries), 40)
    assert len(mailbox.envelopes) == 60
    assert {outbox.look(delivery).attempts for delivery in deliveries} == {1}


def test_a_send_in_progress_does_not_keep_a_worker_from_stopping(app: Flask, world: World, tmp_path: Path) -> None:
    with silent_server() as silent:
        outbox = make_outbox(app, world, silent.getsockname()[1])
        delivery = outbox.queue()
        with worker(app, tmp_path) as running:
            connection, _ = silent.accept()
            assert running.stop() < 12
            connection.close()
    assert outbox.look(delivery).status == "sending"
