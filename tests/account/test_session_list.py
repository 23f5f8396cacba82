"""The list of one's sessions, ending them, and what becomes of a copied cookie."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select, update

from notifapp import clock
from notifapp.access.models import UserSession
from notifapp.account.devices import device_name
from notifapp.database import reading, writing
from tests.account.actions import NEW_PASSWORD, copy_of, is_signed_in, sign_in
from tests.audit.trail import events
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.lists import rows
from tests.statements import sent
from tests.world import PASSWORD, World

EMAIL = "staff@example.org"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)


def signed_in(app: Flask, user_agent: str = FIREFOX, address: str = "203.0.113.7", email: str = EMAIL) -> Browser:
    """A browser of this kind at this address, signed in through the page."""
    browser = Browser(app)
    browser.client.environ_base |= {"HTTP_USER_AGENT": user_agent, "REMOTE_ADDR": address}
    assert sign_in(browser, email).status_code == 303
    return browser


@pytest.fixture
def desk(app: Flask, world: World) -> Browser:
    world.user(EMAIL)
    return signed_in(app)


def listed(browser: Browser, path: str = "/account/sessions") -> list[tuple[str, str]]:
    """The devices on the page, and the word that follows each: its address."""
    found = rows(browser.get(path).text)
    return [(row.title, row.text.removeprefix(row.title).split()[0]) for row in found]


def end_paths(browser: Browser) -> list[str]:
    return re.findall(r'action="(/account/sessions/\d+/end)"', browser.get("/account/sessions").text)


def last_use(app: Flask) -> UserSession:
    with app.app_context(), reading() as connection:
        found: UserSession = connection.execute(select(UserSession.used_at, UserSession.address)).one()  # type: ignore[assignment]
    return found


def test_a_person_sees_where_they_are_signed_in(app: Flask, desk: Browser) -> None:
    signed_in(app, IPHONE, "2001:db8::7")
    assert listed(desk) == [("Firefox on Windows This session", "203.0.113.7"), ("Safari on iPhone", "2001:db8::7")]
    assert '<a class="btn" href="/account/sessions">' in desk.get("/account").text


def test_nobody_sees_or_ends_anothers_session(app: Flask, world: World, desk: Browser) -> None:
    world.user("other@example.org")
    stranger = signed_in(app, IPHONE, email="other@example.org")
    assert listed(stranger) == [("Safari on iPhone This session", "203.0.113.7")]
    assert stranger.post("/account/sessions/1/end").status_code == 404
    assert is_signed_in(desk)


def test_one_session_is_ended_and_audited(app: Flask, desk: Browser) -> None:
    phone, other = signed_in(app, IPHONE), signed_in(app)
    path = end_paths(desk)[-1]
    answer = desk.post(path, follow_redirects=True)
    assert "The session has ended." in answer.text
    assert sorted([is_signed_in(phone), is_signed_in(other)]) == [False, True]
    assert is_signed_in(desk)
    assert desk.post(path).status_code == 404
    (event,) = events(app, "sessions_ended")
    assert (event.actor, event.subject) == (EMAIL, EMAIL)
    assert len(event.detail["devices"]) == 1


def test_ending_all_others_asks_first_and_keeps_the_one_in_hand(app: Flask, desk: Browser) -> None:
    phone, tablet = signed_in(app, IPHONE), signed_in(app, IPHONE)
    assert "End all other sessions?" in desk.get("/account/sessions/end-others").text
    assert is_signed_in(phone)
    desk.post("/account/sessions/end-others")
    assert [is_signed_in(browser) for browser in (desk, phone, tablet)] == [True, False, False]
    (event,) = events(app, "sessions_ended")
    assert event.detail == {"devices": ["Safari on iPhone", "Safari on iPhone"]}
    desk.post("/account/sessions/end-others")
    assert len(events(app, "sessions_ended")) == 1, "nothing was left to end"


def test_an_admin_ends_the_sessions_of_somebody_else(app: Flask, world: World, desk: Browser) -> None:
    admin = Browser(app).sign_in(world.admin())
    assert '<a href="/users/1/sessions">' in admin.get("/users/1").text
    assert listed(admin, "/users/1/sessions") == [("Firefox on Windows", "203.0.113.7")]
    answer = admin.post("/users/1/sessions", follow_redirects=True)
    assert "Staff is signed out everywhere." in page_text(answer)
    assert not is_signed_in(desk)
    assert is_signed_in(admin)
    (event,) = events(app, "sessions_ended")
    assert (event.actor, event.subject) == ("admin@example.org", EMAIL)
    assert "has no open session" in admin.get("/users/1/sessions").text


def test_an_admins_own_sessions_are_on_their_own_page(app: Flask, world: World, browser: Browser) -> None:
    assert browser.sign_in(world.admin()).get("/users/1/sessions").headers["Location"] == "/account/sessions"


def test_a_copied_cookie_dies_with_the_password(app: Flask, desk: Browser) -> None:
    thief = copy_of(desk)
    token = desk.csrf_token()
    answer = desk.post("/account/password", {"current": PASSWORD, "new": NEW_PASSWORD, "repeat": NEW_PASSWORD})
    assert answer.status_code == 303
    assert is_signed_in(desk)
    assert desk.csrf_token() != token
    assert not is_signed_in(thief)
    assert listed(desk) == [("Firefox on Windows This session", "203.0.113.7")]


def test_a_thiefs_use_of_a_copied_cookie_shows_in_the_list(app: Flask, desk: Browser) -> None:
    copy_of(desk).get("/account", environ_overrides={"REMOTE_ADDR": "198.51.100.9"})
    app.extensions["last_uses"].write()
    assert last_use(app).address == "198.51.100.9"


def test_a_use_is_written_once_a_minute_and_never_by_the_request(
    app: Flask, desk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Clock(monkeypatch)
    began = last_use(app).used_at
    time.advance(seconds=50)
    desk.get("/account")
    app.extensions["last_uses"].write()
    assert last_use(app).used_at == began
    time.advance(seconds=50)
    with sent() as statements:
        desk.get("/account")
    assert [statement for statement, _ in statements if not statement.startswith("SELECT")] == []
    app.extensions["last_uses"].write()
    assert last_use(app).used_at == clock.now()


def test_a_session_that_was_idle_for_too_long_is_listed_no_more(
    app: Flask, desk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(app, IPHONE)
    time = Clock(monkeypatch)
    time.advance(hours=1)
    desk.get("/account")
    app.extensions["last_uses"].write()
    time.advance(hours=1, minutes=2)
    assert [device for device, _ in listed(desk)] == ["Firefox on Windows This session"]


def test_a_session_whose_address_is_unknown_is_listed_too(app: Flask, desk: Browser) -> None:
    with app.app_context(), writing() as connection:
        connection.execute(update(UserSession).values(address=None))
    assert listed(desk) == [("Firefox on Windows This session", "Unknown")]


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Windows"),
        (IPHONE, "Safari on iPhone"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
            "Safari/537.36 Edg/131.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
            "Safari/605.1.15",
            "Safari on Mac",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 "
            "Chrome/125.0.0.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0 "
            "Mobile/15E148 Safari/604.1",
            "Chrome on iPad",
        ),
        ("Something (Windows)", "Windows"),
        ("curl/8.5.0", "Unknown device"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>" * 400, "Unknown device"),
        ("Firefox/" + "1" * 100_000, "Firefox"),
    ],
)
def test_a_device_is_named_by_known_words_alone(user_agent: str, name: str) -> None:
    assert device_name(user_agent) == name
