"""A person's own apps and recovery codes, the reset by somebody else, and who must have a second factor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from notifapp.access.models import User
from notifapp.access.permissions import Permission
from notifapp.config import Config, ConfigError, WhoNeeds
from notifapp.extensions import db
from notifapp.second_factor.models import RecoveryCode, TotpApp
from tests.access.test_routes import PUBLIC
from tests.access.walk import is_api, methods, path_of, rules
from tests.account.actions import is_signed_in, sign_in
from tests.audit.trail import events
from tests.client import ApiClient, Browser, page_text
from tests.clock import Clock
from tests.conftest import ENCRYPTION_KEY, SECRET_KEY
from tests.second_factor.factors import give_app, give_recovery_codes, shown, wrong
from tests.world import PASSWORD, World

EMAIL = "staff@example.org"
PAGE = "/account/two-step"
# What is open to those who have yet to set up a second factor, besides what is public.
OPEN_WHILE_DUE = {
    "account.confirm",
    "account.confirm_with_passkey",
    "account.sign_out",
    "second_factor.codes",
    "second_factor.index",
    "second_factor.new_app",
    "second_factor.new_passkey",
    "second_factor.passkey_options",
    "second_factor.remove",
    "second_factor.renew_codes",
}


@pytest.fixture
def staff(world: World) -> int:
    return world.user(EMAIL)


@pytest.fixture
def own(staff: int, browser: Browser) -> Browser:
    return browser.sign_in(staff)


@pytest.fixture
def required(app: Flask) -> Iterator[None]:
    """Everybody needs a second factor."""
    before = app.config["NOTIFAPP"]
    app.config["NOTIFAPP"] = replace(before, require_second_factor=WhoNeeds.ALL)
    yield
    app.config["NOTIFAPP"] = before


def key_on(page: str) -> str:
    """The key that the page shows for those who can't scan it."""
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert found
    return found[1].replace(" ", "")


def codes_on(page: str) -> list[str]:
    return re.findall(r"\b(?:[a-z2-7]{4}-){5}[a-z2-7]{4}\b", page)


def count(app: Flask, model: type[TotpApp] | type[RecoveryCode]) -> int:
    with app.app_context():
        return db.session.query(model).count()


def test_an_app_is_added_with_a_code_and_brings_ten_recovery_codes(app: Flask, own: Browser) -> None:
    page = own.get(f"{PAGE}/apps/new")
    assert 'src="data:image/svg+xml' in page.text
    secret = key_on(page.text)
    assert key_on(own.get(f"{PAGE}/apps/new").text) == secret, "the same when the page is loaded again"
    answer = own.post(f"{PAGE}/apps/new", {"name": "My phone", "code": shown(secret)})
    assert answer.headers["Location"] == f"{PAGE}/recovery-codes"
    codes = codes_on(own.get(f"{PAGE}/recovery-codes").text)
    assert len(set(codes)) == 10
    assert codes_on(own.get(f"{PAGE}/recovery-codes").text) == [], "they are shown once"
    assert "My phone" in own.get(PAGE).text
    assert secret not in own.get(PAGE).text
    assert sign_in(Browser(app), EMAIL).headers["Location"] == "/sign-in/second-step"
    [event] = events(app, "second_factor_added")
    assert event.detail == {"kind": "authenticator app", "name": "My phone"}


def test_the_code_that_added_an_app_signs_nobody_in(app: Flask, own: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    secret = key_on(own.get(f"{PAGE}/apps/new").text)
    own.post(f"{PAGE}/apps/new", {"name": "My phone", "code": shown(secret)})
    other = Browser(app)
    sign_in(other, EMAIL)
    assert other.post("/sign-in/second-step", {"code": shown(secret)}).status_code == 400


def test_a_wrong_code_adds_nothing_and_keeps_the_key(app: Flask, own: Browser) -> None:
    secret = key_on(own.get(f"{PAGE}/apps/new").text)
    answer = own.post(f"{PAGE}/apps/new", {"name": "", "code": wrong(secret)})
    assert answer.status_code == 400
    assert "Enter a name." in page_text(answer)
    assert "That code is wrong" in page_text(answer)
    assert key_on(answer.text) == secret
    assert count(app, TotpApp) == 0


def test_a_key_that_was_shown_too_long_ago_is_replaced_and_the_page_says_so(
    own: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Clock(monkeypatch)
    secret = key_on(own.get(f"{PAGE}/apps/new").text)
    time.advance(minutes=9)
    assert own.get(PAGE).status_code == 200
    assert key_on(own.get(f"{PAGE}/apps/new").text) == secret
    time.advance(minutes=1)
    own.post("/account/confirm", {"password": PASSWORD})
    answer = own.post(f"{PAGE}/apps/new", {"name": "My phone", "code": shown(secret)})
    assert answer.status_code == 400
    assert "This page was open for too long. Scan the new QR code above" in page_text(answer)
    assert key_on(answer.text) != secret


def test_a_second_app_leaves_the_recovery_codes_alone(app: Flask, staff: int, own: Browser) -> None:
    give_app(app, staff)
    give_recovery_codes(app, staff)
    secret = key_on(own.get(f"{PAGE}/apps/new").text)
    answer = own.post(f"{PAGE}/apps/new", {"name": "Tablet", "code": shown(secret)})
    assert answer.headers["Location"] == PAGE
    assert count(app, RecoveryCode) == 10


def test_new_recovery_codes_end_the_old_ones(app: Flask, staff: int, own: Browser) -> None:
    give_app(app, staff)
    old = give_recovery_codes(app, staff)[0]
    assert own.post(f"{PAGE}/recovery-codes/new").status_code == 303
    [new, *_] = codes_on(own.get(f"{PAGE}/recovery-codes").text)
    other = Browser(app)
    sign_in(other, EMAIL)
    assert other.post("/sign-in/second-step", {"recovery_code": old}).status_code == 400
    assert other.post("/sign-in/second-step", {"recovery_code": new}).status_code == 303


def test_without_a_factor_there_are_no_recovery_codes(own: Browser) -> None:
    assert own.post(f"{PAGE}/recovery-codes/new").status_code == 409


def test_with_the_last_factor_the_recovery_codes_go_too(app: Flask, staff: int, own: Browser) -> None:
    give_app(app, staff)
    give_app(app, staff)
    give_recovery_codes(app, staff)
    assert own.post(f"{PAGE}/app/1/remove").status_code == 303
    assert sign_in(Browser(app), EMAIL).headers["Location"] == "/sign-in/second-step"
    assert count(app, RecoveryCode) == 10
    assert "It is the last one." in page_text(own.get(f"{PAGE}/app/2/remove"))
    assert own.post(f"{PAGE}/app/2/remove").status_code == 303
    assert count(app, RecoveryCode) == 0
    assert sign_in(Browser(app), EMAIL).headers["Location"] == "/projects"
    assert len(events(app, "second_factor_removed")) == 2


def test_nobody_removes_another_persons_factor(app: Flask, world: World, own: Browser) -> None:
    give_app(app, world.user("other@example.org"))
    for kind in ("app", "passkey"):
        assert own.get(f"{PAGE}/{kind}/1/remove").status_code == 404
        assert own.post(f"{PAGE}/{kind}/1/remove").status_code == 404
    assert count(app, TotpApp) == 1


def test_another_admin_resets_it_and_the_person_is_told(app: Flask, world: World, staff: int, own: Browser) -> None:
    give_app(app, staff)
    give_recovery_codes(app, staff)
    admin = Browser(app).sign_in(world.admin())
    path = f"/users/{staff}/reset-second-factor"
    assert path in admin.get(f"/users/{staff}").text
    assert "Reset the second step of Staff?" in page_text(admin.get(path))
    assert admin.post(path).status_code == 303
    assert (count(app, TotpApp), count(app, RecoveryCode)) == (0, 0)
    assert not is_signed_in(own)
    [event] = events(app, "second_factor_reset")
    assert (event.actor, event.subject) == ("admin@example.org", EMAIL)
    told = Browser(app)
    assert sign_in(told, EMAIL).headers["Location"] == "/projects"
    assert "An admin has removed your passkeys" in page_text(told.get("/projects"))
    again = Browser(app)
    sign_in(again, EMAIL)
    assert "An admin has removed your passkeys" not in page_text(again.get("/projects"))


def test_a_thief_at_an_admins_desk_cannot_reset_the_admins_own(app: Flask, world: World) -> None:
    admin_id = world.admin()
    give_app(app, admin_id)
    admin = Browser(app).sign_in(admin_id)
    assert admin.post(f"/users/{admin_id}/reset-second-factor").status_code == 409
    assert count(app, TotpApp) == 1


def test_who_is_no_admin_resets_nobody(app: Flask, world: World, own: Browser) -> None:
    other = world.user("other@example.org")
    give_app(app, other)
    assert own.post(f"/users/{other}/reset-second-factor").status_code == 403


def test_the_operator_resets_it_on_the_command_line(app: Flask, staff: int) -> None:
    give_app(app, staff)
    runner: FlaskCliRunner = app.test_cli_runner()
    done = runner.invoke(args=["user", "reset-second-factor", EMAIL])
    assert (done.exit_code, done.stdout) == (0, f"{staff}\n")
    assert sign_in(Browser(app), EMAIL).headers["Location"] == "/projects"
    assert runner.invoke(args=["user", "reset-second-factor", EMAIL]).exit_code == 1


@pytest.mark.usefixtures("required")
def test_who_lacks_a_required_factor_is_led_to_set_it_up_before_anything_else(app: Flask, own: Browser) -> None:
    for path in ("/projects", "/account", "/projects/x1/settings"):
        assert own.get(path).headers["Location"] == PAGE
    assert own.post("/account", {"name": "Somebody else"}).headers["Location"] == PAGE
    assert "Set up your second step first" in page_text(own.get(PAGE))
    secret = key_on(own.get(f"{PAGE}/apps/new").text)
    assert own.post(f"{PAGE}/apps/new", {"name": "My phone", "code": shown(secret)}).status_code == 303
    assert own.get("/projects").status_code == 200
    assert own.post("/sign-out").headers["Location"] == "/sign-in"


@pytest.mark.usefixtures("required")
def test_with_the_second_factor_due_every_route_but_these_leads_to_the_set_up(
    app: Flask, world: World, browser: Browser
) -> None:
    world.project("x1")
    browser.sign_in(world.admin())
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', browser.get(PAGE).text)
    assert token
    for rule in rules(app):
        if is_api(rule) or rule.endpoint in {*PUBLIC, *OPEN_WHILE_DUE}:
            continue
        for method in methods(rule, ("GET", "POST")):
            headers = {} if method == "GET" else {"X-CSRFToken": token[1]}
            answer = browser.client.open(path_of(rule), method=method, headers=headers)
            assert (answer.status_code, answer.headers["Location"]) == (303, PAGE), (method, rule)


@pytest.mark.usefixtures("required")
def test_who_lacks_a_required_factor_can_sign_out(own: Browser) -> None:
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', own.get(PAGE).text)
    assert token
    assert own.post("/sign-out", {"csrf_token": token[1]}, csrf=False).headers["Location"] == "/sign-in"


@pytest.mark.usefixtures("required")
def test_the_required_factor_of_a_tokens_owner_is_no_matter_of_the_api(world: World, api: ApiClient) -> None:
    token = world.staff_token(world.project(), Permission.NOTIFICATIONS_SETTINGS_READ)
    assert api.get_settings(token).status_code == 200


def test_where_admins_need_one_others_do_not(app: Flask, world: World, own: Browser) -> None:
    before = app.config["NOTIFAPP"]
    app.config["NOTIFAPP"] = replace(before, require_second_factor=WhoNeeds.ADMINS)
    try:
        assert own.get("/projects").status_code == 200
        assert Browser(app).sign_in(world.admin()).get("/projects").headers["Location"] == PAGE
    finally:
        app.config["NOTIFAPP"] = before


@pytest.mark.parametrize(
    ("environment", "who"),
    [
        ({}, WhoNeeds.ADMINS),
        ({"NOTIFAPP_DEBUG": "1"}, WhoNeeds.NONE),
        ({"NOTIFAPP_REQUIRE_SECOND_FACTOR": "all", "NOTIFAPP_DEBUG": "1"}, WhoNeeds.ALL),
        ({"NOTIFAPP_REQUIRE_SECOND_FACTOR": "None"}, WhoNeeds.NONE),
    ],
)
def test_admins_need_one_unless_the_operator_says_otherwise(
    tmp_path: object, environment: dict[str, str], who: WhoNeeds
) -> None:
    assert Config.from_environment(keys(tmp_path) | environment).require_second_factor is who


def test_a_word_that_says_nothing_stops_the_start(tmp_path: object) -> None:
    with pytest.raises(ConfigError, match="NOTIFAPP_REQUIRE_SECOND_FACTOR must be none, admins or all"):
        Config.from_environment(keys(tmp_path) | {"NOTIFAPP_REQUIRE_SECOND_FACTOR": "some"})


def keys(folder: object) -> dict[str, str]:
    return {
        "NOTIFAPP_INSTANCE_DIR": str(folder),
        "NOTIFAPP_SECRET_KEY": SECRET_KEY,
        "NOTIFAPP_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "NOTIFAPP_OTP_KEY": SECRET_KEY,
    }


def test_the_mark_of_having_a_factor_is_true_to_the_factors(app: Flask, staff: int, own: Browser) -> None:
    def marked() -> bool:
        with app.app_context():
            return db.session.get_one(User, staff).has_second_factor

    secret = key_on(own.get(f"{PAGE}/apps/new").text)
    assert not marked()
    own.post(f"{PAGE}/apps/new", {"name": "My phone", "code": shown(secret)})
    assert marked()
    own.post(f"{PAGE}/app/1/remove")
    assert not marked()
