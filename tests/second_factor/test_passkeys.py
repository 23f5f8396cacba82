"""Passkeys by HTTP, on both databases; tests/browser/test_passkeys.py has the same with Chromium's authenticator."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.account.actions import is_signed_in, sign_in
from tests.audit.trail import events
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.second_factor.factors import give_app, shown
from tests.second_factor.soft_key import SoftKey
from tests.world import World

EMAIL = "staff@example.org"
NEW = "/account/two-step/passkeys/new"
REFUSED = "This passkey was not accepted."


@pytest.fixture
def staff(world: World) -> int:
    return world.user(EMAIL)


@pytest.fixture
def owner(app: Flask, staff: int) -> Browser:
    """The owner's browser, signed in."""
    return Browser(app).sign_in(staff)


@pytest.fixture
def key(owner: Browser) -> SoftKey:
    """A key that is registered."""
    key = SoftKey()
    assert register(owner, key).headers["Location"] == "/account/two-step/recovery-codes"
    return key


def creation_options(browser: Browser) -> Any:
    return json.loads(browser.post("/account/two-step/passkeys/options").text)


def register(browser: Browser, key: SoftKey, **how: Any) -> TestResponse:
    made = key.make(creation_options(browser), **how)
    return browser.post(NEW, {"name": "Blue key", "credential": made})


def options(browser: Browser) -> Any:
    return json.loads(browser.post("/sign-in/passkey/options").text)


def enter(browser: Browser, answer: str, path: str = "/sign-in/passkey") -> TestResponse:
    return browser.post(path, {"credential": answer})


def test_a_passkey_opens_the_page_that_asked(app: Flask, browser: Browser, key: SoftKey) -> None:
    answer = enter(browser, key.answer(options(browser)), "/sign-in/passkey?next=/account")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert is_signed_in(browser)
    assert events(app, "signed_in")[-1].detail == {"with": "passkey"}


def test_who_is_signed_in_already_gets_no_second_session(app: Flask, owner: Browser, key: SoftKey) -> None:
    assert enter(owner, key.answer(options(owner))).headers["Location"] == "/projects"
    assert events(app, "signed_in") == []


def test_the_options_ask_for_its_owner_and_name_no_account(browser: Browser, key: SoftKey) -> None:
    asked = options(browser)
    assert (asked["userVerification"], asked["rpId"], asked["allowCredentials"]) == ("required", "localhost", [])


def test_registering_asks_for_a_key_that_can_be_found_without_a_name(owner: Browser) -> None:
    asked = creation_options(owner)
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["attestation"] == "none"
    assert EMAIL not in asked["user"]["id"]


@pytest.mark.parametrize("origin", ["http://localhost:81", "https://localhost", "https://evil.example", "null"])
def test_another_site_that_asks_for_the_key_gets_nobody_in(browser: Browser, key: SoftKey, origin: str) -> None:
    answer = enter(browser, key.answer(options(browser), origin=origin))
    assert answer.status_code == 400
    assert REFUSED in page_text(answer)
    assert not is_signed_in(browser)


def test_a_key_for_another_host_is_refused(browser: Browser, key: SoftKey) -> None:
    answer = enter(browser, key.answer(options(browser) | {"rpId": "evil.example"}))
    assert REFUSED in page_text(answer)


def test_who_sends_another_host_with_a_phished_answer_stays_outside(browser: Browser, key: SoftKey) -> None:
    phished = key.answer(options(browser) | {"rpId": "evil.example"}, origin="http://evil.example")
    token = browser.csrf_token()
    data = {"credential": phished, "csrf_token": token}
    answer = browser.client.post("/sign-in/passkey", data=data, headers={"Host": "evil.example"})
    assert answer.status_code == 400


def test_an_answer_without_its_owners_finger_is_refused(app: Flask, browser: Browser, key: SoftKey) -> None:
    assert REFUSED in page_text(enter(browser, key.answer(options(browser), verified=False)))
    assert [event.actor for event in events(app, "second_step_failed")] == [EMAIL]


def test_a_key_without_its_owners_finger_is_not_registered(owner: Browser) -> None:
    answer = register(owner, SoftKey(), verified=False)
    assert answer.status_code == 400
    assert "The passkey could not be verified. Try again." in page_text(answer)


def test_a_recorded_answer_does_not_work_again(app: Flask, browser: Browser, key: SoftKey) -> None:
    answer = key.answer(options(browser))
    other = Browser(app)
    with browser.client.session_transaction() as mine, other.client.session_transaction() as copy:
        copy.update(mine)
    assert enter(browser, answer).status_code == 303
    assert REFUSED in page_text(enter(other, answer))
    assert [event.detail["reason"] for event in events(app, "passkey_refused")] == ["answer used before"]


def test_of_many_at_once_with_the_same_answer_one_gets_in(app: Flask, browser: Browser, key: SoftKey) -> None:
    asked = options(browser)
    key.count = -1  # a synced passkey doesn't count: only the challenge holds the others off
    answer, token = key.answer(asked), browser.csrf_token()
    browsers = [Browser(app) for _ in range(8)]
    with browser.client.session_transaction() as mine:
        for other in browsers:
            with other.client.session_transaction() as copy:
                copy.update(mine)

    def send(other: Browser) -> int:
        data = {"credential": answer, "csrf_token": token}
        return other.client.post("/sign-in/passkey", data=data).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, browsers)) == [303] + [400] * 7


def test_what_was_made_once_is_not_registered_twice(app: Flask, owner: Browser) -> None:
    key = SoftKey()
    made = key.make(creation_options(owner))
    assert owner.post(NEW, {"name": "Blue key", "credential": made}).status_code == 303
    assert owner.post(NEW, {"name": "Blue key", "credential": made}).status_code == 400
    again = register(owner, key)
    assert "This passkey is registered already." in page_text(again)


def test_an_answer_after_ten_minutes_is_too_late(
    browser: Browser, key: SoftKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Clock(monkeypatch)
    asked = options(browser)
    time.advance(minutes=10, seconds=1)
    assert REFUSED in page_text(enter(browser, key.answer(asked)))


def test_a_challenge_to_register_is_none_to_sign_in(owner: Browser, browser: Browser, key: SoftKey) -> None:
    asked = options(browser) | {"challenge": creation_options(owner)["challenge"]}
    assert REFUSED in page_text(enter(browser, key.answer(asked)))


def test_a_copy_whose_counter_goes_back_is_refused(app: Flask, browser: Browser, key: SoftKey) -> None:
    key.count = 6
    assert enter(browser, key.answer(options(browser))).status_code == 303
    thief = Browser(app)
    for stale in (3, 6):  # one behind, and one that is even
        key.count = stale
        answer = enter(thief, key.answer(options(thief)))
        assert "a copy of it seems to be in use" in page_text(answer)
    assert not is_signed_in(thief)
    assert [event.detail["reason"] for event in events(app, "passkey_refused")] == ["counter went back"] * 2


def test_a_key_that_does_not_count_works_every_time(app: Flask, key: SoftKey) -> None:
    for _ in range(2):
        browser = Browser(app)
        key.count = -1
        assert enter(browser, key.answer(options(browser))).status_code == 303


def test_a_deactivated_owner_stays_outside(app: Flask, world: World, browser: Browser, key: SoftKey) -> None:
    admin = Browser(app).sign_in(world.admin())
    assert admin.post("/users/1/deactivate").status_code == 303
    assert REFUSED in page_text(enter(browser, key.answer(options(browser))))


def test_an_unknown_key_is_refused_and_leaves_no_trace(app: Flask, browser: Browser, key: SoftKey) -> None:
    assert REFUSED in page_text(enter(browser, SoftKey().answer(options(browser))))
    assert events(app, "second_step_failed") == []


def test_one_address_may_fail_a_hundred_times(browser: Browser, key: SoftKey) -> None:
    token = browser.csrf_token()
    data = {"credential": "{}", "csrf_token": token}
    answers = [browser.client.post("/sign-in/passkey", data=data).status_code for _ in range(101)]
    assert answers == [400] * 100 + [429]


def test_a_wrong_key_at_the_second_step_leads_back_to_it(app: Flask, staff: int, key: SoftKey) -> None:
    secret = give_app(app, staff)
    browser = Browser(app)
    sign_in(browser, EMAIL)
    answer = enter(browser, SoftKey().answer(options(browser)))
    assert "Second step" in page_text(answer)
    assert REFUSED in page_text(answer)
    assert browser.post("/sign-in/second-step", {"code": shown(secret)}).status_code == 303


def test_a_passkey_confirms_and_another_persons_does_not(
    app: Flask, world: World, owner: Browser, key: SoftKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, others = Browser(app).sign_in(world.user("other@example.org")), SoftKey()
    register(other, others)
    time = Clock(monkeypatch)
    time.advance(minutes=10)
    assert owner.get(NEW).status_code == 302
    refused = enter(owner, others.answer(options(owner)), "/account/confirm/passkey")
    assert "This is not a passkey of this account" in page_text(refused)
    assert owner.get(NEW).status_code == 302
    path = f"/account/confirm/passkey?next={NEW}"
    assert enter(owner, key.answer(options(owner)), path).headers["Location"] == NEW
    assert owner.get(NEW).status_code == 200


@pytest.mark.parametrize("text", ["", "{}", "null", "[]", "1", '{"id": 1}', "[" * 5000, '{"id":"é"}'])
def test_rubbish_is_no_answer_and_no_key(owner: Browser, text: str) -> None:
    assert owner.post(NEW, {"name": "Key", "credential": text}).status_code == 400
    assert enter(owner, text, "/account/confirm/passkey").status_code == 400
