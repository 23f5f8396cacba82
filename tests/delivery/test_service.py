"""The life of one delivery, step by step."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import text

from notifapp.delivery import service
from notifapp.extensions import db
from notifapp.notifiers.backends import smtp
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.delivery.stage import RECIPIENT, SECRET_TEXT, Stage, set_stage
from tests.notifiers.mail import Mailbox
from tests.otp.shop import Clock
from tests.statements import sent
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@pytest.fixture
def stage(app: Flask, world: World, mail_port: int) -> Stage:
    return set_stage(app, world, mail_port)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr("notifapp.clock.now", stopped.now)
    return stopped


def carry_out(stage: Stage, delivery_id: int) -> bool:
    """Whether the delivery was due; then it was attempted, with whatever else was due."""
    with stage.app.app_context():
        claims = service.exchange([], room=10)
        service.exchange([service.send(claim) for claim in claims], room=0)
    return delivery_id in [claim.id for claim in claims]


def is_any_due(stage: Stage) -> bool:
    with stage.app.app_context():
        return service.is_any_due()


def claim(stage: Stage) -> service.Claim:
    with stage.app.app_context():
        [claim] = service.exchange([], room=10)
    return claim


def test_a_message_is_sent_and_its_text_erased(stage: Stage, mailbox: Mailbox) -> None:
    delivery = stage.queue()
    assert (stage.look(delivery).status, stage.look(delivery).has_payload) == ("queued", True)
    assert is_any_due(stage)
    assert carry_out(stage, delivery)
    email = mailbox.email()
    assert (email["To"], email.get_content().strip()) == (RECIPIENT, SECRET_TEXT)
    row = stage.look(delivery)
    assert (row.status, row.attempts, row.has_payload, row.error_code) == ("sent", 1, False, None)
    assert row.provider_id == email["Message-ID"]
    assert row.created_at <= row.started_at <= row.finished_at
    assert not is_any_due(stage)
    assert not carry_out(stage, delivery)
    assert len(mailbox.envelopes) == 1


def test_what_may_pass_later_is_tried_again_after_growing_waits(stage: Stage, mailbox: Mailbox, time: Clock) -> None:
    mailbox.reply["DATA"] = "451 Try later"
    delivery = stage.queue(lives=600)
    for attempt, wait in enumerate((2, 5, 10, 20, 40, 40), 1):
        assert carry_out(stage, delivery)
        row = stage.look(delivery)
        assert (row.status, row.attempts, row.has_payload) == ("queued", attempt, True)
        assert (row.error_code, row.finished_at, row.lease_until) == ("451", None, None)
        time.advance(wait - 1)
        assert not is_any_due(stage)
        assert not carry_out(stage, delivery)
        time.advance(1)
        assert is_any_due(stage)
    mailbox.reply.clear()
    carry_out(stage, delivery)
    row = stage.look(delivery)
    assert (row.status, row.attempts, row.error_code, row.error_reason) == ("sent", 7, None, None)


def test_what_will_never_pass_is_not_tried_again(stage: Stage, mailbox: Mailbox) -> None:
    mailbox.reply["RCPT"] = "550 No such user"
    delivery = stage.queue()
    carry_out(stage, delivery)
    row = stage.look(delivery)
    assert (row.status, row.attempts, row.has_payload, row.error_code) == ("failed", 1, False, "550")
    assert row.error_reason == "The recipient's address was not accepted."
    assert row.finished_at


def test_a_retry_that_would_come_too_late_is_not_waited_for(stage: Stage, mailbox: Mailbox, time: Clock) -> None:
    mailbox.reply["DATA"] = "451 Try later"
    delivery = stage.queue(lives=2)
    carry_out(stage, delivery)
    row = stage.look(delivery)
    assert (row.status, row.has_payload, row.error_code) == ("failed", False, "451")


def test_a_message_whose_code_is_dead_is_given_up_unsent(stage: Stage, mailbox: Mailbox, time: Clock) -> None:
    delivery, other = stage.queue(lives=30), stage.queue(lives=60)
    time.advance(30)
    assert claim(stage).id == other
    with stage.app.app_context():
        assert service.give_up_expired() == 1
        assert service.give_up_expired() == 0
    row = stage.look(delivery)
    assert (row.status, row.has_payload, row.error_code, row.attempts) == ("failed", False, "expired", 0)
    assert stage.look(other).status == "sending"
    assert mailbox.envelopes == []


def test_a_lease_keeps_others_away_and_runs_out(stage: Stage, mailbox: Mailbox, time: Clock) -> None:
    delivery = stage.queue()
    claim(stage)
    assert not carry_out(stage, delivery)
    time.advance(service.LEASE.total_seconds())
    assert is_any_due(stage)
    assert carry_out(stage, delivery)
    assert (stage.look(delivery).status, stage.look(delivery).attempts) == ("sent", 2)


def test_who_lost_the_lease_changes_nothing_any_more(stage: Stage, mailbox: Mailbox, time: Clock) -> None:
    delivery = stage.queue(lives=600)
    slow = claim(stage)
    time.advance(service.LEASE.total_seconds())
    mailbox.reply["DATA"] = "451 Try later"
    carry_out(stage, delivery)
    with stage.app.app_context():
        service.exchange([service.Outcome(slow, SendFailed("too late", code="late", retryable=False))], room=0)
    row = stage.look(delivery)
    assert (row.status, row.error_code) == ("queued", "451")


def test_a_lease_that_ran_out_with_the_code_is_given_up(stage: Stage, time: Clock) -> None:
    delivery = stage.queue(lives=30)
    claim(stage)
    with stage.app.app_context():
        time.advance(service.LEASE.total_seconds())
        assert service.give_up_expired() == 1
    assert (stage.look(delivery).status, stage.look(delivery).lease_until) == ("failed", None)


def test_a_deleted_notifier_fails_its_messages_and_leaves_its_name(stage: Stage, world: World) -> None:
    delivery = stage.queue()
    stage.change(delivery, notifier_id=None)
    carry_out(stage, delivery)
    row = stage.look(delivery)
    assert (row.status, row.error_reason, row.notifier_name) == ("failed", "The notifier has been deleted.", "mail")


def test_a_payload_whose_key_is_gone_fails_in_words(stage: Stage) -> None:
    delivery = stage.queue()
    readable = stage.queue()
    stage.change(delivery, payload=text(f"'{Fernet(Fernet.generate_key()).encrypt(b'{}').decode()}'"))
    carry_out(stage, delivery)
    row = stage.look(delivery)
    assert (row.status, row.error_code) == ("failed", "key")
    assert stage.look(readable).status == "sent", "one that can't be decrypted doesn't stop the rest"


def test_nothing_readable_is_stored(stage: Stage, mailbox: Mailbox) -> None:
    stage.queue()
    with stage.app.app_context(), db.engine.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM delivery")).all())
    assert "73519" not in stored
    assert RECIPIENT not in stored


def test_leases_outlast_every_timeout_of_the_backends() -> None:
    assert timedelta(seconds=max(HttpClient().total, smtp.TOTAL_SECONDS)) <= service.LONGEST_SEND < service.LEASE


def test_a_claim_that_waited_too_long_is_given_back_unsent(stage: Stage, mailbox: Mailbox, time: Clock) -> None:
    delivery = stage.queue()
    waiting = claim(stage)
    time.advance((service.LEASE - service.LONGEST_SEND).total_seconds() + 1)
    with stage.app.app_context():
        service.exchange([service.send(waiting)], room=0)
    row = stage.look(delivery)
    assert (row.status, row.attempts, row.has_payload, row.lease_until) == ("queued", 0, True, None)
    assert mailbox.envelopes == []
    assert carry_out(stage, delivery)


def test_what_is_claimed_and_written_costs_two_statements_a_message(stage: Stage, mailbox: Mailbox) -> None:
    deliveries = [stage.queue() for _ in range(5)]
    with stage.app.app_context(), sent() as statements:
        claims = service.exchange([], room=10)
        assert len(statements) == 1
        outcomes = [service.send(claim) for claim in claims]
        service.exchange(outcomes, room=0)
    assert len(statements) == 1 + 2 * len(deliveries)
