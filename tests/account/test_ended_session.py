"""Forms that are sent after the session has ended: what was typed is there again after signing in, and no secret is."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from wtforms import PasswordField

from notifapp.access import ProjectRef, held_secrets
from notifapp.account import forms as account_forms
from notifapp.account.ended_session_views import secret_fields
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.forms import new_form
from notifapp.web.forms import Form
from tests.account.actions import sign_in
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.world import PASSWORD, World

EMAIL = "staff@example.org"
SETTINGS = "/projects/shop/settings"
OURS = {"Origin": "http://localhost"}
TYPED = {
    "version": "0", "notifications_sms_notifier": "", "notifications_email_notifier": "",
    "notifications_otp_code_len": "8", "notifications_otp_ttl": "90", "reason": "Shorter <b>codes</b>",
}  # fmt: skip


@pytest.fixture
def shop(world: World) -> ProjectRef:
    shop = world.project("shop")
    world.member(shop, 1036, 1037, 2811, 2812, 2813)
    return shop


@pytest.fixture
def staff(app: Flask, shop: ProjectRef) -> Browser:
    browser = Browser(app)
    assert sign_in(browser, EMAIL).status_code == 303
    return browser


def end_session(browser: Browser) -> None:
    """What an open tab doesn't notice: the person signs out in another one."""
    browser.post("/sign-out")


def kept(answer: TestResponse) -> str:
    """What the sign-in page carries."""
    match = re.search(r'name="kept"[^>]* value="([^"]*)"', answer.text)
    return unescape(match[1]) if match else ""


def sign_in_again(browser: Browser, answer: TestResponse, email: str = EMAIL, password: str = PASSWORD) -> TestResponse:
    """Send the sign-in form that the page shows."""
    action = re.search(r'<form method="post" action="([^"]+)"', answer.text)
    assert action
    return browser.post(unescape(action[1]), {"email": email, "password": password, "kept": kept(answer)})


def test_signing_in_from_another_tab_first_loses_nothing_either(staff: Browser) -> None:
    token = staff.csrf_token()
    end_session(staff)
    asked = staff.post(SETTINGS, TYPED | {"csrf_token": token}, csrf=False, headers=OURS)
    stale = staff.csrf_token()
    assert sign_in(staff, EMAIL).status_code == 303
    fields = {"email": EMAIL, "password": PASSWORD, "kept": kept(asked), "csrf_token": stale}
    again = staff.post(f"/sign-in?next={SETTINGS}", fields, csrf=False, headers=OURS)
    assert again.headers["Location"] == SETTINGS
    assert values(staff.get(SETTINGS).text)["reason"] == TYPED["reason"]


def test_rubbish_among_the_kept_fields_breaks_no_page(staff: Browser) -> None:
    end_session(staff)
    rubbish = json.dumps({"fields": [["reason", "\ud800"]], "has_secrets": False})
    fields = {"email": EMAIL, "password": PASSWORD, "kept": rubbish}
    assert staff.post(f"/sign-in?next={SETTINGS}", fields).status_code == 303
    assert staff.get(SETTINGS).status_code == 200


def values(page: str) -> dict[str, str]:
    """The text of each field of a page by its name."""
    inputs = re.findall(r"<input [^>]+>", page)
    names = [(re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)) for tag in inputs]
    return {name[1]: unescape(value[1]) for name, value in names if name and value}


def test_what_was_typed_comes_up_again_after_signing_in(staff: Browser) -> None:
    token = staff.csrf_token()
    end_session(staff)
    answer = staff.post(SETTINGS, TYPED | {"csrf_token": token}, csrf=False, headers=OURS)
    assert answer.status_code == 401
    assert "Your session has ended Sign in to go on." in page_text(answer)
    again = sign_in_again(staff, answer)
    assert again.status_code == 303
    assert again.headers["Location"] == SETTINGS
    page = staff.get(SETTINGS)
    assert values(page.text).items() >= TYPED.items() - {"version": ""}.items() - {
        ("notifications_sms_notifier", ""),
        ("notifications_email_notifier", ""),
    }
    assert "it has not been saved. Check it and send the form again." in page_text(page)
    assert "No changes yet" in staff.get("/projects/shop").text, "nothing was submitted by itself"
    assert staff.post(SETTINGS, values(page.text)).status_code == 303
    assert values(staff.get(SETTINGS).text)["notifications_otp_ttl"] == "90"


def test_it_is_filled_in_once(staff: Browser) -> None:
    end_session(staff)
    sign_in_again(staff, staff.post(SETTINGS, TYPED, headers=OURS, csrf=False))
    assert values(staff.get(SETTINGS).text)["notifications_otp_ttl"] == "90"
    assert values(staff.get(SETTINGS).text)["notifications_otp_ttl"] == "120"


def test_a_session_that_expired_keeps_the_form_too(
    staff: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Clock(monkeypatch)
    token = staff.csrf_token()
    time.advance(hours=3)
    answer = staff.post(SETTINGS, TYPED | {"csrf_token": token}, csrf=False, headers={"Sec-Fetch-Site": "same-origin"})
    assert "Your session has ended" in answer.text
    sign_in_again(staff, answer)
    assert values(staff.get(SETTINGS).text)["notifications_otp_code_len"] == "8"


def test_a_session_that_was_ended_elsewhere_keeps_the_form_too(app: Flask, staff: Browser) -> None:
    token = staff.csrf_token()
    with app.app_context():
        from notifapp.access.models import UserSession
        from notifapp.database import table_of, writing

        with writing() as connection:
            connection.execute(table_of(UserSession).delete())
    answer = staff.post(SETTINGS, TYPED | {"csrf_token": token}, csrf=False)
    assert answer.status_code == 401
    sign_in_again(staff, answer)
    assert values(staff.get(SETTINGS).text)["reason"] == "Shorter <b>codes</b>"


def test_a_wrong_password_in_between_loses_nothing(staff: Browser) -> None:
    end_session(staff)
    answer = staff.post(SETTINGS, TYPED, headers=OURS, csrf=False)
    refused = sign_in_again(staff, answer, password="wrong")
    assert refused.status_code == 400
    sign_in_again(staff, refused)
    assert values(staff.get(SETTINGS).text)["notifications_otp_ttl"] == "90"


def test_another_person_gets_it_only_where_they_may(staff: Browser, world: World) -> None:
    world.user("outsider@example.org")
    end_session(staff)
    answer = staff.post(SETTINGS, TYPED, headers=OURS, csrf=False)
    sign_in_again(staff, answer, "outsider@example.org")
    refused = staff.get(SETTINGS)
    assert refused.status_code == 404
    assert "Shorter" not in refused.text


def test_a_tab_of_an_older_session_keeps_its_form(staff: Browser) -> None:
    token = staff.csrf_token()
    end_session(staff)
    sign_in(staff, EMAIL)
    answer = staff.post(SETTINGS, TYPED | {"csrf_token": token}, csrf=False, headers=OURS)
    assert answer.headers["Location"] == SETTINGS
    page = staff.get(SETTINGS)
    assert values(page.text)["notifications_otp_ttl"] == "90"
    assert "it has not been saved" in page_text(page)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("signed_in", [True, False])
def test_what_another_site_sends_is_never_shown(staff: Browser, headers: dict[str, str], signed_in: bool) -> None:
    if not signed_in:
        end_session(staff)
    answer = staff.post(SETTINGS, TYPED, csrf=False, headers=headers)
    assert answer.status_code == 400
    assert "Shorter" not in answer.text
    if not signed_in:
        sign_in(staff, EMAIL)
    assert "Shorter" not in staff.get(SETTINGS).text


def test_no_secret_is_kept(app: Flask, staff: Browser) -> None:
    path = "/projects/shop/notifiers/sms/new/kavenegar"
    end_session(staff)
    answer = staff.post(
        f"{path}/test",
        {"name": "line", "sender": "1000", "api_key": "k3y", "password": "p4ss"},
        headers=OURS,
        csrf=False,
    )
    assert json.loads(kept(answer))["fields"] == [["name", "line"], ["sender", "1000"]]
    assert "k3y" not in answer.text
    assert sign_in_again(staff, answer).headers["Location"] == path
    page = staff.get(path)
    assert values(page.text).items() >= {"name": "line", "sender": "1000"}.items()
    assert "Passwords and keys were not kept: type them again." in page_text(page)


def test_every_secret_field_there_is_is_left_out(app: Flask) -> None:
    with app.test_request_context():
        made = [form() for form in vars(account_forms).values() if isinstance(form, type) and issubclass(form, Form)]
        made += [new_form(backend) for backend in BACKENDS.values()]
        names = {field.name for form in made for field in form if isinstance(field, PasswordField)}
    assert names
    assert names <= secret_fields()


def test_what_has_no_form_is_not_repeated(staff: Browser, world: World, shop: ProjectRef) -> None:
    notifier = world.notifier(shop)
    end_session(staff)
    answer = staff.post(f"/projects/shop/notifiers/sms/{notifier}/enable", headers=OURS, csrf=False)
    again = sign_in_again(staff, answer)
    assert again.headers["Location"] == f"/projects/shop/notifiers/sms/{notifier}"
    assert "Nothing was changed. Do it again if you still want to." in page_text(staff.get(again.headers["Location"]))


def test_signing_out_twice_is_signed_out(staff: Browser) -> None:
    token = staff.csrf_token()
    end_session(staff)
    answer = staff.post("/sign-out", {"csrf_token": token}, csrf=False, headers=OURS, follow_redirects=True)
    assert "You are signed out." in answer.text


def test_a_sign_in_page_left_open_can_be_used_again(app: Flask, world: World, browser: Browser) -> None:
    world.user(EMAIL)
    data = {"email": EMAIL, "password": PASSWORD, "csrf_token": "old"}
    answer = browser.post("/sign-in?next=/account", data, csrf=False, headers=OURS)
    assert answer.headers["Location"] == "/sign-in?next=/account"
    assert "This page was open for too long. Try again." in browser.get("/sign-in?next=/account").text


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "null", '{"fields": 1, "has_secrets": 0}', '{"fields": [[1]], "has_secrets": 0}', "[" * 5000, "\0"],
)
def test_a_field_that_was_tampered_with_is_ignored(app: Flask, world: World, browser: Browser, text: str) -> None:
    world.user(EMAIL)
    data = {"email": EMAIL, "password": PASSWORD, "kept": text}
    assert browser.post("/sign-in?next=/account", data).headers["Location"] == "/account"
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_again_leads_to_no_other_site(app: Flask, world: World, browser: Browser, path: str) -> None:
    world.user(EMAIL)
    data = {"email": EMAIL, "password": PASSWORD, "kept": '{"fields": [["name", "x"]], "has_secrets": false}'}
    assert browser.post(f"/sign-in?next={quote(path)}", data).headers["Location"] == "/projects"


def test_the_cookie_says_nothing_of_what_was_typed(staff: Browser) -> None:
    client: FlaskClient = staff.client
    end_session(staff)
    sign_in_again(staff, staff.post(SETTINGS, TYPED, headers=OURS, csrf=False))
    with client.session_transaction() as cookie:
        assert "Shorter" not in str(dict(cookie))


def test_what_is_held_is_gone_after_ten_minutes(app: Flask, staff: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock(monkeypatch)
    with app.app_context():
        held_secrets.hold(1, "test", {"a": 1})
        assert held_secrets.peek(1, "test") == {"a": 1}
        time.advance(minutes=10)
        assert held_secrets.peek(1, "test") is None
        assert held_secrets.take(1, "test") is None


def test_what_is_held_for_a_session_that_has_ended_is_nothing(app: Flask) -> None:
    with app.app_context():
        held_secrets.hold(99, "test", "x")
        assert held_secrets.peek(99, "test") is None
