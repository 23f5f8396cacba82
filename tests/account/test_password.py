"""One's own name and password, and the link that sets a password once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from notifapp.access import Permission
from notifapp.extensions import db
from tests.account.actions import NEW_PASSWORD, is_signed_in, sign_in, use_link, username
from tests.audit.trail import events
from tests.client import ApiClient, Browser
from tests.clock import Clock
from tests.world import PASSWORD, World

EMAIL = "staff@example.org"
CHANGE = {"current": PASSWORD, "new": NEW_PASSWORD, "repeat": NEW_PASSWORD}
READ = Permission.NOTIFICATIONS_SETTINGS_READ


@pytest.fixture
def staff(world: World, browser: Browser) -> Browser:
    """Signed in; user 1, a member of a shop who may read its settings."""
    user_id = world.member(world.project("corner-shop"), READ, email=EMAIL)
    return browser.sign_in(user_id)


def new_link(app: Flask, world: World, user_id: int = 1, boss: str = "admin@example.org") -> str:
    """The path of a link that a new admin has just made."""
    admin = Browser(app).sign_in(world.admin(boss))
    page = admin.post(f"/users/{user_id}/password-link", follow_redirects=True).text
    match = re.search(r"<code>http://localhost(/password/[\w-]{43})</code>", page)
    assert match, page
    return match[1]


def test_the_name_is_changed_and_audited(app: Flask, staff: Browser) -> None:
    answer = staff.post("/account", {"name": "  Sara Ahmadi "}, follow_redirects=True)
    assert "Your account is saved." in answer.text
    assert 'value="Sara Ahmadi"' in answer.text
    (event,) = events(app, "user_changed")
    assert event.detail == {"changes": [["Name", "Staff", "Sara Ahmadi"]]}
    staff.post("/account", {"name": "Sara Ahmadi"})
    assert len(events(app, "user_changed")) == 1, "the same name again is no change"


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "two\nlines", "\0"])
def test_a_name_that_cannot_be_is_refused_beside_its_field(staff: Browser, name: str) -> None:
    answer = staff.post("/account", {"name": name})
    assert answer.status_code == 400
    assert 'id="name-error"' in answer.text
    assert '<a href="#name">Name</a>' in answer.text


def test_changing_the_password_ends_the_other_sessions_and_every_token(
    app: Flask, world: World, staff: Browser, api: ApiClient
) -> None:
    project = world.project("other")
    world.join(1, project, [READ])
    token, colleague = world.token(1, project), world.staff_token(project, READ, email="colleague@example.org")
    other = Browser(app)
    sign_in(other, EMAIL)
    assert api.get_settings(token).status_code == 200
    assert "revokes your 1 API token" in staff.get("/account").text

    answer = staff.post("/account/password", CHANGE, follow_redirects=True)
    assert "Your password is changed." in answer.text
    assert is_signed_in(staff)
    assert not is_signed_in(other)
    assert api.get_settings(token).json == {"detail": "Invalid token."}
    assert api.get_settings(colleague).status_code == 200
    assert sign_in(Browser(app), EMAIL).status_code == 400
    assert sign_in(Browser(app), EMAIL, NEW_PASSWORD).status_code == 303

    (changed,) = events(app, "password_changed")
    (revoked,) = events(app, "token_revoked")
    assert (changed.actor, changed.subject) == (EMAIL, EMAIL)
    assert (revoked.actor, revoked.subject, revoked.project_id) == (EMAIL, token[:12], project.id)


def test_a_password_change_that_is_refused_ends_nothing(
    app: Flask, world: World, staff: Browser, api: ApiClient
) -> None:
    token = world.token(1, world.project("other"))
    other = Browser(app)
    sign_in(other, EMAIL)
    assert staff.post("/account/password", CHANGE | {"current": "wrong"}).status_code == 400
    assert is_signed_in(other)
    assert api.get_settings(token).status_code == 403
    assert events(app, "password_changed", "token_revoked") == []
    assert sign_in(Browser(app), EMAIL).status_code == 303


def test_the_present_password_is_asked_for(app: Flask, staff: Browser) -> None:
    answer = staff.post("/account/password", CHANGE | {"current": "wrong"})
    assert "That is not your current password." in answer.text
    (event,) = events(app, "sign_in_failed")
    assert (event.actor, event.detail) == (EMAIL, {"at": "password change"})


def test_guessing_the_present_password_is_limited_like_signing_in(staff: Browser) -> None:
    answers = [staff.post("/account/password", CHANGE | {"current": f"wrong {number}"}) for number in range(11)]
    assert [answer.status_code for answer in answers] == [400] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert staff.post("/account/password", CHANGE).status_code == 429


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("too short", "Use at least 15 characters."),
        ("x" * 129, "Use at most 128 characters."),
        ("staff@example.org", "too easy to guess"),
        ("corner-shop 2026", "too easy to guess"),
        (PASSWORD, "Choose a password that you don&#39;t use now."),
    ],
)
def test_a_weak_new_password_is_refused_beside_its_field(staff: Browser, new: str, message: str) -> None:
    answer = staff.post("/account/password", {"current": PASSWORD, "new": new, "repeat": new})
    assert answer.status_code == 400
    assert message in answer.text
    assert 'id="new-error"' in answer.text


def test_a_typing_error_in_the_repetition_changes_nothing(app: Flask, staff: Browser) -> None:
    answer = staff.post("/account/password", CHANGE | {"repeat": NEW_PASSWORD + "x"})
    assert answer.status_code == 400
    assert "This differs from the new password." in answer.text
    assert sign_in(Browser(app), EMAIL).status_code == 303


def test_the_password_form_opened_by_its_address_is_the_account_page(staff: Browser) -> None:
    assert staff.get("/account/password").headers["Location"] == "/account"


def test_a_link_sets_the_password_once(app: Flask, world: World, staff: Browser, api: ApiClient) -> None:
    token = world.token(1, world.project("other"))
    path = new_link(app, world)
    stranger = Browser(app)
    assert EMAIL in stranger.get(path, follow_redirects=True).text
    assert use_link(stranger, path).headers["Location"] == "/sign-in"
    assert "Your password is set. Sign in with it." in stranger.get("/sign-in").text
    assert not is_signed_in(staff)
    assert api.get_settings(token).status_code == 401
    assert sign_in(stranger, EMAIL, NEW_PASSWORD).status_code == 303
    assert use_link(Browser(app), path, PASSWORD).status_code == 404
    assert [event.actor for event in events(app, "password_changed")] == [EMAIL]


def test_a_weak_password_leaves_the_link_open(app: Flask, world: World, staff: Browser) -> None:
    path = new_link(app, world)
    stranger = Browser(app)
    assert use_link(stranger, path, "short").status_code == 400
    assert use_link(stranger, path).status_code == 303


def test_a_link_expires_after_a_day(app: Flask, world: World, staff: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    time, late = Clock(monkeypatch), Browser(app)
    path = new_link(app, world)
    time.advance(hours=23, minutes=59)
    page = late.get(path, follow_redirects=True)
    assert page.status_code == 200
    time.advance(minutes=1)
    assert Browser(app).get(path).status_code == 404
    form = {"username": username(page.text), "new": NEW_PASSWORD, "repeat": NEW_PASSWORD}
    assert late.post("/password", form).status_code == 404


def test_a_newer_link_a_changed_password_and_deactivation_close_an_open_link(
    app: Flask, world: World, staff: Browser
) -> None:
    admin = Browser(app).sign_in(world.admin("boss@example.org"))

    def make() -> str:
        match = re.search(
            r"(/password/[\w-]{43})</code>", admin.post("/users/1/password-link", follow_redirects=True).text
        )
        assert match
        return match[1]

    older, newer = make(), make()
    assert (Browser(app).get(older).status_code, Browser(app).get(newer).status_code) == (404, 303)
    staff.post("/account/password", CHANGE)
    assert Browser(app).get(newer).status_code == 404
    newest = make()
    admin.post("/users/1/deactivate")
    assert Browser(app).get(newest).status_code == 404
    admin.post("/users/1/reactivate")
    assert Browser(app).get(newest).status_code == 404


def test_of_many_who_use_a_link_at_once_one_succeeds(app: Flask, world: World, staff: Browser) -> None:
    path = new_link(app, world)
    browsers = [Browser(app) for _ in range(8)]
    for browser in browsers:
        browser.get(path)
    tokens = [browser.csrf_token() for browser in browsers]

    def use(number: int) -> int:
        new = f"{NEW_PASSWORD} {number}"
        data = {"username": EMAIL, "new": new, "repeat": new, "csrf_token": tokens[number]}
        return browsers[number].client.post("/password", data=data).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(8))) == [303] + [404] * 7
    assert len(events(app, "password_changed")) == 1


@pytest.mark.parametrize("key", ["x", "x" * 5000, "%00", "%ff", "..%2f"])
def test_a_link_that_never_was_is_not_found(browser: Browser, key: str) -> None:
    assert browser.get(f"/password/{key}").status_code == 404


def test_the_key_of_a_link_is_in_no_address_but_the_first_and_in_no_cookie(
    app: Flask, world: World, staff: Browser
) -> None:
    path = new_link(app, world)
    stranger = Browser(app)
    answer = stranger.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/password")
    page = stranger.get("/password")
    cookie = stranger.client.get_cookie("notifapp")
    assert cookie is not None
    key = path.removeprefix("/password/")
    assert key not in page.text + str(page.headers) + cookie.decoded_value
    with stranger.client.session_transaction() as session:
        assert key not in repr(dict(session))


def test_a_link_that_a_mail_scanner_opened_first_still_works(app: Flask, world: World, staff: Browser) -> None:
    path = new_link(app, world)
    scanner = Browser(app)
    for _ in range(3):
        scanner.client.head(path)
        assert scanner.get(path, follow_redirects=True).status_code == 200
    assert use_link(Browser(app), path).status_code == 303


def test_the_page_of_a_link_without_a_link_says_what_to_do(browser: Browser) -> None:
    answer = browser.get("/password")
    assert answer.status_code == 404
    assert "Open the link that you were given" in answer.text
    assert browser.post("/password", {"new": NEW_PASSWORD}).status_code == 404


def test_a_link_planted_in_another_tab_sets_no_password_unseen(app: Flask, world: World, staff: Browser) -> None:
    world.user("thief@example.org")
    mine = new_link(app, world)
    thiefs = new_link(app, world, 2, "boss@example.org")
    victim = Browser(app)
    form = {"username": username(victim.get(mine, follow_redirects=True).text), "new": NEW_PASSWORD}
    victim.get(thiefs)
    answer = victim.post("/password", form | {"repeat": NEW_PASSWORD}, follow_redirects=True)
    assert "Another link was opened in this browser meanwhile." in answer.text
    assert username(answer.text) == "thief@example.org"
    assert events(app, "password_changed") == []


def test_no_secret_is_in_the_database_or_the_log(
    app: Flask, world: World, staff: Browser, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    token = world.token(1, world.project("other"))
    key = new_link(app, world).removeprefix("/password/")
    opener = Browser(app)
    opener.get(f"/password/{key}")
    sign_in(Browser(app), EMAIL, "a wrong guess")
    staff.post("/account/password", CHANGE)
    with staff.client.session_transaction() as cookie:
        session_key = cookie["_user_id"]
    shown = capfd.readouterr()
    everything = shown.out + shown.err + caplog.text + "".join(map(repr, dump(app)))
    for secret in (PASSWORD, NEW_PASSWORD, "a wrong guess", key, token, session_key):
        assert secret not in everything
    assert EMAIL in everything, "the search itself works"


def dump(app: Flask) -> list[object]:
    """Every row of every table."""
    with app.app_context(), db.engine.connect() as connection:
        return [tuple(row) for table in db.metadata.sorted_tables for row in connection.execute(table.select())]
