"""Signing in: who gets in, what a wrong try tells, and how many there may be."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import func, select

from notifapp import clock
from notifapp.access import passwords
from notifapp.access.models import User, UserSession
from notifapp.extensions import db
from tests.account.actions import WRONG, is_signed_in, sign_in
from tests.audit.trail import events
from tests.client import Browser
from tests.clock import Clock
from tests.world import PASSWORD, World

EMAIL = "staff@example.org"


class CountingHasher(PasswordHasher):
    """A real hasher that remembers how often it verified, and at what cost."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.costs: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.costs.append(str(hash).split("$")[3])
        return bool(super().verify(hash, password))


def without_what_differs(page: str) -> str:
    return re.sub(r'value="[^"]*"|Reference <code>\w+', "", page)


def test_the_right_password_opens_the_page_that_asked_for_it(world: World, browser: Browser) -> None:
    world.user(EMAIL)
    refused = browser.get("/account")
    assert refused.headers["Location"] == "/sign-in?next=/account"
    answer = sign_in(browser, EMAIL, path=refused.headers["Location"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert browser.get("/account").status_code == 200


def test_without_a_page_that_asked_one_comes_to_the_projects(world: World, browser: Browser) -> None:
    world.user(EMAIL)
    assert browser.get("/").headers["Location"] == "/sign-in"
    assert sign_in(browser, EMAIL).headers["Location"] == "/projects"
    assert browser.get("/").headers["Location"] == "/projects"
    assert browser.get("/sign-in").headers["Location"] == "/projects"


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil",
        "",
    ],
)
def test_nobody_is_sent_to_another_site(world: World, browser: Browser, path: str) -> None:
    world.user(EMAIL)
    browser.get("/sign-in", query_string={"next": path})
    token = browser.csrf_token()
    answer = browser.client.post(
        "/sign-in", query_string={"next": path}, data={"email": EMAIL, "password": PASSWORD, "csrf_token": token}
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/projects")


def test_the_address_may_be_typed_in_capitals_and_with_blanks(world: World, browser: Browser) -> None:
    world.user(EMAIL)
    assert sign_in(browser, " Staff@Example.ORG ").status_code == 303


def test_an_unknown_name_a_wrong_password_and_a_deactivated_account_look_and_cost_alike(
    app: Flask, world: World, browser: Browser
) -> None:
    world.user(EMAIL)
    world.user("gone@example.org", active=False)
    world._insert(User, email="new@example.org", name="Has no password yet", created_at=clock.now())
    hasher, before = CountingHasher(), app.extensions["password_hasher"]
    app.extensions["password_hasher"] = hasher
    try:
        tries = [(EMAIL, "wrong"), ("nobody@example.org", "wrong"), ("gone@example.org", PASSWORD)]
        answers = [sign_in(browser, *each) for each in [*tries, ("new@example.org", ""), ("no address", "wrong")]]
    finally:
        app.extensions["password_hasher"] = before
    assert {answer.status_code for answer in answers} == {400}
    assert len({without_what_differs(answer.text) for answer in answers}) == 1
    assert WRONG in answers[0].text
    assert len(hasher.costs) == len(answers)
    assert len(set(hasher.costs)) == 1
    assert not is_signed_in(browser)


def test_the_page_never_gives_the_password_back(world: World, browser: Browser) -> None:
    assert "the-wrong-one" not in sign_in(browser, EMAIL, "the-wrong-one").text


def test_an_outdated_hash_is_renewed_when_its_owner_signs_in(app: Flask, world: World, browser: Browser) -> None:
    user_id = world.user(EMAIL)
    before = app.extensions["password_hasher"]
    app.extensions["password_hasher"] = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    try:
        assert sign_in(browser, EMAIL).status_code == 303
        with app.app_context():
            kept = db.session.get_one(User, user_id).password_hash or ""
            assert "m=16,t=2" in kept
            assert passwords.verify_password(kept, PASSWORD)
    finally:
        app.extensions["password_hasher"] = before


def test_nothing_from_before_signing_in_goes_on_afterwards(world: World, browser: Browser) -> None:
    world.user(EMAIL)
    with browser.client.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"
    token = browser.csrf_token()
    sign_in(browser, EMAIL)
    with browser.client.session_transaction() as cookie:
        assert "planted" not in cookie
    assert browser.csrf_token() != token


def test_ten_failures_close_the_account_for_a_while_even_to_the_right_password(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.user(EMAIL)
    time = Clock(monkeypatch)
    assert {sign_in(browser, EMAIL, "wrong").status_code for _ in range(10)} == {400}
    time.advance(minutes=5)
    refused = sign_in(browser, EMAIL)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "600"
    assert "Too many attempts. Try again in 10 minutes." in refused.text
    assert 'name="password"' in refused.text
    assert sign_in(browser, EMAIL.upper()).status_code == 429
    time.advance(minutes=10)
    assert sign_in(browser, EMAIL).status_code == 303


def test_an_unknown_account_closes_like_a_known_one(browser: Browser) -> None:
    answers = [sign_in(browser, "nobody@example.org", "wrong").status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]


def test_one_address_may_fail_a_hundred_times_whatever_the_accounts(world: World, browser: Browser) -> None:
    world.user(EMAIL)
    token = browser.csrf_token()

    def fail(number: int) -> int:
        data = {"email": f"{number // 5}@example.org", "password": "wrong", "csrf_token": token}
        return browser.client.post("/sign-in", data=data).status_code

    assert [fail(number) for number in range(101)] == [400] * 100 + [429]
    assert sign_in(browser, EMAIL).status_code == 429


def test_a_neighbour_in_the_same_ipv6_network_is_the_same_address(app: Flask, browser: Browser) -> None:
    token = browser.csrf_token()

    def fail(number: int, host: str) -> int:
        data = {"email": f"{number}@example.org", "password": "wrong", "csrf_token": token}
        return browser.client.post("/sign-in", data=data, environ_overrides={"REMOTE_ADDR": host}).status_code

    assert {fail(number, f"2001:db8::{number:x}") for number in range(100)} == {400}
    assert fail(100, "2001:db8::ffff") == 429
    assert fail(100, "2001:db8:0:1::1") == 400


def test_signing_in_well_uses_nothing_up(app: Flask, world: World) -> None:
    world.user(EMAIL)
    for _ in range(15):
        browser = Browser(app)
        assert sign_in(browser, EMAIL).status_code == 303
    assert [sign_in(Browser(app), EMAIL, "wrong").status_code for _ in range(11)] == [400] * 10 + [429]


def test_signing_in_well_forgives_no_failure(app: Flask, world: World) -> None:
    world.user(EMAIL)
    for _ in range(9):
        sign_in(Browser(app), EMAIL, "wrong")
    assert sign_in(Browser(app), EMAIL).status_code == 303
    assert [sign_in(Browser(app), EMAIL, "wrong").status_code for _ in range(2)] == [400, 429]


def test_parallel_tries_exceed_the_limit_by_not_even_one(app: Flask, world: World) -> None:
    world.user(EMAIL)
    browsers = [Browser(app) for _ in range(24)]
    tokens = [browser.csrf_token() for browser in browsers]

    def fail(number: int) -> int:
        data = {"email": EMAIL, "password": "wrong", "csrf_token": tokens[number]}
        return browsers[number].client.post("/sign-in", data=data).status_code

    with ThreadPoolExecutor(12) as pool:
        answers = sorted(pool.map(fail, range(len(browsers))))
    assert answers == [400] * 10 + [429] * 14


def test_every_try_that_is_answered_is_in_the_audit_log(app: Flask, world: World, browser: Browser) -> None:
    user_id = world.user(EMAIL)
    sign_in(browser, EMAIL, "wrong")
    sign_in(browser, EMAIL)
    failed, succeeded = events(app, "sign_in_failed", "signed_in")
    assert (failed.action, failed.actor, failed.actor_id, failed.address) == (
        "sign_in_failed",
        EMAIL,
        None,
        "127.0.0.1",
    )
    assert (succeeded.action, succeeded.actor, succeeded.actor_id) == ("signed_in", EMAIL, user_id)


def test_a_password_typed_into_the_wrong_field_is_recorded_nowhere(app: Flask, browser: Browser) -> None:
    sign_in(browser, PASSWORD, "")
    (event,) = events(app, "sign_in_failed")
    assert (event.actor, event.subject) == ("not an email address", "not an email address")


@pytest.mark.parametrize(
    "typed", ["\0", "a\0b@example.org", "x" * 5000, "x" * 300 + "@example.org", "ж@example.org", ""]
)
def test_odd_names_and_passwords_are_simply_wrong(app: Flask, browser: Browser, typed: str) -> None:
    assert sign_in(browser, typed, typed).status_code == 400
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(UserSession)) == 0


def test_a_body_without_the_fields_is_simply_wrong(browser: Browser) -> None:
    assert browser.post("/sign-in").status_code == 400
