"""Staff and programs ask why a code didn't arrive."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from notifapp.access import Permission
from notifapp.audit.models import AuditEvent
from notifapp.database import reading, table_of
from notifapp.delivery import service as deliveries
from notifapp.delivery.models import Delivery
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.traces.models import Trace
from notifapp.traces.service import MOST_AN_HOUR
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.otp.caller import EMAIL, PHONE, WRONG, Caller
from tests.world import World

TIMELINE = "/api/otp/timeline"
PAGE = "/projects/shop/timeline"


@pytest.fixture
def support(caller: Caller, world: World) -> str:
    """The token of a shop's support tool."""
    return world.staff_token(caller.project, Permission.OTP_RELEASE, email="support@shop.example")


def ask(caller: Caller, token: str, recipient: str = PHONE, **fields: object) -> TestResponse:
    return caller.api.call("POST", TIMELINE, token, json={"recipient": recipient, **fields})


def found(caller: Caller, token: str, recipient: str = PHONE, **fields: object) -> tuple[str, list[str]]:
    """The diagnosis, and the kinds of events, oldest first."""
    answer = ask(caller, token, recipient, **fields)
    assert answer.status_code == 200, answer.json
    body: Any = answer.json
    return body["diagnosis"]["code"], [event["kind"] for event in reversed(body["events"])]


def attempt(caller: Caller, result: SendFailed | None = None) -> None:
    """One round of a worker; the gateway fails in this way, or works."""
    with caller.app.app_context():
        claims = deliveries.exchange([], room=10)
        outcomes = [deliveries.Outcome(claim, result) if result else deliveries.send(claim) for claim in claims]
        deliveries.exchange(outcomes, room=0)


def delivery_id(caller: Caller) -> int:
    with caller.app.app_context(), reading() as connection:
        return int(connection.execute(select(func.max(table_of(Delivery).c.id))).scalar_one())


def test_who_never_had_a_code_is_told_so(caller: Caller, support: str) -> None:
    assert found(caller, support) == ("never_asked", [])


def test_a_code_is_followed_from_request_to_approval(caller: Caller, support: str, time: Clock) -> None:
    challenge, code = caller.open()
    assert found(caller, support) == ("worker_missing", ["requested"])
    time.advance(1)
    attempt(caller)
    assert found(caller, support) == ("development_only", ["requested", "taken", "accepted"])
    time.advance(1)
    caller.verify(challenge, WRONG)
    assert found(caller, support)[0] == "mistyped"
    time.advance(1)
    caller.verify(challenge, code)
    kinds = ["requested", "taken", "accepted", "wrong_code", "approved"]
    assert found(caller, support) == ("approved", kinds)


def test_every_attempt_stands_there_with_its_failure(caller: Caller, support: str, time: Clock) -> None:
    caller.open()
    attempt(caller, SendFailed("The gateway could not be reached.", code="connection", retryable=True))
    time.advance(3)
    attempt(caller, SendFailed("No credit left.", code="2", retryable=False))
    verdict, kinds = found(caller, support)
    assert verdict == "credit_out"
    assert kinds == ["requested", "taken", "attempt_failed", "taken_again", "attempt_failed", "given_up"]
    reasons = [
        event["reason"] for event in ask(caller, support).get_json()["events"] if event["kind"] == "attempt_failed"
    ]
    assert reasons == ["No credit left.", "The gateway could not be reached."]


def test_a_worker_that_died_between_gateway_and_database_is_told_of(caller: Caller, support: str, time: Clock) -> None:
    caller.open()
    with caller.app.app_context():
        assert deliveries.exchange([], room=1)  # sent, perhaps; nobody will ever know
    time.advance(deliveries.LEASE.total_seconds() + 1)
    attempt(caller)
    events = ask(caller, support).get_json()["events"]
    [again] = [event for event in events if event["kind"] == "taken_again"]
    assert "may arrive twice" in again["text"]


def test_refusals_stand_there_with_their_reason(caller: Caller, support: str, time: Clock) -> None:
    caller.open()
    time.advance(1)
    assert caller.send().status_code == 429
    [refusal] = [event for event in ask(caller, support).get_json()["events"] if event["kind"] == "refused"]
    assert refusal["code"] == "too_soon"
    assert refusal["reason"].startswith("A code was sent just now.")


def test_a_refusal_by_a_country_or_a_missing_notifier_is_named(caller: Caller, support: str) -> None:
    caller.set_phone_region("IR")
    assert caller.send("+14155552671").status_code == 400
    assert found(caller, support, "+14155552671")[0] == "refused_destination"
    caller.change_settings(email_notifier=None)
    assert caller.send(EMAIL, "email").status_code == 409
    assert found(caller, support, EMAIL) == ("no_notifier", ["refused"])


def test_a_right_code_that_came_late_is_told_from_a_wrong_one(caller: Caller, support: str, time: Clock) -> None:
    challenge, code = caller.open()
    time.advance(121)
    assert caller.verify(challenge, WRONG).status_code == 400
    assert caller.verify(challenge, code).status_code == 400
    verdict, kinds = found(caller, support)
    assert verdict == "typed_late"
    assert kinds[-2:] == ["wrong_code", "late_code"] or kinds[-2:] == ["late_code", "wrong_code"]


def test_the_code_of_an_older_message_is_recognised(caller: Caller, support: str, time: Clock) -> None:
    older, code = caller.open()
    time.advance(61)
    caller.open()
    assert caller.verify(older, code).status_code == 400
    assert found(caller, support)[0] == "typed_older"


def test_every_message_of_a_challenge_stands_there(caller: Caller, support: str, time: Clock) -> None:
    challenge, code = caller.open()
    attempt(caller, SendFailed("No credit left.", code="2", retryable=False))
    time.advance(61)
    caller.resent(challenge)
    verdict, kinds = found(caller, support)
    assert (verdict, kinds[-2:]) == ("worker_missing", ["given_up", "resent"])
    attempt(caller)
    time.advance(60)
    assert caller.verify(challenge, code).get_json()["error_code"] == "expired_code"
    verdict, kinds = found(caller, support)
    assert (verdict, kinds[-4:]) == ("typed_late", ["resent", "taken", "accepted", "late_code"])


def test_a_refusal_of_before_the_last_code_of_a_challenge_no_longer_counts(
    caller: Caller, support: str, world: World, time: Clock
) -> None:
    challenge, _code = caller.open(EMAIL, "email")
    time.advance(61)
    caller.change_settings(email_notifier=None)
    assert caller.resend(challenge).status_code == 409
    time.advance(1)
    assert found(caller, support, EMAIL)[0] == "no_notifier"
    caller.change_settings(email_notifier=world.notifier(caller.project, "email", "another"))
    caller.resent(challenge)
    assert found(caller, support, EMAIL)[0] == "worker_missing"


def test_asking_for_another_code_of_a_challenge_too_soon_is_noted(caller: Caller, support: str) -> None:
    challenge, _code = caller.open()
    assert caller.resend(challenge).status_code == 429
    assert found(caller, support)[1] == ["requested", "refused"]


def test_a_recipient_is_found_however_it_is_written(caller: Caller, support: str) -> None:
    caller.set_phone_region("IR")
    caller.open()
    caller.open("Some.Body+shop@gmail.com", "email")
    for written in ("0912 123 4567", "۰۹۱۲۱۲۳۴۵۶۷", "+98-912-123-4567"):
        assert found(caller, support, written)[1] == ["requested"]
    assert found(caller, support, "somebody@googlemail.com")[1] == ["requested"]


def test_nothing_of_another_recipient_or_project_is_shown(caller: Caller, support: str, world: World) -> None:
    caller.open("+989121234568")
    other = world.project("other")
    elsewhere = world.staff_token(other, Permission.OTP_RELEASE, email="other@example.org")
    caller.open()
    assert found(caller, elsewhere) == ("never_asked", [])
    assert len(found(caller, support)[1]) == 1


def test_older_events_follow_page_by_page(caller: Caller, support: str, time: Clock) -> None:
    for _ in range(4):
        caller.open()
        time.advance(700)
    whole = ask(caller, support).get_json()["events"]
    seen: list[dict[str, Any]] = []
    before = None
    while part := ask(caller, support, limit=2, before=before).get_json()["events"]:
        seen += part
        before = part[-1]["at"]
    assert seen == whole
    assert len(whole) == len({event["at"] + event["kind"] for event in whole})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("recipient", "nobody"), ("recipient", None), ("recipient", 7), ("limit", 0), ("limit", 101), ("limit", "x"),
        ("before", "yesterday"), ("before", "2026-11-23T12:00:00"), ("before", "0001-01-01T00:00:00+23:59"),
    ],
)  # fmt: skip
def test_bad_input_is_named(caller: Caller, support: str, field: str, value: object) -> None:
    answer = caller.api.call("POST", TIMELINE, support, json={"recipient": PHONE, field: value})
    assert answer.status_code == 400
    assert set(answer.get_json()) == {field, "code"}


def test_looking_is_audited_without_the_address(caller: Caller, support: str) -> None:
    ask(caller, support)
    event = table_of(AuditEvent)
    with caller.app.app_context(), reading() as connection:
        rows = connection.execute(select(event).where(event.c.action == "timeline_seen")).all()
    assert [(row.subject, row.actor, row.detail) for row in rows] == [
        ("+98••••••••67", "support@shop.example", {"channel": "sms"})
    ]


def test_a_client_that_never_stops_asking_fills_no_disk(caller: Caller, time: Clock) -> None:
    caller.open()
    for _ in range(MOST_AN_HOUR + 5):
        assert caller.send().status_code == 429
    assert caller.count(Trace, kind="refused") == MOST_AN_HOUR
    time.advance(3601)
    caller.open()
    caller.send()
    assert caller.count(Trace, kind="refused") == MOST_AN_HOUR + 1


def test_no_trace_holds_an_address_or_a_code(caller: Caller, time: Clock) -> None:
    challenge, code = caller.open()
    caller.verify(challenge, "00000" if code != "00000" else "11111")
    caller.send()
    time.advance(200)
    caller.verify(challenge, code)
    attempt(caller, SendFailed("No credit left.", code="2", retryable=False))
    with caller.app.app_context(), reading() as connection:
        rows = str(connection.execute(select(table_of(Trace))).all())
    assert rows.count("refused") == 1
    for secret in (PHONE, PHONE[3:], f"'{code}'", f"'{'00000' if code != '00000' else '11111'}'"):
        assert secret not in rows


# The page


@pytest.fixture
def staff(app: Flask, caller: Caller, world: World) -> Browser:
    codes = (Permission.OTP_RELEASE, Permission.OTP_SEND)
    return Browser(app).sign_in(world.member(caller.project, *codes, email="ann@example.org"))


def test_the_page_says_what_is_most_likely(caller: Caller, staff: Browser) -> None:
    assert "However it is written" in page_text(staff.get(PAGE))
    caller.open()
    answer = staff.post(PAGE, {"recipient": " +98 912 123 4567 "})
    text = page_text(answer)
    assert answer.status_code == 200
    assert "No worker is running" in text
    assert "A code was made." in text
    assert "+98••••••••67" in text


def test_the_page_names_a_bad_address_beside_its_field(staff: Browser) -> None:
    for typed in ("", "nobody", "a@b@c"):
        answer = staff.post(PAGE, {"recipient": typed})
        assert answer.status_code == 400
        assert 'id="recipient-error"' in answer.text


def test_a_row_of_the_deliveries_leads_to_its_recipient_without_naming_it(
    caller: Caller, staff: Browser, app: Flask, world: World
) -> None:
    caller.open()
    href = f"{PAGE}?delivery={delivery_id(caller)}"
    assert href in staff.get("/projects/shop/deliveries").text
    assert "A code was made." in page_text(staff.get(href))
    without = Browser(app).sign_in(world.member(caller.project, Permission.OTP_SEND, email="bob@example.org"))
    assert "timeline" not in without.get("/projects/shop/deliveries").text


def test_a_row_whose_challenge_is_gone_leads_nowhere(staff: Browser) -> None:
    for delivery in ("1", "x", "99999999999", "9999999999", "²"):
        assert staff.get(f"{PAGE}?delivery={delivery}").status_code == 404


def test_older_events_are_a_page_away(caller: Caller, staff: Browser, time: Clock) -> None:
    caller.set_limits(sends_per_hour=1000, sends_per_day=1000)
    for _ in range(60):
        caller.open()
        time.advance(61)
    first = staff.post(PAGE, {"recipient": PHONE})
    before = unescape(first.text.rpartition('name="before" value="')[2].partition('"')[0])
    older = staff.post(PAGE, {"recipient": PHONE, "before": before})
    assert older.status_code == 200
    assert older.text.count("A code was made.") + first.text.count("A code was made.") == 60
    linked = staff.get(f"{PAGE}?delivery={delivery_id(caller)}")
    assert f"{PAGE}?delivery={delivery_id(caller)}&amp;before=" in linked.text
    assert staff.get(f"{PAGE}?delivery={delivery_id(caller)}&before=x").status_code == 404
