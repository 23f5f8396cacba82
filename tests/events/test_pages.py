"""Admins make endpoints, see their secret once, change, rotate, disable and delete them, and send events again."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from notifapp.events import service
from tests.audit.trail import events
from tests.client import Browser, page_text
from tests.events.receiver import Carrier, verified
from tests.lists import rows
from tests.notifiers.gateway import Gateway
from tests.otp.caller import PHONE, Caller
from tests.world import World

PAGE = "/projects/shop/events"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


@pytest.fixture
def admin(world: World, browser: Browser) -> Browser:
    return browser.sign_in(world.admin())


def create(admin: Browser, gateway: Gateway, *types: str, path: str = "/events") -> tuple[str, str]:
    """A new endpoint's page and the secret that is shown."""
    answer = admin.post(f"{PAGE}/new", {"url": gateway.url + path, "types": list(types or ("code.approved",))})
    assert answer.status_code == 303, page_text(answer)
    shown = admin.get(answer.headers["Location"])
    return answer.headers["Location"].removesuffix("/secret"), SECRET.findall(shown.text)[0]


def test_a_project_without_endpoints_says_what_they_are_for(admin: Browser, caller: Caller) -> None:
    answer = admin.get(PAGE)
    assert "No endpoints yet" in answer.text
    assert f'href="{PAGE}/new"' in answer.text
    assert 'aria-current="page">Events' in answer.text


def test_a_new_endpoint_is_listed_and_its_secret_shown_once(
    admin: Browser, caller: Caller, gateway: Gateway, capfd: pytest.CaptureFixture[str]
) -> None:
    page, secret = create(admin, gateway, "code.approved", "code.expired")
    again = admin.get(f"{page}/secret")
    assert "cannot be shown again" in again.text
    [row] = rows(admin.get(PAGE).text)
    assert row.title == f"{gateway.url}/events"
    assert "code.approved, code.expired" in row.text
    everything = "".join(admin.get(path).text for path in (PAGE, page, f"{page}/edit", f"{page}/rotate", "/audit"))
    assert secret not in again.text + everything + capfd.readouterr().err


def test_a_test_event_is_told_and_can_be_sent_again(
    app: Flask, admin: Browser, caller: Caller, gateway: Gateway
) -> None:
    page, secret = create(admin, gateway)
    assert "Test event queued" in admin.post(f"{page}/test", follow_redirects=True).text
    receiver = Carrier(app, caller, gateway)
    assert receiver.carry() == 1
    [row] = rows(admin.get(page).text)
    assert "Sent Answered 200" in row.text
    answer = admin.post(f"{page}/messages/1/send-again", follow_redirects=True)
    assert "queued again, with the same id" in answer.text
    again = admin.post(f"{page}/messages/1/send-again", follow_redirects=True)
    assert "still on its way" in again.text
    assert receiver.carry() == 1
    first, second = gateway.requests
    assert verified(secret, first) == verified(secret, second)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_why_an_event_was_not_taken_is_shown(app: Flask, admin: Browser, caller: Caller, gateway: Gateway) -> None:
    page, _secret = create(admin, gateway)
    gateway.status = 500
    challenge, code = caller.open()
    caller.verify(challenge, code)
    Carrier(app, caller, gateway).carry()
    answer = admin.get(page)
    [row] = rows(answer.text)
    assert "Retrying at" in row.text
    assert "Answered 500 The receiver did not take it." in row.text
    assert PHONE not in answer.text


def test_both_secrets_sign_after_a_rotation_and_the_page_says_until_when(
    app: Flask, admin: Browser, caller: Caller, gateway: Gateway
) -> None:
    page, former = create(admin, gateway)
    assert "24 hours" in admin.get(f"{page}/rotate").text
    shown = admin.post(f"{page}/rotate", follow_redirects=True)
    [newest] = set(SECRET.findall(shown.text))
    assert newest != former
    assert "previous secret" in admin.get(page).text
    admin.post(f"{page}/test")
    Carrier(app, caller, gateway).carry()
    [request] = gateway.requests
    assert verified(newest, request) == verified(former, request)


def test_an_edited_endpoint_takes_other_events_at_another_address(
    app: Flask, admin: Browser, caller: Caller, gateway: Gateway
) -> None:
    page, secret = create(admin, gateway)
    form = admin.get(f"{page}/edit").text
    assert form.count(" checked") == 1
    answer = admin.post(f"{page}/edit", {"url": f"{gateway.url}/new", "types": ["settings.changed"]})
    assert answer.status_code == 303
    challenge, code = caller.open()
    caller.verify(challenge, code)
    caller.change_settings(otp_ttl=90)
    Carrier(app, caller, gateway).carry()
    [request] = gateway.requests
    assert (request.path, verified(secret, request)["type"]) == ("/new", "settings.changed")


def test_a_disabled_endpoint_is_told_nothing_until_it_is_enabled(
    app: Flask, admin: Browser, caller: Caller, gateway: Gateway
) -> None:
    page, _secret = create(admin, gateway)
    admin.post(f"{page}/test")
    assert "Endpoint disabled" in admin.post(f"{page}/disable", follow_redirects=True).text
    challenge, code = caller.open()
    caller.verify(challenge, code)
    refused = admin.post(f"{page}/test", follow_redirects=True)
    assert "enable it first" in refused.text
    receiver = Carrier(app, caller, gateway)
    assert receiver.carry() == 0
    [row] = rows(admin.get(page).text)
    assert "Failed The endpoint has been disabled." in row.text
    admin.post(f"{page}/enable")
    admin.post(f"{page}/test")
    assert receiver.carry() == 1


def test_deleting_asks_first_and_forgets_all(app: Flask, admin: Browser, caller: Caller, gateway: Gateway) -> None:
    page, _secret = create(admin, gateway)
    admin.post(f"{page}/test")
    assert "Delete this endpoint?" in admin.get(f"{page}/delete").text
    assert "Endpoint deleted" in admin.post(f"{page}/delete", follow_redirects=True).text
    assert admin.get(page).status_code == 404
    receiver = Carrier(app, caller, gateway)
    assert (receiver.messages(), receiver.carry()) == ([], 0)


@pytest.mark.parametrize(
    "url",
    [
        "http://203.0.113.9/x", "https://", "ftp://shop.example", "https://user@shop.example/", "https://shop.example/#x",
        "https://10.0.0.1/", "https://169.254.169.254/latest", "https://[fd00::1]/", "https://0x0a000001/",
        "https://2852039166/", "https://[::ffff:10.0.0.1]/", "https://shop.example/\u2028x", "https://a b/", "x" * 2001,
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_called_is_refused_beside_its_field(
    admin: Browser, caller: Caller, url: str
) -> None:
    answer = admin.post(f"{PAGE}/new", {"url": url, "types": ["code.approved"]})
    assert answer.status_code == 400
    assert 'id="url-error"' in answer.text
    assert "No endpoints yet" in admin.get(PAGE).text


@pytest.mark.parametrize("types", [[], ["code.guessed"], ["code.approved", "'"]])
def test_an_endpoint_takes_at_least_one_event_and_known_ones_alone(
    admin: Browser, caller: Caller, gateway: Gateway, types: list[str]
) -> None:
    answer = admin.post(f"{PAGE}/new", {"url": gateway.url, "types": types})
    assert answer.status_code == 400
    assert 'id="types-error"' in answer.text


def test_an_address_is_an_endpoint_once(admin: Browser, caller: Caller, gateway: Gateway) -> None:
    create(admin, gateway)
    page, _secret = create(admin, gateway, path="/other")
    taken = {"url": f"{gateway.url}/events", "types": ["code.approved"]}
    assert "has an endpoint with this address already" in admin.post(f"{PAGE}/new", taken).text
    assert "has an endpoint with this address already" in admin.post(f"{page}/edit", taken).text


def test_a_project_has_not_more_endpoints_than_it_may(
    admin: Browser, caller: Caller, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_ENDPOINTS", 1)
    create(admin, gateway)
    answer = admin.post(f"{PAGE}/new", {"url": f"{gateway.url}/2", "types": ["code.approved"]})
    assert answer.status_code == 409
    assert "at most 1 endpoints" in answer.text


def test_an_archived_projects_endpoints_can_be_seen_and_not_changed(
    world: World, admin: Browser, caller: Caller, gateway: Gateway
) -> None:
    page, _secret = create(admin, gateway)
    world.archive(caller.project)
    assert gateway.url in admin.get(PAGE).text
    assert "Send a test event</button>" not in admin.get(page).text
    assert admin.post(f"{page}/test").status_code == 409


def test_another_projects_endpoint_is_not_found(world: World, admin: Browser, caller: Caller, gateway: Gateway) -> None:
    page, _secret = create(admin, gateway)
    world.project("other")
    elsewhere = page.replace("/shop/", "/other/")
    assert admin.get(elsewhere).status_code == 404
    for verb in ("test", "disable", "enable", "delete", "rotate", "edit", "messages/1/send-again"):
        fields = {"url": gateway.url, "types": ["code.approved"]}
        assert admin.post(f"{elsewhere}/{verb}", fields).status_code == 404, verb


def test_every_change_is_audited(app: Flask, admin: Browser, caller: Caller, gateway: Gateway) -> None:
    page, _secret = create(admin, gateway)
    admin.post(f"{page}/edit", {"url": f"{gateway.url}/events", "types": ["code.approved"]})  # nothing differs
    admin.post(f"{page}/edit", {"url": f"{gateway.url}/new", "types": ["code.expired"]})
    for verb in ("rotate", "test", "disable", "disable", "enable", "delete"):
        admin.post(f"{page}/{verb}")
    found = [event.action for event in events(app) if event.action.startswith("event_")]
    assert found == [
        "event_endpoint_created", "event_endpoint_changed", "event_secret_rotated", "event_test_sent",
        "event_endpoint_disabled", "event_endpoint_enabled", "event_endpoint_deleted",
    ]  # fmt: skip
