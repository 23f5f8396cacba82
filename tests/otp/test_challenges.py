"""Issuing and verifying through the API: what the answers say, and what a code is worth."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from notifapp.access import Permission
from notifapp.delivery.models import Delivery
from notifapp.otp.models import OtpChallenge
from tests.client import ApiClient
from tests.clock import Clock
from tests.otp.caller import CHALLENGES, EMAIL, PHONE, POLICY, Caller, make_caller
from tests.world import World

NULL = "This field may not be null."


def invalid(attempts_left: int) -> dict[str, object]:
    """The body for a code that is wrong, replaced or unknown."""
    return {"code": ["Invalid code."], "attempts_left": attempts_left, "error_code": "invalid_code"}


def wrong(code: str) -> str:
    """Another code of the same length."""
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def test_a_challenge_answers_with_what_a_form_needs_and_no_more(caller: Caller) -> None:
    answer = caller.send()
    assert answer.status_code == 201
    assert list(answer.get_json()) == [
        "id", "channel", "recipient", "code_length", "expires_at", "resend_at", "attempts_left",
    ]  # fmt: skip
    assert answer.get_json()["channel"] == "sms"
    assert answer.get_json()["recipient"] == "+98••••••••67"
    assert answer.get_json()["code_length"] == 5
    assert answer.get_json()["attempts_left"] == 5
    lives = datetime.fromisoformat(answer.get_json()["expires_at"]) - datetime.fromisoformat(
        answer.get_json()["resend_at"]
    )
    assert lives.total_seconds() == 60
    assert answer.get_json()["expires_at"].endswith("Z")


def test_the_right_code_approves_once(caller: Caller) -> None:
    challenge, code = caller.open()
    assert len(code) == 5
    answer = caller.verify(challenge, code)
    approval = {"id": challenge, "status": "approved", "channel": "sms", "recipient": "+98••••••••67"}
    assert (answer.status_code, answer.json) == (200, approval)
    again = caller.verify(challenge, code)
    assert again.status_code == 400
    assert again.json == {
        "code": ["This code has already been used."],
        "attempts_left": 0,
        "status": "approved",
        "error_code": "used_code",
    }
    assert caller.verify(challenge, wrong(code)).json == invalid(0)
    assert caller.count(OtpChallenge, status="approved") == 1


def test_a_wrong_code_costs_a_try_and_the_fifth_ends_the_challenge(caller: Caller) -> None:
    challenge, code = caller.open()
    for left in (4, 3, 2, 1, 0):
        answer = caller.verify(challenge, wrong(code))
        assert (answer.status_code, answer.json) == (400, invalid(left))
    assert caller.state(challenge)["status"] == "failed"
    assert caller.verify(challenge, code).json == invalid(0)


@pytest.mark.parametrize("typed", ["1", "1234", "123456", "۱۲۳۴", "12 34", "x"])
def test_a_code_of_the_wrong_length_costs_no_attempt(caller: Caller, typed: str) -> None:
    challenge, code = caller.open()
    for _ in range(6):
        answer = caller.verify(challenge, typed)
        assert answer.status_code == 400
        assert answer.json == {
            "code": ["Enter the 5 digits of the code."],
            "attempts_left": 5,
            "error_code": "incomplete_code",
        }
    assert caller.recipient().failures == 0
    assert caller.verify(challenge, code).status_code == 200
    assert caller.verify(challenge, typed).json == invalid(0)


def test_every_error_has_a_code(caller: Caller, world: World, api: ApiClient) -> None:
    none = world.staff_token(caller.project, email="none@shop.example")
    calls: list[tuple[str, str, str | None, dict[str, Any]]] = [
        ("not_authenticated", "POST", None, {}),
        ("permission_denied", "POST", none, {}),
        ("method_not_allowed", "PUT", caller.token, {}),
        ("not_acceptable", "POST", caller.token, {"headers": {"Accept": "text/html"}}),
        ("parse_error", "POST", caller.token, {"data": "{", "content_type": "application/json"}),
        ("invalid", "POST", caller.token, {"json": []}),
        ("too_large", "POST", caller.token, {"data": "x" * 70_000, "content_type": "application/json"}),
        ("unsupported_media_type", "POST", caller.token, {"data": "x", "content_type": "text/plain"}),
    ]
    for code, method, token, options in calls:
        answer = api.call(method, CHALLENGES, token, **options)
        assert answer.get_json()["code"] == code, answer.get_json()
    assert api.call("GET", "/api/otp/nothing", caller.token).get_json()["code"] == "not_found"
    assert "code" not in api.call("GET", "/api/nothing", caller.token).get_json()
    caller.set_limits(sends_per_hour=1, sends_per_day=1)
    caller.send()
    assert caller.send().get_json()["code"] == "daily_limit"


def test_fifty_right_answers_at_once_approve_exactly_once(caller: Caller) -> None:
    challenge, code = caller.open()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: caller.verify(challenge, code), range(50)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 49]
    assert {answer.get_json()["error_code"] for answer in answers if answer.status_code == 400} == {"used_code"}
    assert caller.count(OtpChallenge, status="approved") == 1
    assert caller.recipient().failures == 0


def test_unknown_replaced_wrong_and_foreign_codes_look_alike(caller: Caller, world: World, time: Clock) -> None:
    used, used_code = caller.open()
    caller.verify(used, used_code)
    time.advance(60)
    replaced, replaced_code = caller.open()
    time.advance(60)
    challenge, code = caller.open()
    other = make_caller(caller.app, world, "other")
    foreign, foreign_code = other.open()
    answers = [
        caller.verify(challenge, wrong(code)),
        caller.verify(used, wrong(used_code)),
        caller.verify(replaced, replaced_code),
        caller.verify(foreign, foreign_code),
        caller.verify("0" * 32, code),
        caller.verify("no-such-challenge", code),
        caller.verify("%00", code),
    ]
    for answer in answers:
        assert answer.status_code == 400
        assert answer.get_json() == invalid(answer.get_json()["attempts_left"])
    assert other.verify(foreign, foreign_code).status_code == 200


def test_ones_own_expired_challenge_says_so(caller: Caller, time: Clock) -> None:
    challenge, code = caller.open()
    time.advance(120)
    answer = caller.verify(challenge, code)
    assert answer.status_code == 400
    assert answer.json == {
        "code": ["This code has expired."],
        "attempts_left": 0,
        "status": "expired",
        "error_code": "expired_code",
    }
    assert caller.state(challenge)["status"] == "expired"


def test_a_code_lives_until_its_last_moment(caller: Caller, time: Clock) -> None:
    challenge, code = caller.open()
    time.advance(119.999)
    assert caller.verify(challenge, code).status_code == 200


def test_the_state_tells_what_became_of_a_challenge(caller: Caller, time: Clock) -> None:
    challenge, code = caller.open()
    state = caller.state(challenge)
    assert (state["status"], state["approved_at"], state["attempts_left"]) == ("pending", None, 5)
    assert code not in str(state)
    caller.verify(challenge, code)
    assert (caller.state(challenge)["status"], caller.state(challenge)["approved_at"]) == (
        "approved",
        "2026-11-23T12:00:00.000000Z",
    )


def test_the_state_of_no_challenge_or_of_another_projects_is_404(caller: Caller, world: World) -> None:
    foreign, _ = make_caller(caller.app, world, "other").open()
    for name in (foreign, "0" * 32, "x"):
        answer = caller.api.call("GET", f"{CHALLENGES}/{name}", caller.token)
        assert (answer.status_code, answer.json) == (404, {"detail": "Not found.", "code": "not_found"})


@pytest.mark.parametrize(
    "zero", [0x06F0, 0x0660, 0xFF10, 0x0966], ids=["persian", "arabic-indic", "full-width", "devanagari"]
)
def test_other_digits_and_blanks_between_them_are_accepted(caller: Caller, zero: int) -> None:
    challenge, code = caller.open()
    written = "".join(chr(zero + int(digit)) for digit in code)
    assert caller.verify(challenge, f" {written[:3]} {written[3:]}").status_code == 200


def test_a_code_as_a_number_is_taken_as_its_digits(caller: Caller, time: Clock) -> None:
    challenge, code = open_with(caller, time, lambda code: code[0] != "0")
    assert caller.verify(challenge, int(code)).status_code == 200


def test_leading_zeros_count(caller: Caller, time: Clock) -> None:
    challenge, code = open_with(caller, time, lambda code: code[0] == "0")
    assert caller.verify(challenge, int(code)).get_json()["code"] == ["Enter the 5 digits of the code."]
    assert caller.verify(challenge, code).status_code == 200


def open_with(caller: Caller, time: Clock, is_wanted: Callable[[str], bool]) -> tuple[str, str]:
    """A challenge whose code is as wanted, after as many others as it takes."""
    caller.set_limits(resend_seconds=1, sends_per_hour=1000, sends_per_day=1000)
    while True:
        challenge, code = caller.open()
        if is_wanted(code):
            return challenge, code
        time.advance(2)


def test_email_addresses_and_phone_numbers_in_other_spellings_are_the_same_recipient(caller: Caller) -> None:
    assert caller.send("Customer@EXAMPLE.com", "email").status_code == 201
    assert caller.send(EMAIL, "email").status_code == 429
    assert caller.send("+98 912 123 45 67").status_code == 201
    assert caller.send("+98-912-1234567").status_code == 429
    caller.set_phone_region("IR")
    assert caller.send("۰۹۱۲۱۲۳۴۵۶۷").status_code == 429
    assert caller.last_message()["recipient"] == PHONE


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, {"channel": ["This field is required."], "recipient": ["This field is required."]}),
        ({"channel": None, "recipient": None}, {"channel": [NULL], "recipient": [NULL]}),
        ({"channel": "fax", "recipient": PHONE}, {"channel": ['"fax" is not a valid choice.']}),
        ({"channel": "\ud800", "recipient": PHONE}, {"channel": ['"?" is not a valid choice.']}),
        ({"channel": {}, "recipient": PHONE}, {"channel": ['"{}" is not a valid choice.']}),
        ({"channel": "sms", "recipient": []}, {"recipient": ["Not a valid string."]}),
        ({"channel": "sms", "recipient": " "}, {"recipient": ["This field may not be blank."]}),
        ({"channel": "sms", "recipient": True}, {"recipient": ["Not a valid string."]}),
        ({"channel": "sms", "recipient": "9" * 255}, {"recipient": [
            "Ensure this field has no more than 254 characters."
        ]}),
        ({"channel": "sms", "recipient": "\0"}, {"recipient": ["Null characters are not allowed."]}),
        ({"channel": "email", "recipient": "\ud800@x.com"}, {"recipient": [
            "Surrogate characters are not allowed: U+D800."
        ]}),
        ({"channel": "email", "recipient": PHONE}, {"recipient": ["Enter a valid email address."]}),
        ({"channel": "sms", "recipient": "09121234567"}, {"recipient": [
            "Enter a valid phone number, such as +989121234567. It must begin with + and the country's code."
        ]}),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_named(
    caller: Caller, fields: dict[str, object], errors: dict[str, object]
) -> None:
    answer = caller.api.call("POST", CHALLENGES, caller.token, json=fields)
    assert (answer.status_code, answer.json) == (400, {**errors, "code": "invalid"})
    assert caller.count(OtpChallenge) == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "This field is required."),
        ({"code": None}, "This field may not be null."),
        ({"code": ""}, "This field may not be blank."),
        ({"code": ["1"]}, "Not a valid string."),
        ({"code": "1" * 65}, "Ensure this field has no more than 64 characters."),
    ],
)
def test_a_body_without_a_code_costs_no_try(caller: Caller, fields: dict[str, object], message: str) -> None:
    challenge, _ = caller.open()
    answer = caller.api.call("POST", f"{CHALLENGES}/{challenge}/verify", caller.token, json=fields)
    assert (answer.status_code, answer.json) == (400, {"code": [message], "error_code": "invalid"})
    assert caller.state(challenge)["attempts_left"] == 5


def test_without_a_notifier_that_sends_it_is_409_and_nothing_is_kept(caller: Caller, world: World) -> None:
    caller.change_settings(sms_notifier=None)
    answer = caller.send()
    assert answer.status_code == 409
    assert answer.json == {
        "detail": "No SMS notifier is chosen in this project's notification settings.",
        "code": "no_notifier",
    }
    world.set_enabled(2, False)
    answer = caller.send(EMAIL, "email")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "notifier_disabled")
    assert caller.count(OtpChallenge) == caller.count(Delivery) == 0


def test_the_policy_says_what_a_code_would_be_like(caller: Caller) -> None:
    caller.change_settings(otp_code_len=8, otp_ttl=300, email_notifier=None)
    answer = caller.api.call("GET", POLICY, caller.token)
    assert answer.json == {
        "code_length": 8,
        "ttl": 300,
        "channels": ["sms"],
        "limits": {
            "attempts_per_challenge": 5,
            "seconds_between_sends": 60,
            "sends_per_hour": 5,
            "sends_per_day": 10,
            "failures_until_stopped": 100,
        },
    }
    assert len(caller.open()[1]) == 8


def test_sending_and_verifying_are_separate_permissions(caller: Caller, world: World, api: ApiClient) -> None:
    challenge, _ = caller.open()
    sender = world.staff_token(caller.project, Permission.OTP_SEND, email="sender@shop.example")
    verifier = world.staff_token(caller.project, Permission.OTP_VERIFY, email="verifier@shop.example")
    neither = world.staff_token(caller.project, Permission.NOTIFICATIONS_SETTINGS_READ, email="x@shop.example")
    verify = f"{CHALLENGES}/{challenge}/verify"
    body = {"channel": "email", "recipient": EMAIL}
    statuses = {
        who: [
            api.call("POST", CHALLENGES, token, json=body).status_code,
            api.call("POST", verify, token, json={"code": "wrong"}).status_code,
            api.call("GET", f"{CHALLENGES}/{challenge}", token).status_code,
            api.call("GET", POLICY, token).status_code,
        ]
        for who, token in (("sender", sender), ("verifier", verifier), ("neither", neither), ("nobody", None))
    }
    assert statuses == {
        "sender": [201, 403, 200, 200],
        "verifier": [403, 400, 200, 200],
        "neither": [403] * 4,
        "nobody": [401] * 4,
    }


def test_the_message_says_the_code_the_minutes_and_the_project(caller: Caller) -> None:
    _, code = caller.open(EMAIL, "email")
    message = caller.last_message()
    assert message["recipient"] == EMAIL
    assert message["subject"] == "Your code for Shop"
    assert message["body"] == f"{code} is your code for Shop. It is valid for 2 minutes."
    assert message["variables"] == {"code": code, "minutes": "2", "validity": "2 minutes", "project": "Shop"}


@pytest.mark.parametrize("broken", [{"redis_url": "redis://127.0.0.1:1/0"}, {"instance_dir": Path("/nowhere")}])
def test_a_queue_that_cant_be_reached_fails_nobodys_request(caller: Caller, broken: dict[str, Any]) -> None:
    config = caller.app.config["NOTIFAPP"]
    kept = caller.app.extensions.pop("queue", None)
    caller.app.config["NOTIFAPP"] = replace(config, **broken)
    try:
        assert caller.send().status_code == 201
    finally:
        caller.app.config["NOTIFAPP"] = config
        caller.app.extensions["queue"] = kept
    assert caller.count(Delivery, status="queued") == 1
