"""Releasing recipients: some or all on the page, by the API without an address in any URL, and at the command line."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from notifapp import clock
from notifapp.access import Permission
from notifapp.audit.service import Action
from notifapp.database import writing
from notifapp.otp.models import OtpRecipient
from tests.audit.trail import events
from tests.client import Browser
from tests.clock import Clock
from tests.otp.caller import EMAIL, PHONE, WRONG, Caller
from tests.world import World

LIMITS = "/projects/shop/limits"
RELEASE = "/api/otp/recipients/release"
OTHERS = [f"+9891212345{n}" for n in range(10, 14)]


@pytest.fixture
def admin(caller: Caller, world: World, browser: Browser) -> Browser:
    return browser.sign_in(world.admin())


@pytest.fixture
def support(caller: Caller, world: World) -> str:
    """A token that may release recipients and nothing else."""
    return world.staff_token(caller.project, Permission.OTP_RELEASE, email="support@shop.example")


def block(caller: Caller, recipient: str = PHONE, channel: str = "sms") -> None:
    """Have a recipient blocked by a wrong code."""
    caller.set_limits(max_failures=1, resend_seconds=1, stop_hours=None)
    challenge, _ = caller.open(recipient, channel)
    caller.verify(challenge, WRONG)


def keys(page: str) -> list[str]:
    """What the checkboxes of the list stand for."""
    return re.findall(r'name="recipient" value="(\w+:[0-9a-f]{64})"', page)


def released(app: Flask) -> list[tuple[str, Any]]:
    return [(event.subject, event.detail) for event in events(app) if event.action == Action.RECIPIENT_RELEASED]


def post(caller: Caller, token: str, body: object) -> Any:
    return caller.api.call("POST", RELEASE, token, json=body)


def test_a_blocked_recipient_is_listed_and_unblocked_at_once(admin: Browser, caller: Caller, time: Clock) -> None:
    block(caller)
    page = admin.get(LIMITS).text
    assert "+98••••••••67" in page
    [key] = keys(page)
    answer = admin.post(f"{LIMITS}/release", {"one": key}, follow_redirects=True)
    assert "+98••••••••67 is unblocked and can receive codes again." in answer.text
    assert "No blocked recipients" in answer.text
    time.advance(1)
    assert caller.send().status_code == 201
    assert admin.post(f"{LIMITS}/release", {"one": key}).status_code == 409
    assert admin.post(f"{LIMITS}/release", {"one": "fax:" + "0" * 64}).status_code == 404
    assert released(caller.app) == [("+98••••••••67", {})]


def test_the_chosen_are_unblocked_after_a_question_and_no_others(admin: Browser, caller: Caller) -> None:
    for recipient in OTHERS:
        block(caller, recipient)
    chosen = keys(admin.get(LIMITS).text)[:2]
    asked = admin.post(f"{LIMITS}/release", {"recipient": chosen})
    assert (asked.status_code, "Unblock 2 recipients?" in asked.text) == (200, True)
    assert len(keys(admin.get(LIMITS).text)) == 4
    [hidden] = re.findall(r'name="recipient" value="([^"]+)"', asked.text)
    answer = admin.post(f"{LIMITS}/release", {"recipient": hidden, "confirmed": "yes"}, follow_redirects=True)
    assert "2 recipients are unblocked" in answer.text
    assert set(keys(answer.text)).isdisjoint(chosen)
    assert len(keys(answer.text)) == 2
    [(subject, detail)] = released(caller.app)
    assert subject == "2 recipients"
    assert all("•" in name for name in detail["recipients"])


def test_all_are_unblocked_after_a_question(admin: Browser, caller: Caller, world: World) -> None:
    projects = (caller.project.id, world.project("other").id)
    with caller.app.app_context(), writing() as connection:
        many = [
            {"project_id": project, "channel": "sms", "digest": f"{n:064x}", "masked": "+98•••67", "failures": 100,
             "stopped_at": clock.now()}
            for project in projects for n in range(1000)
        ]  # fmt: skip
        connection.execute(insert(OtpRecipient), many)
    asked = admin.post(f"{LIMITS}/release", {"all": "yes"})
    assert "Unblock 1000 recipients?" in asked.text
    answer = admin.post(f"{LIMITS}/release", {"all": "yes", "confirmed": "yes"}, follow_redirects=True)
    assert "1000 recipients are unblocked" in answer.text
    assert caller.count(OtpRecipient, failures=0) == caller.count(OtpRecipient, failures=100) == 1000


def test_who_chooses_nobody_is_told_to(admin: Browser, caller: Caller) -> None:
    block(caller)
    answer = admin.post(f"{LIMITS}/release", {}, follow_redirects=True)
    assert "select at least one recipient" in answer.text
    assert len(keys(answer.text)) == 1


def test_a_block_that_has_ended_is_no_longer_listed(admin: Browser, caller: Caller, world: World, time: Clock) -> None:
    caller.set_limits(max_failures=1)
    challenge, _ = caller.open()
    caller.verify(challenge, WRONG)
    page = admin.get(LIMITS).text
    assert len(keys(page)) == 1
    assert "2026-11-24 12:00" in page
    time.advance(86400)
    admin.sign_in(world.admin("boss@example.org"))  # the session of a day ago has ended
    assert "No blocked recipients" in admin.get(LIMITS).text


def test_a_program_releases_a_recipient_from_a_block_and_from_a_wait(caller: Caller, support: str, time: Clock) -> None:
    for limit in (1, 100):
        caller.set_limits(max_failures=limit, resend_seconds=1, stop_hours=None)
        challenge, _ = caller.open()
        for _ in range(5):
            caller.verify(challenge, WRONG)
        time.advance(1)
        assert caller.send().status_code == 429
        answer = post(caller, support, {"recipient": "+98 912 123 4567"})
        assert (answer.status_code, answer.data) == (204, b"")
        assert caller.recipient().failures == 0
    assert [subject for subject, _ in released(caller.app)] == ["+98••••••••67"] * 2


def test_a_release_gives_no_code_beyond_those_of_an_hour(caller: Caller, support: str, time: Clock) -> None:
    caller.set_limits(sends_per_hour=1, max_failures=1)
    challenge, _ = caller.open()
    caller.verify(challenge, WRONG)
    assert post(caller, support, {"recipient": PHONE}).status_code == 204
    assert caller.send().get_json()["code"] == "hourly_limit"


def test_nobody_learns_from_a_release_who_is_a_customer(caller: Caller, support: str) -> None:
    caller.open(EMAIL, "email")
    for recipient in (EMAIL, "stranger@example.com", PHONE):
        answer = post(caller, support, {"recipient": recipient})
        assert (answer.status_code, answer.data) == (204, b"")
    assert released(caller.app) == []


def test_the_channel_of_a_release_is_the_addresss_unless_it_is_given(caller: Caller, support: str) -> None:
    block(caller, EMAIL, "email")
    assert post(caller, support, {"recipient": EMAIL, "channel": "sms"}).json == {
        "recipient": [
            "Enter a valid phone number, such as +989121234567. It must begin with + and the country's code."
        ],
        "code": "invalid",
    }
    assert post(caller, support, {"recipient": EMAIL, "channel": "fax"}).status_code == 400
    assert caller.recipient().failures == 1
    assert post(caller, support, {"recipient": EMAIL.upper(), "channel": None}).status_code == 204
    assert caller.recipient().failures == 0


@pytest.mark.parametrize("body", [{}, {"recipient": None}, {"recipient": ""}, {"recipient": 7}, {"recipient": "x"}])
def test_a_release_of_nobody_is_refused(caller: Caller, support: str, body: object) -> None:
    answer = post(caller, support, body)
    assert answer.status_code == 400
    assert answer.json.keys() == {"recipient", "code"}


def test_a_token_without_9003_releases_nobody(caller: Caller) -> None:
    block(caller)
    assert post(caller, caller.token, {"recipient": PHONE}).status_code == 403
    assert caller.recipient().failures == 1


def test_a_token_of_another_project_releases_nobody_here(caller: Caller, world: World) -> None:
    block(caller)
    foreign = world.staff_token(world.project("other"), Permission.OTP_RELEASE, email="other@example.org")
    assert post(caller, foreign, {"recipient": PHONE}).status_code == 204
    assert caller.recipient().failures == 1
