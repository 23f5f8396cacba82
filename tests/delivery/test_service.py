"""The life of one delivery, step by step."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import text

from notifapp.database import Vault
from notifapp.delivery import service
from notifapp.extensions import db
from notifapp.notifiers.backends import smtp
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.clock import Clock, stop_first
from tests.delivery.outbox import RECIPIENT, SECRET_TEXT, Outbox, make_outbox
from tests.notifiers.mail import Mailbox
from tests.statements import sent
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@pytest.fixture
def outbox(request: pytest.FixtureRequest, app: Flask, world: World, mail_port: int) -> Outbox:
    stop_first(request)
    return make_outbox(app, world, mail_port)


def carry_out(outbox: Outbox, delivery_id: int) -> bool:
    """Whether the delivery was due; then it was attempted, with whatever else was due."""
    with outbox.app.app_context():
        claims = service.exchange([], room=10)
        service.exchange([service.send(claim) for claim in claims], room=0)
    return delivery_id in [claim.id for claim in claims]


def is_any_due(outbox: Outbox) -> bool:
    with outbox.app.app_context():
        return service.is_any_due()


def claim(outbox: Outbox) -> service.Claim:
    with outbox.app.app_context():
        [claim] = service.exchange([], room=10)
    return claim


def test_a_message_is_sent_and_its_text_erased(outbox: Outbox, mailbox: Mailbox) -> None:
    delivery = outbox.queue()
    assert (outbox.look(delivery).status, outbox.look(delivery).has_payload) == ("queued", True)
    assert is_any_due(outbox)
    assert carry_out(outbox, delivery)
    email = mailbox.email()
    assert (email["To"], email.get_content().strip()) == (RECIPIENT, SECRET_TEXT)
    row = outbox.look(delivery)
    assert (row.status, row.attempts, row.has_payload, row.error_code) == ("sent", 1, False, None)
    assert row.provider_id == email["Message-ID"]
    assert row.created_at <= row.started_at <= row.finished_at
    assert not is_any_due(outbox)
    assert not carry_out(outbox, delivery)
    assert len(mailbox.envelopes) == 1


def test_what_may_pass_later_is_tried_again_after_growing_waits(outbox: Outbox, mailbox: Mailbox, time: Clock) -> None:
    mailbox.reply["DATA"] = "451 Try later"
    delivery = outbox.queue(lives=600)
    for attempt, wait in enumerate((2, 5, 10, 20, 40, 40), 1):
        assert carry_out(outbox, delivery)
        row = outbox.look(delivery)
        assert (row.status, row.attempts, row.has_payload) == ("queued", attempt, True)
        assert (row.error_code, row.finished_at, row.lease_until) == ("451", None, None)
        time.advance(wait - 1)
        assert not is_any_due(outbox)
        assert not carry_out(outbox, delivery)
        time.advance(1)
        assert is_any_due(outbox)
    mailbox.reply.clear()
    carry_out(outbox, delivery)
    row = outbox.look(delivery)
    assert (row.status, row.attempts, row.error_code, row.error_reason) == ("sent", 7, None, None)


def test_what_will_never_pass_is_not_tried_again(outbox: Outbox, mailbox: Mailbox) -> None:
    mailbox.reply["RCPT"] = "550 No such user"
    delivery = outbox.queue()
    carry_out(outbox, delivery)
    row = outbox.look(delivery)
    assert (row.status, row.attempts, row.has_payload, row.error_code) == ("failed", 1, False, "550")
    assert row.error_reason == "The recipient's address was not accepted."
    assert row.finished_at


def test_a_retry_that_would_come_too_late_is_not_waited_for(outbox: Outbox, mailbox: Mailbox, time: Clock) -> None:
    mailbox.reply["DATA"] = "451 Try later"
    delivery = outbox.queue(lives=2)
    carry_out(outbox, delivery)
    row = outbox.look(delivery)
    assert (row.status, row.has_payload, row.error_code) == ("failed", False, "451")


def test_a_message_whose_code_is_dead_is_given_up_unsent(outbox: Outbox, mailbox: Mailbox, time: Clock) -> None:
    delivery, other = outbox.queue(lives=30), outbox.queue(lives=60)
    time.advance(30)
    assert claim(outbox).id == other
    with outbox.app.app_context():
        assert service.give_up_expired() == 1
        assert service.give_up_expired() == 0
    row = outbox.look(delivery)
    assert (row.status, row.has_payload, row.error_code, row.attempts) == ("failed", False, "expired", 0)
    assert outbox.look(other).status == "sending"
    assert mailbox.envelopes == []


def test_a_lease_keeps_others_away_and_runs_out(outbox: Outbox, mailbox: Mailbox, time: Clock) -> None:
    delivery = outbox.queue()
    claim(outbox)
    assert not carry_out(outbox, delivery)
    time.advance(service.LEASE.total_seconds())
    assert is_any_due(outbox)
    assert carry_out(outbox, delivery)
    assert (outbox.look(delivery).status, outbox.look(delivery).attempts) == ("sent", 2)


def test_who_lost_the_lease_changes_nothing_any_more(outbox: Outbox, mailbox: Mailbox, time: Clock) -> None:
    delivery = outbox.queue(lives=600)
    slow = claim(outbox)
    time.advance(service.LEASE.total_seconds())
    mailbox.reply["DATA"] = "451 Try later"
    carry_out(outbox, delivery)
    with outbox.app.app_context():
        service.exchange([service.Outcome(slow, SendFailed("too late", code="late", retryable=False))], room=0)
    row = outbox.look(delivery)
    assert (row.status, row.error_code) == ("queued", "451")


def test_a_lease_that_ran_out_with_the_code_is_given_up(outbox: Outbox, time: Clock) -> None:
    delivery = outbox.queue(lives=30)
    claim(outbox)
    with outbox.app.app_context():
        time.advance(service.LEASE.total_seconds())
        assert service.give_up_expired() == 1
    assert (outbox.look(delivery).status, outbox.look(delivery).lease_until) == ("failed", None)


def test_a_deleted_notifier_fails_its_messages_and_leaves_its_name(outbox: Outbox, world: World) -> None:
    delivery = outbox.queue()
    outbox.change(delivery, notifier_id=None)
    carry_out(outbox, delivery)
    row = outbox.look(delivery)
    assert (row.status, row.error_reason, row.notifier_name) == ("failed", "The notifier has been deleted.", "mail")


def test_a_payload_whose_key_is_gone_fails_in_words(outbox: Outbox) -> None:
    delivery = outbox.queue()
    readable = outbox.queue()
    outbox.change(delivery, payload=Vault([Fernet.generate_key().decode()]).seal({}, []))
    carry_out(outbox, delivery)
    row = outbox.look(delivery)
    assert (row.status, row.error_code) == ("failed", "key")
    assert outbox.look(readable).status == "sent", "one that can't be decrypted doesn't stop the rest"


def test_nothing_readable_is_stored(outbox: Outbox, mailbox: Mailbox) -> None:
    outbox.queue()
    with outbox.app.app_context(), db.engine.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM delivery")).all())
    assert "73519" not in stored
    assert RECIPIENT not in stored


def test_leases_outlast_every_timeout_of_the_backends() -> None:
    assert timedelta(seconds=max(HttpClient().total, smtp.TOTAL_SECONDS)) <= service.LONGEST_SEND < service.LEASE


def test_a_claim_that_waited_too_long_is_given_back_unsent(outbox: Outbox, mailbox: Mailbox, time: Clock) -> None:
    delivery = outbox.queue()
    waiting = claim(outbox)
    time.advance((service.LEASE - service.LONGEST_SEND).total_seconds() + 1)
    with outbox.app.app_context():
        service.exchange([service.send(waiting)], room=0)
    row = outbox.look(delivery)
    assert (row.status, row.attempts, row.has_payload, row.lease_until) == ("queued", 0, True, None)
    assert mailbox.envelopes == []
    assert carry_out(outbox, delivery)


def test_what_is_claimed_and_written_costs_two_statements_a_message_and_one_a_notifier(
    outbox: Outbox, mailbox: Mailbox
) -> None:
    deliveries = [outbox.queue() for _ in range(5)]
    with outbox.app.app_context(), sent() as statements:
        claims = service.exchange([], room=10)
        assert len(statements) == 1
        outcomes = [service.send(claim) for claim in claims]
        service.exchange(outcomes, room=0)
    assert len(statements) == 1 + 2 * len(deliveries) + 1
