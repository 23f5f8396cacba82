"""Wrong passwords by strangers, from one place or many: they find no password and lock nobody out."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.account.actions import NEW_PASSWORD, is_signed_in, sign_in, use_link
from tests.account.test_password import new_link
from tests.client import Browser
from tests.clock import Clock
from tests.world import PASSWORD, World

EMAIL = "staff@example.org"
HOME = "203.0.113.7"
CHANGE = {"current": PASSWORD, "new": NEW_PASSWORD, "repeat": NEW_PASSWORD}


def browser_at(app: Flask, address: str) -> Browser:
    browser = Browser(app)
    browser.client.environ_base["REMOTE_ADDR"] = address
    return browser


def fail(browser: Browser, times: int, email: str = EMAIL) -> list[int]:
    """Send wrong passwords; what is answered."""
    token = browser.csrf_token()
    form = {"email": email, "password": "wrong", "csrf_token": token}
    return [browser.client.post("/sign-in", data=form).status_code for _ in range(times)]


def fail_from_everywhere(app: Flask) -> None:
    """Use up all tries that the account has for strangers."""
    for number in range(10):
        assert fail(browser_at(app, f"198.51.100.{number}"), 10) == [400] * 10


def sign_out(browser: Browser) -> None:
    assert browser.post("/sign-out").status_code == 303
    assert not is_signed_in(browser)


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    """A browser that has signed in before, and is signed out."""
    world.user(EMAIL)
    browser = browser_at(app, HOME)
    assert sign_in(browser, EMAIL).status_code == 303
    sign_out(browser)
    return browser


def test_a_stranger_cannot_lock_an_account_out(app: Flask, owner: Browser) -> None:
    stranger = browser_at(app, "198.51.100.9")
    assert fail(stranger, 150) == [400] * 10 + [429] * 140
    assert sign_in(stranger, EMAIL).status_code == 429
    assert sign_in(browser_at(app, "192.0.2.1"), EMAIL).status_code == 303, "from elsewhere, on a new device"
    assert sign_in(owner, EMAIL).status_code == 303


def test_a_stranger_with_many_addresses_cannot_lock_a_known_device_out(app: Flask, owner: Browser) -> None:
    fail_from_everywhere(app)
    new_device = browser_at(app, "192.0.2.1")
    assert sign_in(new_device, EMAIL).status_code == 429
    assert sign_in(owner, EMAIL).status_code == 303
    owner.client.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    sign_out(owner)
    assert sign_in(owner, EMAIL).status_code == 303, "on the way, too"


def test_a_botnet_gets_a_hundred_guesses_a_day(app: Flask, owner: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock(monkeypatch)
    fail_from_everywhere(app)
    time.advance(hours=23)
    refused = sign_in(browser_at(app, "192.0.2.1"), EMAIL)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "3600"
    assert "Try again in 60 minutes. On a device that you have signed in with before" in refused.text
    time.advance(hours=1)
    assert sign_in(browser_at(app, "192.0.2.1"), EMAIL).status_code == 303


def test_an_account_that_is_unknown_closes_like_a_known_one_from_everywhere(app: Flask) -> None:
    for number in range(10):
        assert fail(browser_at(app, f"198.51.100.{number}"), 10, "nobody@example.org") == [400] * 10
    assert fail(browser_at(app, "192.0.2.1"), 1, "nobody@example.org") == [429]


def test_a_known_device_has_ten_tries_of_its_own(app: Flask, owner: Browser) -> None:
    assert fail(owner, 11) == [400] * 10 + [429]
    assert sign_in(browser_at(app, "192.0.2.1"), EMAIL).status_code == 303


def test_a_device_known_to_one_account_is_a_stranger_to_another(app: Flask, world: World, owner: Browser) -> None:
    world.user("other@example.org")
    assert sign_in(owner, "other@example.org").status_code == 303
    sign_out(owner)
    fail_from_everywhere(app)
    assert sign_in(owner, EMAIL).status_code == 303, "both who share this computer are known"
    thief = browser_at(app, "192.0.2.1")
    assert sign_in(thief, "other@example.org").status_code == 303
    sign_out(thief)
    assert sign_in(thief, EMAIL).status_code == 429


@pytest.mark.parametrize("cookie", ["", "x", "~~~", "a.b.c", "é~\x7f", "a" * 4000, "MQ.Z0Ej5g.MQ~" * 90])
def test_a_forged_device_cookie_opens_no_more_tries(app: Flask, owner: Browser, cookie: str) -> None:
    fail_from_everywhere(app)
    forged = browser_at(app, "192.0.2.1")
    forged.client.set_cookie("notifapp-device", cookie)
    assert sign_in(forged, EMAIL).status_code == 429


def test_a_copied_device_cookie_dies_with_the_password(app: Flask, owner: Browser) -> None:
    cookie = owner.client.get_cookie("notifapp-device")
    assert cookie is not None
    assert sign_in(owner, EMAIL).status_code == 303
    assert owner.post("/account/password", CHANGE).status_code == 303
    sign_out(owner)
    fail_from_everywhere(app)
    thief = browser_at(app, "192.0.2.1")
    thief.client.set_cookie("notifapp-device", cookie.value)
    assert sign_in(thief, EMAIL, NEW_PASSWORD).status_code == 429
    assert sign_in(owner, EMAIL, NEW_PASSWORD).status_code == 303


def test_a_device_is_known_for_half_a_year(app: Flask, owner: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock(monkeypatch)
    time.advance(days=181)
    fail_from_everywhere(app)
    assert sign_in(owner, EMAIL).status_code == 429


def test_a_link_from_an_admin_opens_an_account_that_strangers_have_closed(app: Flask, world: World) -> None:
    world.user(EMAIL)
    fail_from_everywhere(app)
    person = browser_at(app, HOME)
    assert sign_in(person, EMAIL).status_code == 429
    assert use_link(person, new_link(app, world)).status_code == 303
    assert sign_in(person, EMAIL, NEW_PASSWORD).status_code == 303


def test_a_stranger_cannot_keep_a_person_from_changing_their_password(app: Flask, owner: Browser) -> None:
    assert sign_in(owner, EMAIL).status_code == 303
    fail_from_everywhere(app)
    assert owner.post("/account/password", CHANGE).status_code == 303


def test_the_device_cookie_alone_lets_nobody_in(app: Flask, owner: Browser) -> None:
    cookie = owner.client.get_cookie("notifapp-device")
    assert cookie is not None
    thief = browser_at(app, HOME)
    thief.client.set_cookie("notifapp-device", cookie.value)
    assert not is_signed_in(thief)
    assert EMAIL not in cookie.value
