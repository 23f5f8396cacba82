"""An open desk is not enough: what would hurt most asks for the password or a passkey again."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask

from notifapp.access import Permission, ProjectRef, guard
from tests.access.walk import is_api, methods, path_of, rules
from tests.account.actions import is_signed_in
from tests.audit.trail import events
from tests.client import ApiClient, Browser, page_text
from tests.clock import Clock
from tests.world import PASSWORD, World

CONFIRM = "/account/confirm"
# What needs a recent proof, and for which methods.
GUARDED = {
    ("GET", "tokens.new"), ("POST", "tokens.create"),
    ("GET", "users.create"), ("POST", "users.create"), ("POST", "users.edit"),
    ("GET", "users.password_link"), ("POST", "users.password_link"),
    ("GET", "users.membership"), ("POST", "users.membership"),
    ("GET", "users.remove_membership"), ("POST", "users.remove_membership"),
    ("GET", "second_factor.new_passkey"), ("POST", "second_factor.new_passkey"),
    ("POST", "second_factor.passkey_options"),
    ("GET", "second_factor.new_app"), ("POST", "second_factor.new_app"),
    ("GET", "second_factor.remove"), ("POST", "second_factor.remove"),
    ("GET", "second_factor.renew_codes"), ("POST", "second_factor.renew_codes"),
    ("GET", "second_factor.reset"), ("POST", "second_factor.reset"),
    ("GET", "notifiers.new"), ("POST", "notifiers.create"), ("POST", "notifiers.save"),
    ("GET", "events.new"), ("POST", "events.create"), ("POST", "events.edit"),
    ("GET", "events.confirm_rotate"), ("POST", "events.rotate"),
    ("GET", "otp.new_test_recipient"), ("POST", "otp.add_test_recipient"),
}  # fmt: skip


@pytest.fixture
def shop(time: Clock, world: World) -> ProjectRef:
    return world.project("x1")


@pytest.fixture
def admin(time: Clock, world: World, browser: Browser, shop: ProjectRef) -> Browser:
    """An admin who gave the password ten minutes ago."""
    browser.sign_in(world.admin())
    time.advance(minutes=10)
    return browser


def values(page: str) -> dict[str, str]:
    """The text of each field of a page by its name."""
    inputs = re.findall(r"<input [^>]+>", page)
    names = [(re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)) for tag in inputs]
    return {name[1]: unescape(value[1]) for name, value in names if name and value}


def test_these_ask_again_and_no_others(app: Flask) -> None:
    with app.test_request_context():
        found = {
            (method, rule.endpoint)
            for rule in rules(app)
            for method in methods(rule, ("GET", "POST", "PUT", "PATCH", "DELETE"))
            if guard.needs_proof(rule.endpoint, method)
        }
    assert found == GUARDED


def test_every_one_of_them_leads_to_the_confirmation_when_the_proof_is_ten_minutes_old(
    app: Flask, world: World, shop: ProjectRef, admin: Browser
) -> None:
    world.notifier(shop)
    for rule in rules(app):
        for method in methods(rule, ("GET", "POST")):
            if (method, rule.endpoint) in GUARDED and not is_api(rule):
                headers = {} if method == "GET" else {"X-CSRFToken": admin.csrf_token()}
                answer = admin.client.open(path_of(rule), method=method, headers=headers)
                assert answer.status_code == (302 if method == "GET" else 303), (method, rule)
                assert answer.headers["Location"].startswith(f"{CONFIRM}?next="), (method, rule)


def test_a_minute_earlier_nothing_is_asked(world: World, browser: Browser, time: Clock) -> None:
    browser.sign_in(world.admin())
    time.advance(minutes=9)
    assert browser.get("/tokens/new").status_code == 200


def test_the_password_opens_the_page_for_ten_minutes(admin: Browser, time: Clock) -> None:
    asked = admin.get("/tokens/new?project=x1").headers["Location"]
    assert "Confirm that it is you" in page_text(admin.get(asked))
    answer = admin.post(asked, {"password": PASSWORD})
    assert answer.headers["Location"] == "/tokens/new?project=x1"
    assert admin.get("/tokens/new").status_code == 200
    time.advance(minutes=10)
    assert admin.get("/tokens/new").status_code == 302


def test_a_stranger_at_an_open_desk_guesses_the_password_ten_times_at_most(app: Flask, admin: Browser) -> None:
    answers = [admin.post(CONFIRM, {"password": "wrong"}).status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]
    assert admin.post(CONFIRM, {"password": PASSWORD}).status_code == 429
    assert admin.get("/tokens/new").status_code == 302
    assert {event.detail["at"] for event in events(app, "sign_in_failed")} == {"confirmation"}


def test_what_was_typed_is_there_again_after_the_confirmation(admin: Browser, world: World) -> None:
    user_id = world.user("old@example.org")
    typed = {"name": "New Name", "email": "new@example.org"}
    asked = admin.post(f"/users/{user_id}", typed)
    assert asked.status_code == 303
    page = admin.get(asked.headers["Location"])
    assert "What you typed is kept, but it has not been saved yet." in page_text(page)
    back = admin.post(asked.headers["Location"], {"password": PASSWORD})
    assert back.headers["Location"] == f"/users/{user_id}"
    form = admin.get(back.headers["Location"])
    assert values(form.text).items() >= typed.items()
    assert "it has not been saved. Check it and send the form again." in page_text(form)
    assert "old@example.org" in admin.get("/users").text, "nothing was submitted by itself"
    assert admin.post(f"/users/{user_id}", typed).status_code == 303
    assert "new@example.org" in admin.get("/users").text


def test_the_secret_of_a_notifier_is_kept_nowhere_meanwhile(admin: Browser) -> None:
    path = "/projects/x1/notifiers/sms/new/kavenegar"
    asked = admin.post(path, {"name": "line", "sender": "1000", "api_key": "k3y"})
    page = admin.get(asked.headers["Location"])
    assert "Passwords and keys were not kept: type them again." in page_text(page)
    admin.post(asked.headers["Location"], {"password": PASSWORD})
    form = admin.get(path)
    assert values(form.text).items() >= {"name": "line", "sender": "1000"}.items()
    assert "k3y" not in form.text


def test_who_may_not_do_it_is_refused_before_being_asked(world: World, browser: Browser, time: Clock) -> None:
    browser.sign_in(world.user())
    time.advance(minutes=10)
    assert browser.get("/tokens/new").status_code == 403


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_the_confirmation_leads_to_no_other_site(admin: Browser, path: str) -> None:
    answer = admin.post(CONFIRM, {"password": PASSWORD}, query_string={"next": path})
    assert answer.headers["Location"] == "/account"


def test_a_copy_of_the_cookie_gains_nothing_from_the_confirmation(app: Flask, admin: Browser) -> None:
    thief = Browser(app)
    with admin.client.session_transaction() as mine, thief.client.session_transaction() as stolen:
        stolen.update(mine)
    assert is_signed_in(thief)
    assert admin.post(CONFIRM, {"password": PASSWORD}).status_code == 303
    assert is_signed_in(admin)
    assert not is_signed_in(thief)


def test_one_session_proves_nothing_for_another(app: Flask, world: World, admin: Browser, time: Clock) -> None:
    other = Browser(app).sign_in(1)
    time.advance(minutes=10)
    assert admin.post(CONFIRM, {"password": PASSWORD}).status_code == 303
    assert admin.get("/tokens/new").status_code == 200
    assert other.get("/tokens/new").status_code == 302


def test_a_token_is_asked_for_nothing(world: World, api: ApiClient, shop: ProjectRef) -> None:
    token = world.staff_token(shop, Permission.SMS_NOTIFIERS_CREATE, Permission.SMS_NOTIFIERS_READ)
    fields = {"name": "outbox", "backend": "console", "settings": {}}
    assert api.call("POST", "/api/notifications/notifiers/sms", token, json=fields).status_code == 201
