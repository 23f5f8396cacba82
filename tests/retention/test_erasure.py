"""`flask erase-recipient ADDRESS`: afterwards no row knows it, plain, masked or as a digest."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from notifapp import clock
from notifapp.access import Principal, Source, held_secrets, sessions
from notifapp.access.credentials import digest
from notifapp.audit.models import AuditEvent
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import reading, sealed_columns, table_of, unseal, writing
from notifapp.delivery.models import Delivery
from notifapp.delivery.service import exchange, send
from notifapp.delivery.testing import test_new_notifier as send_test
from notifapp.events.publishing import publish_undelivered
from notifapp.events.service import create_endpoint
from notifapp.extensions import db
from notifapp.otp.codes import recipient_digests
from notifapp.otp.models import OtpChallenge
from notifapp.otp.test_recipients.service import add_test_recipient
from notifapp.recipients import mask
from notifapp.retention.erasure import erase_recipient
from notifapp.traces.models import Trace
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.otp.caller import EMAIL, PHONE, WRONG, Caller, make_caller
from tests.world import World

OTHERS = {Channel.SMS: "+989351234599", Channel.EMAIL: "somebody@example.net"}
ADMIN = Principal(source=Source.PAGE, email="admin@example.org", name="Admin", is_admin=True)


def dump(app: Flask) -> str:
    """Every value of every row, JSON and ciphertext as text, and what the ciphertexts say."""
    found: list[str] = []
    with app.app_context(), db.engine.connect() as connection:
        for table in db.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                found += [json.dumps(value, ensure_ascii=False, default=str) for value in row]
                found += [json.dumps(unseal(column, row), ensure_ascii=False) for column in sealed_columns(table)]
    return "\n".join(found).encode().decode().replace("\\u2022", "•")


def forms(app: Flask, channel: Channel, address: str, *project_ids: int) -> list[str]:
    """All that would tell the address."""
    with app.app_context():
        digests = [recipient_digests(project_id, channel.value, address)[0] for project_id in project_ids]
    return [address, mask(channel, address), digest(address), *digests]


def deliver(app: Flask) -> None:
    """Send all that is queued, as a worker would."""
    with app.app_context():
        exchange([send(claim) for claim in exchange([], 100)], 0)


def live(app: Flask, caller: Caller, channel: Channel, address: str) -> None:
    """All that a recipient leaves behind, in one project."""
    challenge, _ = caller.open(address, channel.value)
    caller.verify(challenge, WRONG)
    deliver(app)
    caller.set_limits(resend_seconds=1)
    with app.app_context():
        fields: dict[str, object] = {"name": "new", "backend": "console", "settings": {}}
        send_test(caller.project, channel, fields, address, principal=ADMIN, with_code=True)
        with writing() as connection:
            subject = mask(channel, address)
            publish_undelivered(
                connection, caller.project.id, delivery=1, challenge=challenge, recipient=subject, reason=None
            )
            record(
                connection, Action.RECIPIENT_RELEASED, principal=ADMIN, project_id=caller.project.id, subject=subject
            )


def erase(app: Flask, address: str, **options: Any) -> Any:
    return app.test_cli_runner().invoke(args=["erase-recipient", address], **options)


@pytest.mark.parametrize(("channel", "address"), [(Channel.SMS, PHONE), (Channel.EMAIL, EMAIL)])
def test_of_an_erased_recipient_nothing_is_left_in_any_project(
    app: Flask, caller: Caller, world: World, time: Clock, channel: Channel, address: str
) -> None:
    second = make_caller(app, world, "bakery")
    projects = (caller.project.id, second.project.id)
    for place in (caller, second):
        with app.app_context():
            create_endpoint(place.project, "https://shop.example", ["delivery.undelivered"], principal=ADMIN)
        live(app, place, channel, address)
        live(app, place, channel, OTHERS[channel])
        time.advance(61)
        challenge, _ = place.open(address, channel.value)  # still queued, its text and address encrypted
        time.advance(61)
        place.resent(challenge)
    if channel is Channel.EMAIL:
        assert Browser(app).post("/sign-in", {"email": address, "password": "x"}).status_code == 400
    told = dump(app)
    assert all(form in told for form in forms(app, channel, address, *projects)[:2])

    result = erase(app, address)
    assert result.exit_code == 0, result.output
    assert int(result.stdout) > 0
    left = dump(app)
    for form in forms(app, channel, address, *projects):
        assert form not in left
    for form in (OTHERS[channel], mask(channel, OTHERS[channel]), *forms(app, channel, OTHERS[channel], *projects)[3:]):
        assert form in left


@pytest.mark.parametrize(("channel", "address"), [(Channel.SMS, PHONE), (Channel.EMAIL, "reviewer+1@example.com")])
def test_an_erased_test_recipient_is_none_any_more(
    app: Flask, caller: Caller, world: World, time: Clock, channel: Channel, address: str
) -> None:
    with app.app_context():
        for each in (address, OTHERS[channel]):
            fields = {"recipient": each, "code": "314159", "outcome": "delivered", "ends_on": "2026-12-24"}
            add_test_recipient(caller.project, fields, zone=clock.UTC_ZONE, principal=ADMIN)
    assert caller.send(address, channel.value).status_code == 201
    assert erase(app, address).exit_code == 0
    left = dump(app)
    for form in forms(app, channel, address, caller.project.id):
        assert form not in left
    assert OTHERS[channel] in left
    assert len(caller.open(address, channel.value)[1]) == 5


def test_who_is_erased_can_get_codes_again(app: Flask, caller: Caller) -> None:
    caller.open()
    erase(app, PHONE)
    challenge, code = caller.open()
    assert caller.verify(challenge, code).status_code == 200


def test_the_audit_trail_keeps_its_events_and_tells_of_the_erasure_without_the_address(
    app: Flask, caller: Caller
) -> None:
    live(app, caller, Channel.SMS, PHONE)
    with app.app_context(), reading() as connection:
        before = connection.execute(select(AuditEvent.id)).all()
    erase(app, PHONE)
    with app.app_context(), reading() as connection:
        events = connection.execute(select(table_of(AuditEvent)).order_by(AuditEvent.id)).all()
    assert len(events) == len(before) + 1
    by_action = {event.action: event for event in events}
    assert by_action["recipient_released"].subject == "(erased)"
    assert by_action["test_sent"].detail["recipient"] == "(erased)"
    erased = by_action["recipient_erased"]
    assert (erased.subject, erased.actor, erased.project_id) == ("SMS recipient", "command line", None)
    page = page_text(Browser(app).sign_in(World(app).admin()).get("/audit"))
    assert "Recipient erased" in page


def test_deliveries_that_can_be_told_to_be_anothers_keep_their_mask(app: Flask, caller: Caller) -> None:
    twin = PHONE[:5] + "8" + PHONE[6:]
    assert mask(Channel.SMS, twin) == mask(Channel.SMS, PHONE)
    caller.open(PHONE)
    caller.open(twin)
    with app.app_context(), writing() as connection:  # one whose challenge is no longer kept
        columns = [column for column in table_of(Delivery).c if column.name not in ("id", "payload")]
        row = connection.execute(select(*columns).limit(1)).one()._asdict()
        row |= {"status": "sent", "error_code": "old"}
        connection.execute(insert(Delivery).values(**row))
    erase(app, PHONE)
    with app.app_context(), reading() as connection:
        left = connection.execute(select(Delivery.recipient, Delivery.error_code).order_by(Delivery.id)).all()
        twins = connection.execute(select(OtpChallenge.recipient)).scalars().all()
    assert [tuple(row) for row in left] == [(mask(Channel.SMS, twin), None), ("(erased)", "old")]
    assert twins == [mask(Channel.SMS, twin)]


def test_a_form_that_waits_for_a_sign_in_goes_and_what_else_waits_stays(app: Flask, world: World) -> None:
    user_id = world.admin()
    with app.app_context():
        with writing() as connection:
            sessions.open_session(connection, user_id, lifetime=600)
        held_secrets.hold(1, "form", [["recipient", PHONE]])
        held_secrets.hold(1, "token:1", "ntf_secret")
        erase(app, PHONE)
        assert held_secrets.peek(1, "form") is None
        assert held_secrets.peek(1, "token:1") == "ntf_secret"


def test_a_users_own_rows_stay_and_the_operator_is_told(app: Flask, caller: Caller, world: World) -> None:
    world.user(EMAIL)
    caller.open(EMAIL, "email")
    result = erase(app, EMAIL.upper())
    assert result.exit_code == 0
    assert "This is a user's address, too" in result.stderr
    assert mask(Channel.EMAIL, EMAIL) not in dump(app)
    assert EMAIL in dump(app)


def test_the_address_is_read_from_standard_input_so_that_no_list_of_processes_shows_it(
    app: Flask, caller: Caller
) -> None:
    caller.open()
    assert erase(app, "-", input=f"{PHONE}\n").exit_code == 0
    assert caller.count(OtpChallenge) == 0


@pytest.mark.parametrize("address", ["", "09121234567", "no number", "a@", "+98", "x" * 500])
def test_what_is_no_address_is_refused_in_one_line(app: Flask, caller: Caller, address: str) -> None:
    caller.open()
    result = erase(app, address)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: recipient: ")
    assert caller.count(OtpChallenge) == 1


@pytest.mark.parametrize("erased", ["victim@gmail.com", "victim+7@gmail.com"])
def test_a_mailbox_is_erased_under_whatever_tag_it_was_counted(app: Flask, caller: Caller, erased: str) -> None:
    for address in ("victim@gmail.com", "victim+7@gmail.com"):
        caller.set_limits(resend_seconds=1, sends_per_hour=10)
        with app.app_context(), writing() as connection:
            connection.execute(update(OtpChallenge).values(created_at=clock.now() - timedelta(hours=2)))
        caller.open(address, "email")
    erase(app, erased)
    left = dump(app)
    for form in [
        *forms(app, Channel.EMAIL, erased, caller.project.id),
        *forms(app, Channel.EMAIL, "victim@gmail.com", 1),
    ]:
        assert form not in left


def test_what_was_noted_about_the_recipient_goes_and_what_is_anothers_stays(caller: Caller) -> None:
    for recipient in (PHONE, "+14155552671"):
        challenge, _ = caller.open(recipient)
        caller.verify(challenge, WRONG)
        caller.send(recipient)
    assert caller.count(Trace) == 4
    with caller.app.app_context():
        erase_recipient(PHONE, principal=Principal.operator())
    assert caller.count(Trace) == 2
