"""Signing in with a code after the password: nobody passes with the password alone, and no code works twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import func, select, update

from notifapp.access import Principal
from notifapp.access.models import User, UserSession
from notifapp.account.proof.second_step import PER_DAY
from notifapp.database import Vault, reading, writing
from notifapp.second_factor import totp
from notifapp.users import service as users
from tests.account.actions import NEW_PASSWORD, is_signed_in, sign_in, use_link
from tests.audit.trail import events
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.second_factor.factors import give_app, give_recovery_codes, shown, wrong
from tests.world import PASSWORD, World

EMAIL = "staff@example.org"
STEP = "/sign-in/second-step"
WRONG_CODE = "That code is wrong or was used already."


@pytest.fixture
def staff(world: World) -> int:
    return world.user(EMAIL)


@pytest.fixture
def secret(app: Flask, staff: int) -> str:
    return give_app(app, staff)


def half_signed_in(app: Flask) -> Browser:
    """A browser in which the password was given."""
    browser = Browser(app)
    assert sign_in(browser, EMAIL).headers["Location"] == STEP
    return browser


def test_who_knows_the_password_alone_gets_nothing(app: Flask, secret: str) -> None:
    browser = half_signed_in(app)
    assert browser.get("/projects").headers["Location"].startswith("/sign-in?")
    assert not is_signed_in(browser)
    with app.app_context(), reading() as connection:
        assert connection.execute(select(func.count()).select_from(UserSession)).scalar_one() == 0
    assert events(app, "signed_in") == []


def test_the_code_opens_the_page_that_asked_for_it(app: Flask, browser: Browser, secret: str) -> None:
    asked = sign_in(browser, EMAIL, path="/sign-in?next=/account")
    assert asked.headers["Location"] == f"{STEP}?next=/account"
    assert f"Now confirm that you are {EMAIL}." in page_text(browser.get(asked.headers["Location"]))
    answer = browser.post(asked.headers["Location"], {"code": shown(secret)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert is_signed_in(browser)
    [event] = events(app, "signed_in")
    assert event.detail == {"with": "authenticator app"}


def test_half_a_sign_in_makes_no_device_known(app: Flask, secret: str) -> None:
    browser = half_signed_in(app)
    assert browser.client.get_cookie("notifapp-device") is None
    assert browser.post(STEP, {"code": shown(secret)}).status_code == 303
    assert browser.client.get_cookie("notifapp-device") is not None


def test_persian_digits_and_blanks_are_digits_too(app: Flask, secret: str) -> None:
    code = shown(secret).translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    assert half_signed_in(app).post(STEP, {"code": f" {code[:3]} {code[3:]} "}).status_code == 303


def test_a_code_that_was_seen_over_a_shoulder_does_not_work_again(app: Flask, secret: str) -> None:
    code = shown(secret)
    assert half_signed_in(app).post(STEP, {"code": code}).status_code == 303
    thief = half_signed_in(app)
    answer = thief.post(STEP, {"code": code})
    assert answer.status_code == 400
    assert WRONG_CODE in page_text(answer)
    assert not is_signed_in(thief)


def test_a_code_before_one_that_was_used_does_not_work_either(
    app: Flask, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    assert half_signed_in(app).post(STEP, {"code": shown(secret, steps=1)}).status_code == 303
    assert half_signed_in(app).post(STEP, {"code": shown(secret)}).status_code == 400


@pytest.mark.parametrize(("steps", "status"), [(-2, 400), (-1, 303), (1, 303), (2, 400)])
def test_a_clock_may_be_off_by_one_step(
    app: Flask, secret: str, monkeypatch: pytest.MonkeyPatch, steps: int, status: int
) -> None:
    Clock(monkeypatch)
    assert half_signed_in(app).post(STEP, {"code": shown(secret, steps=steps)}).status_code == status


def test_of_many_at_once_with_the_same_code_one_gets_in(app: Flask, secret: str) -> None:
    browsers = [half_signed_in(app) for _ in range(8)]
    code, tokens = shown(secret), [browser.csrf_token() for browser in browsers]

    def enter(number: int) -> int:
        data = {"code": code, "csrf_token": tokens[number]}
        return browsers[number].client.post(STEP, data=data).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(enter, range(8))) == [303] + [400] * 7


def test_ten_wrong_codes_close_the_second_step_for_a_while(
    app: Flask, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Clock(monkeypatch)
    browser = half_signed_in(app)
    assert {browser.post(STEP, {"code": wrong(secret)}).status_code for _ in range(10)} == {400}
    refused = browser.post(STEP, {"code": shown(secret)})
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "900"
    assert half_signed_in(app).post(STEP, {"code": shown(secret)}).status_code == 429
    time.advance(minutes=15)
    assert half_signed_in(app).post(STEP, {"code": shown(secret)}).status_code == 303
    assert [event.detail for event in events(app, "second_step_failed")] == [{"at": "authenticator app"}] * 10


def test_fifty_wrong_codes_close_it_for_the_day(app: Flask, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock(monkeypatch)
    for _ in range(5):
        browser = half_signed_in(app)
        assert {browser.post(STEP, {"code": wrong(secret)}).status_code for _ in range(10)} == {400}
        time.advance(minutes=15)
    assert half_signed_in(app).post(STEP, {"code": shown(secret)}).status_code == 429


def test_the_half_signed_in_state_ends_after_ten_minutes(
    app: Flask, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Clock(monkeypatch)
    browser = half_signed_in(app)
    time.advance(minutes=10)
    answer = browser.post(STEP, {"code": shown(secret)})
    assert answer.headers["Location"] == "/sign-in"
    assert "That took too long. Sign in again." in page_text(browser.get("/sign-in"))


def test_a_copy_of_the_cookie_from_between_the_steps_is_worth_nothing_afterwards(
    app: Flask, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Clock(monkeypatch)
    browser, thief = half_signed_in(app), Browser(app)
    with browser.client.session_transaction() as mine, thief.client.session_transaction() as stolen:
        stolen.update(mine)
    assert browser.post(STEP, {"code": shown(secret)}).status_code == 303
    time.advance(seconds=60)
    assert thief.post(STEP, {"code": shown(secret)}).headers["Location"] == "/sign-in"


def test_a_new_password_ends_what_the_old_one_has_begun(app: Flask, staff: int, secret: str) -> None:
    thief = half_signed_in(app)
    owner = Browser(app).sign_in(staff)
    fields = {"current": PASSWORD, "new": NEW_PASSWORD, "repeat": NEW_PASSWORD}
    assert owner.post("/account/password", fields).status_code == 303
    assert thief.post(STEP, {"code": shown(secret)}).headers["Location"] == "/sign-in"


def test_who_was_deactivated_between_the_steps_stays_outside(app: Flask, staff: int, secret: str) -> None:
    browser = half_signed_in(app)
    with app.app_context(), writing() as connection:
        connection.execute(update(User).values(is_active=False))
    assert browser.post(STEP, {"code": shown(secret)}).headers["Location"] == "/sign-in"


def test_the_page_is_not_there_without_the_password(browser: Browser) -> None:
    assert browser.get(STEP).headers["Location"] == "/sign-in"
    assert browser.post(STEP, {"code": "123456"}).headers["Location"] == "/sign-in"


def test_a_recovery_code_stands_in_once(app: Flask, staff: int, secret: str) -> None:
    code, other, *_ = give_recovery_codes(app, staff)
    assert half_signed_in(app).post(STEP, {"recovery_code": f" {code.upper()} "}).status_code == 303
    again = half_signed_in(app).post(STEP, {"recovery_code": code})
    assert again.status_code == 400
    assert "That is none of your recovery codes, or it was used already." in page_text(again)
    assert half_signed_in(app).post(STEP, {"recovery_code": other.replace("-", "")}).status_code == 303
    assert len(events(app, "recovery_code_used")) == 2
    assert [event.detail for event in events(app, "second_step_failed")] == [{"at": "recovery code"}]


def test_of_many_at_once_with_the_same_recovery_code_one_gets_in(app: Flask, staff: int, secret: str) -> None:
    code = give_recovery_codes(app, staff)[0]
    browsers = [half_signed_in(app) for _ in range(8)]
    tokens = [browser.csrf_token() for browser in browsers]

    def enter(number: int) -> int:
        data = {"recovery_code": code, "csrf_token": tokens[number]}
        return browsers[number].client.post(STEP, data=data).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(enter, range(8))) == [303] + [400] * 7


def test_another_persons_codes_are_wrong(app: Flask, world: World, secret: str) -> None:
    other = world.user("other@example.org")
    theirs, codes = give_app(app, other), give_recovery_codes(app, other)
    browser = half_signed_in(app)
    assert browser.post(STEP, {"code": shown(theirs)}).status_code == 400
    assert browser.post(STEP, {"recovery_code": codes[0]}).status_code == 400


@pytest.mark.parametrize("typed", ["", "1", "\0", "ж" * 5000, "-1", "１２"])
def test_odd_codes_are_simply_wrong(app: Flask, secret: str, typed: str) -> None:
    browser = half_signed_in(app)
    assert browser.post(STEP, {"code": typed}).status_code == 400
    assert browser.post(STEP, {"recovery_code": typed}).status_code == 400


def test_what_was_typed_before_the_session_ended_survives_the_second_step(app: Flask, staff: int, secret: str) -> None:
    browser = half_signed_in(app)
    browser.post(STEP, {"code": shown(secret)})
    browser.post("/sign-out")
    asked = browser.post("/account", {"name": "Sara Q"}, csrf=False, headers={"Origin": "http://localhost"})
    kept = '{"fields": [["name", "Sara Q"]], "has_secrets": false}'
    assert asked.status_code == 401
    page = browser.post("/sign-in?next=/account", {"email": EMAIL, "password": PASSWORD, "kept": kept})
    assert page.status_code == 200
    code = shown(secret, steps=1)
    answer = browser.post(f"{STEP}?next=/account", {"code": code, "kept": kept})
    assert answer.headers["Location"] == "/account"
    assert 'value="Sara Q"' in browser.get("/account").text


def test_secrets_of_apps_are_encrypted_and_recovery_codes_are_digests(app: Flask, staff: int, secret: str) -> None:
    codes = give_recovery_codes(app, staff)
    with app.app_context(), reading() as connection:
        stored = str(connection.exec_driver_sql("SELECT secret FROM totp_app").all())
        digests = str(connection.exec_driver_sql("SELECT digest FROM recovery_code").all())
    assert secret not in stored
    assert not [code for code in codes if code in digests or code.replace("-", "") in digests]


def test_a_removed_encryption_key_makes_codes_wrong_and_breaks_no_page(app: Flask, secret: str) -> None:
    vault = app.extensions["vault"]
    app.extensions["vault"] = Vault([Fernet.generate_key().decode()])
    try:
        assert half_signed_in(app).post(STEP, {"code": shown(secret)}).status_code == 400
    finally:
        app.extensions["vault"] = vault


def test_the_limits_of_guessing_are_those_that_the_comment_reckons_with() -> None:
    tries = PER_DAY.count * 365
    assert tries * (2 * totp.DRIFT + 1) / 10**6 < 0.06


def test_a_password_link_leaves_the_second_step_in_force(app: Flask, staff: int, secret: str) -> None:
    with app.app_context():
        key = users.create_password_link(staff, principal=Principal.operator())
    browser = Browser(app)
    assert use_link(browser, f"/password/{key}").status_code == 303
    assert sign_in(browser, EMAIL, NEW_PASSWORD).headers["Location"] == STEP
