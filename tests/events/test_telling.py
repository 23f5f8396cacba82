"""What happens in a project is told to its endpoints, in the transaction that causes it, and costs others nothing."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from time import sleep
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from notifapp import clock
from notifapp.breakers import service as breakers
from notifapp.breakers.models import NotifierBreaker
from notifapp.breakers.service import OPENS_AFTER
from notifapp.channels import Channel
from notifapp.database import close_connection, table_of, writing
from notifapp.delivery import service as deliveries
from notifapp.delivery import stopping
from notifapp.delivery.models import Delivery
from notifapp.events import service
from notifapp.events.models import EventEndpoint, EventType
from notifapp.events.publishing import publish_undelivered
from notifapp.notifiers.gateway.base import Accepted, Fault, SendFailed
from notifapp.notifiers.sending import Stopped
from notifapp.otp.expired import service as expired
from notifapp.otp.models import OtpChallenge
from tests.events.receiver import OPERATOR, Receiver
from tests.notifiers.gateway import Gateway
from tests.otp.caller import EMAIL, PHONE, WRONG, Caller, make_caller
from tests.statements import sent
from tests.traffic.caller import CountedCaller
from tests.world import World

REFUSED = SendFailed("The recipient's number was not accepted.", code="21211", retryable=False, fault=Fault.RECIPIENT)
BROKEN = SendFailed("The gateway is busy or out of order.", code="503", retryable=True)


def types(receiver: Receiver) -> list[str]:
    """The types of all that was written down, oldest first."""
    return [message.type for message in receiver.messages()]


def attempt(receiver: Receiver, result: Accepted | SendFailed) -> None:
    """Let one more code be asked for and attempted, with this result."""
    with receiver.app.app_context():
        with writing() as connection:
            connection.execute(update(OtpChallenge).values(created_at=clock.now() - timedelta(days=2), status="failed"))
        receiver.caller.open(EMAIL, "email")
        claims = deliveries.exchange([], 100)
        deliveries.exchange([deliveries.Outcome(claim, result) for claim in claims], 0)
        with writing() as connection:  # what waits for its next attempt is of no more use
            connection.execute(update(Delivery).values(expires_at=clock.now()))


def test_a_right_code_is_told_once_without_code_or_address(receiver: Receiver) -> None:
    challenge, code = receiver.caller.open()
    assert receiver.caller.verify(challenge, code).status_code == 200
    assert receiver.caller.verify(challenge, code).status_code == 400
    [event] = receiver.told()
    assert event["type"] == "code.approved"
    assert event["data"]["challenge"] == challenge
    assert event["data"]["channel"] == "sms"
    assert event["data"]["recipient"].startswith("+98")
    for private in (code, PHONE, PHONE[3:]):
        assert private not in json.dumps(event)


def test_a_wrong_code_is_not_told(receiver: Receiver) -> None:
    challenge, _code = receiver.caller.open()
    assert receiver.caller.verify(challenge, WRONG).status_code == 400
    assert receiver.messages() == []


@pytest.mark.parametrize("is_told", [False, True])
def test_issuing_and_verifying_cost_a_statement_more_only_where_it_is_told(
    app: Flask, world: World, caller: Caller, gateway: Gateway, *, is_told: bool
) -> None:
    Receiver(app, make_caller(app, world, "other"), gateway)
    if is_told:
        Receiver(app, caller, gateway)
    with sent() as issuing:
        challenge, code = caller.open()
    with sent() as verifying:
        caller.verify(challenge, code)
    assert len([each for each, _values in issuing if "event_" in each]) == 0
    writes = [each for each, _values in verifying if "INSERT INTO event_message" in each]
    assert len(writes) == int(is_told)
    assert len(verifying) == 5 + int(is_told)


def test_an_endpoint_is_told_only_what_it_takes(app: Flask, caller: Caller, gateway: Gateway) -> None:
    receiver = Receiver(app, caller, gateway, (EventType.SETTINGS_CHANGED,))
    challenge, code = caller.open()
    caller.verify(challenge, code)
    caller.change_settings(otp_ttl=90)
    [event] = receiver.told()
    assert event["type"] == "settings.changed"
    assert event["data"]["settings"]["notifications_otp_ttl"] == 90
    assert event["data"]["version"] == 2


def test_another_project_is_told_nothing(app: Flask, world: World, receiver: Receiver) -> None:
    other = make_caller(app, world, "other")
    challenge, code = other.open()
    other.verify(challenge, code)
    assert receiver.messages() == []


def test_a_change_that_is_refused_is_not_told(receiver: Receiver) -> None:
    receiver.caller.change_settings(otp_ttl=120)  # what it is already
    assert receiver.messages() == []


def test_a_message_that_fails_is_told_with_its_challenge(receiver: Receiver) -> None:
    challenge, code = receiver.caller.open()
    with receiver.app.app_context():
        claims = deliveries.exchange([], 100)
        deliveries.exchange([deliveries.Outcome(claim, REFUSED) for claim in claims], 0)
    [event] = receiver.told()
    assert event["type"] == "delivery.failed"
    assert (event["data"]["challenge"], event["data"]["reason"]) == (challenge, REFUSED.reason)
    assert code not in json.dumps(event)
    assert PHONE not in json.dumps(event)


def test_a_further_message_that_fails_is_told_with_its_challenge(receiver: Receiver) -> None:
    receiver.caller.set_limits(resend_seconds=1)
    challenge, _code = receiver.caller.open()
    with receiver.app.app_context():
        claims = deliveries.exchange([], 100)
        deliveries.exchange([deliveries.Outcome(claim, Accepted("1")) for claim in claims], 0)
        sleep(1)
        receiver.caller.resent(challenge)
        claims = deliveries.exchange([], 100)
        deliveries.exchange([deliveries.Outcome(claim, REFUSED) for claim in claims], 0)
    [event] = receiver.told()
    assert (event["type"], event["data"]["challenge"]) == ("delivery.failed", challenge)


def test_a_message_that_outlives_its_code_or_is_stopped_is_told(receiver: Receiver) -> None:
    receiver.caller.open()
    with receiver.app.app_context():
        with writing() as connection:
            connection.execute(update(Delivery).values(expires_at=clock.now()))
        assert deliveries.give_up_expired() == 1
        receiver.caller.open(EMAIL, "email")
        stopping.disable_notifier(receiver.caller.project, Channel.EMAIL, 2, principal=OPERATOR)
    assert types(receiver) == ["delivery.failed", "delivery.failed"]


def test_a_message_that_will_be_tried_again_is_not_told(receiver: Receiver) -> None:
    receiver.caller.open()
    with receiver.app.app_context():
        claims = deliveries.exchange([], 100)
        deliveries.exchange([deliveries.Outcome(claim, BROKEN) for claim in claims], 0)
    assert types(receiver) == []


def test_what_a_carrier_could_not_deliver_can_be_told(receiver: Receiver) -> None:
    with receiver.app.app_context(), writing() as connection:
        project_id = receiver.caller.project.id
        publish_undelivered(
            connection, project_id, delivery=7, challenge="c", recipient="+98•••", reason="The phone is off."
        )
    [event] = receiver.told()
    assert event["type"] == "delivery.undelivered"
    assert event["data"] == {"delivery": 7, "challenge": "c", "reason": "The phone is off.", "recipient": "+98•••"}


def test_a_notifier_is_down_after_failures_in_a_row_and_up_with_the_next_success(receiver: Receiver) -> None:
    for _ in range(OPENS_AFTER - 1):
        attempt(receiver, BROKEN)
    assert types(receiver) == []
    for _ in range(3):
        attempt(receiver, BROKEN)
    assert types(receiver) == ["notifier.down"]
    for _ in range(2):
        attempt(receiver, Accepted("1"))
    down, up = receiver.told()
    assert (down["type"], up["type"]) == ("notifier.down", "notifier.up")
    about = {"notifier": {"id": 2, "name": "mail", "channel": "email"}, "cause": "failing"}
    assert down["data"] == up["data"] == about


def test_a_failing_notifier_can_be_deleted_while_a_worker_notes_its_failure(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt(receiver, BROKEN)
    caller, note = receiver.caller, breakers.note
    caller.open(PHONE, "sms")
    caller.open(EMAIL.replace("@", "2@"), "email")
    caller.change_settings(email_notifier=None)

    def delete() -> None:
        with receiver.app.app_context():
            stopping.delete_notifier(caller.project, Channel.EMAIL, 2, principal=OPERATOR)
            close_connection()

    with ThreadPoolExecutor(1) as other, receiver.app.app_context():
        deleting: list[Future[None]] = []

        def note_meanwhile(*args: Any) -> None:
            deleting.append(other.submit(delete))
            sleep(0.5)  # by now it waits for the deliveries that are written
            note(*args)

        claims = deliveries.exchange([], 100)
        monkeypatch.setattr(breakers, "note", note_meanwhile)
        deliveries.exchange([deliveries.Outcome(claim, BROKEN) for claim in claims], 0)
        deleting[0].result()
    assert caller.count(NotifierBreaker, notifier_id=2) == 0


def test_a_success_in_between_and_what_is_the_recipients_or_ours_takes_no_notifier_down(receiver: Receiver) -> None:
    internal = SendFailed("Something went wrong on our side.", code="internal", retryable=True, fault=Fault.OURS)
    for result in (BROKEN, BROKEN, BROKEN, BROKEN, Accepted("1"), BROKEN, BROKEN, BROKEN, BROKEN):
        attempt(receiver, result)
    for _ in range(OPENS_AFTER):
        for result in (REFUSED, internal, Stopped("The notifier has been disabled.")):
            attempt(receiver, result)
    assert not {"notifier.down", "notifier.up"} & set(types(receiver))


def test_a_notifier_that_is_disabled_is_counted_anew(receiver: Receiver) -> None:
    for _ in range(OPENS_AFTER - 1):
        attempt(receiver, BROKEN)
    with receiver.app.app_context():
        stopping.disable_notifier(receiver.caller.project, Channel.EMAIL, 2, principal=OPERATOR)
    World(receiver.app).set_enabled(2, True)
    attempt(receiver, BROKEN)
    assert "notifier.down" not in types(receiver)


def test_a_limit_is_told_for_the_first_refusal_of_the_day(app: Flask, receiver: Receiver) -> None:
    caller = CountedCaller(app, receiver.caller.project, receiver.caller.token)
    caller.allow(codes_per_hour=1)
    answers = [caller.send(f"+98912123456{number}").status_code for number in range(4)]
    assert answers == [201, 429, 429, 429]
    [event] = receiver.told()
    assert event["type"] == "limit.reached"
    assert event["data"]["limit"] == "project_limit"


def test_a_country_that_is_not_allowed_is_no_limit(app: Flask, receiver: Receiver) -> None:
    caller = CountedCaller(app, receiver.caller.project, receiver.caller.token)
    caller.allow(countries="IR")
    assert caller.send("+14155552671").status_code == 400
    assert types(receiver) == []


def test_a_code_that_nobody_gives_back_is_told_once(receiver: Receiver) -> None:
    challenge, _code = receiver.caller.open()
    approved, code = receiver.caller.open(EMAIL, "email")
    receiver.caller.verify(approved, code)
    with receiver.app.app_context():
        assert expired.tell_expired() == 0
        move_back(minutes=3)
        assert [expired.tell_expired(), expired.tell_expired()] == [1, 0]
    assert types(receiver) == ["code.approved", "code.expired"]
    event = receiver.told()[-1]
    assert event["data"]["challenge"] == challenge


def test_many_expired_codes_are_told_in_batches(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expired, "MOST", 2)
    for number in range(5):
        receiver.caller.open(f"+98912123456{number}")
    with receiver.app.app_context():
        move_back(minutes=3)
        assert expired.tell_expired() == 5
    assert types(receiver) == ["code.expired"] * 5


def test_codes_that_expired_before_an_endpoint_was_made_or_while_it_was_disabled_are_not_told(
    receiver: Receiver,
) -> None:
    receiver.caller.open()
    project = receiver.caller.project
    with receiver.app.app_context():
        service.disable_endpoint(project, receiver.endpoint_id, principal=OPERATOR)
        with writing() as connection:
            connection.execute(update(OtpChallenge).values(expires_at=clock.now() - timedelta(seconds=30)))
        assert expired.tell_expired() == 0
        service.enable_endpoint(project, receiver.endpoint_id, principal=OPERATOR)
        assert expired.tell_expired() == 0


def test_codes_that_expired_before_an_endpoint_took_that_event_are_not_told(receiver: Receiver) -> None:
    project, kept = receiver.caller.project, [EventType.CODE_APPROVED]
    with receiver.app.app_context():
        service.update_endpoint(project, receiver.endpoint_id, receiver.url, kept, principal=OPERATOR)
        receiver.caller.open()
        move_back(minutes=3)
        with_expired = [*kept, EventType.CODE_EXPIRED]
        service.update_endpoint(project, receiver.endpoint_id, receiver.url, with_expired, principal=OPERATOR)
        assert expired.tell_expired() == 0


def test_an_archived_project_is_told_nothing(receiver: Receiver) -> None:
    receiver.caller.open()
    with receiver.app.app_context():
        stopping.archive_project(receiver.caller.project.id, principal=OPERATOR)
    assert receiver.messages() == []


def move_back(*, minutes: int) -> None:
    """As if so much time had passed for all codes and endpoints."""
    endpoint, challenge = table_of(EventEndpoint), table_of(OtpChallenge)
    past = timedelta(minutes=minutes)
    with writing() as connection:
        for row in connection.execute(challenge.select()).all():
            moved = update(challenge).where(challenge.c.id == row.id).values(expires_at=row.expires_at - past)
            connection.execute(moved)
        connection.execute(update(endpoint).values(expiries_told_until=clock.now() - past))
