"""How long a session lives, and that its end is an end."""

from __future__ import annotations

import hashlib

import pytest
from flask import Flask

from notifapp.access.sessions import PageSessions
from tests.account.actions import copy_of, is_signed_in, sign_in
from tests.audit.trail import events
from tests.client import Browser
from tests.clock import Clock
from tests.world import World

EMAIL = "staff@example.org"


@pytest.fixture
def staff(app: Flask, world: World) -> Browser:
    """A browser that signed in through the page."""
    world.user(EMAIL)
    browser = Browser(app)
    assert sign_in(browser, EMAIL).status_code == 303
    return browser


def test_a_session_ends_twelve_hours_after_signing_in_however_busy_it_is(time: Clock, staff: Browser) -> None:
    for _ in range(11):
        time.advance(hours=1)
        assert is_signed_in(staff)
    time.advance(minutes=59)
    assert is_signed_in(staff)
    time.advance(minutes=2)
    assert not is_signed_in(staff)


def test_a_session_ends_after_two_idle_hours(time: Clock, staff: Browser) -> None:
    time.advance(hours=1, minutes=59)
    assert is_signed_in(staff)
    time.advance(hours=2, minutes=1)
    assert not is_signed_in(staff)


def test_a_cookie_left_idle_is_worth_nothing_though_its_owner_stays_busy(time: Clock, staff: Browser) -> None:
    copy = copy_of(staff)
    for _ in range(3):
        time.advance(hours=1)
        assert is_signed_in(staff)
    assert not is_signed_in(copy)


def test_signing_out_ends_every_copy_of_the_cookie(app: Flask, staff: Browser) -> None:
    copy = copy_of(staff)
    answer = staff.post("/sign-out", follow_redirects=True)
    assert answer.request.path == "/sign-in"
    assert "You are signed out." in answer.text
    assert not is_signed_in(staff)
    assert not is_signed_in(copy)
    (event,) = events(app, "signed_out")
    assert event.actor == EMAIL


def test_signing_out_leaves_the_other_browsers_alone(app: Flask, staff: Browser) -> None:
    other = Browser(app)
    sign_in(other, EMAIL)
    staff.post("/sign-out")
    assert is_signed_in(other)


def test_signing_out_needs_a_form_of_ours(staff: Browser) -> None:
    assert staff.get("/sign-out").status_code == 405
    assert staff.post("/sign-out", csrf=False).status_code == 400
    assert is_signed_in(staff)


def test_a_forged_cookie_is_worth_nothing(app: Flask, staff: Browser) -> None:
    cookie = staff.client.get_cookie("notifapp")
    assert cookie is not None
    forged = Browser(app)
    forged.client.set_cookie("notifapp", cookie.value[:-3] + "abc")
    assert not is_signed_in(forged)


def test_the_cookie_is_hidden_from_scripts_and_from_other_sites(app: Flask, world: World, browser: Browser) -> None:
    world.user(EMAIL)
    cookies = {cookie.partition("=")[0]: cookie for cookie in sign_in(browser, EMAIL).headers.getlist("Set-Cookie")}
    assert all("HttpOnly" in cookie and "Expires=" in cookie for cookie in cookies.values())
    assert "SameSite=Lax" in cookies["notifapp"]
    assert "SameSite=Strict" in cookies["notifapp-device"]


def test_a_cookie_signed_with_sha1_is_worth_nothing(app: Flask, staff: Browser) -> None:
    with staff.client.session_transaction() as session:
        content = dict(session)
    weak, forged = PageSessions(), Browser(app)
    weak.digest_method = staticmethod(hashlib.sha1)
    for sessions, opens in ((weak, False), (PageSessions(), True)):
        signer = sessions.get_signing_serializer(app)
        assert signer
        forged.client.set_cookie("notifapp", str(signer.dumps(content)))
        assert is_signed_in(forged) is opens


def test_cookies_and_form_tokens_carry_signatures_of_256_bits(staff: Browser) -> None:
    cookies = [staff.client.get_cookie(name) for name in ("notifapp", "notifapp-device")]
    signed = [cookie.value for cookie in cookies if cookie] + [staff.csrf_token()]
    assert [len(value.rpartition(".")[2]) for value in signed] == [43, 43, 43]


def test_a_deactivated_user_is_out_at_once(app: Flask, world: World, staff: Browser) -> None:
    admin = Browser(app).sign_in(world.admin())
    assert is_signed_in(staff)
    assert admin.post("/users/1/deactivate").status_code == 303
    assert not is_signed_in(staff)
    assert admin.post("/users/1/reactivate").status_code == 303
    assert not is_signed_in(staff), "reactivating opens no old session again"
    assert sign_in(staff, EMAIL).status_code == 303
