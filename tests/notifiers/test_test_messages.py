"""Test messages from the notifiers' pages: through values that may not be saved, with the true result on the page."""

from __future__ import annotations

import re
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import trustme
from flask import Flask
from sqlalchemy import text, update
from werkzeug.test import TestResponse

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.access.models import UserSession
from notifapp.database import writing
from notifapp.extensions import db
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.backends.kavenegar import Kavenegar
from notifapp.notifiers.backends.smtp import Smtp
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.client import Browser
from tests.delivery.outbox import eventually
from tests.notifiers.gateway import Gateway, Trust
from tests.notifiers.mail import PASSWORD, Mailbox, server
from tests.world import World, stored_secrets

CODES = (2811, 2812, 2813, 2831, 2832, 2833)
INDEX = "/projects/shop/notifiers"
NEW = f"{INDEX}/sms/new/kavenegar/test"
KEY = "k3y-of-the-shop"
KAVENEGAR = {
    "name": "line", "api_key": KEY, "sender": "10004346", "pattern_code": "", "pattern_variables": "",
    "test-recipient": "+98 912 000 0067",
}  # fmt: skip
MASKED = "+98••••••••67"


@pytest.fixture
def project(world: World) -> ProjectRef:
    return world.project("shop", "My Shop")


@pytest.fixture
def staff(browser: Browser, world: World, project: ProjectRef) -> Browser:
    return browser.sign_in(world.member(project, *CODES))


def page_text(answer: TestResponse) -> str:
    main = answer.text.split("<main", 1)[1]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def rows(app: Flask, table: str, columns: str = "*") -> list[Any]:
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY id")))


def deliveries(app: Flask) -> list[Any]:
    columns = "purpose, status, attempts, notifier_name, backend, recipient, provider_id, error_code, error_reason"
    return [tuple(row) for row in rows(app, "delivery", columns)]


def stored(world: World, project: ProjectRef) -> str:
    values: dict[str, Any] = {"settings": {"sender": "10004346"}, "secrets": {"api_key": KEY}}
    return f"{INDEX}/sms/{world.notifier(project, 'sms', 'line', backend='kavenegar', **values)}"


# Values that aren't saved


def test_the_forms_offer_a_test(staff: Browser, world: World, project: ProjectRef) -> None:
    path = stored(world, project)
    for form, target in ((f"{INDEX}/sms/new/kavenegar", NEW), (path, f"{path}/test")):
        page = staff.get(form).text
        assert f'formaction="{target}"' in page
        assert f'action="{form}"' in page
        assert 'name="test-recipient"' in page


def test_a_new_notifier_is_tried_before_it_is_saved(staff: Browser, app: Flask, kavenegar: Gateway) -> None:
    answer = staff.post(NEW, KAVENEGAR)
    assert answer.status_code == 200
    page = page_text(answer)
    assert f"The test message to {MASKED} was accepted by the gateway" in page
    assert "8792343" in page
    assert "Kept for 10 minutes: API key, so you needn't type it again." in page
    [request] = kavenegar.requests
    assert request.path == f"/{KEY}/sms/send.json"
    assert {name: value for name, value in request.form.items() if name != "localid"} == {
        "receptor": "09120000067", "sender": "10004346", "message": "This is a test message of My Shop.",
    }  # fmt: skip
    assert 'value="10004346"' in answer.text
    assert KEY not in answer.text
    assert rows(app, "notifier") == []


def test_a_test_is_recorded_without_its_secrets(
    staff: Browser, app: Flask, kavenegar: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    staff.post(NEW, KAVENEGAR)
    assert deliveries(app) == [("test", "sent", 1, "line", "kavenegar", MASKED, "8792343", None, None)]
    [event] = rows(app, "audit_event", "action, subject, actor")
    assert tuple(event) == ("test_sent", "line", "staff@example.org")
    everything = f"{rows(app, 'delivery')} {rows(app, 'audit_event')} {caplog.text}"
    assert KEY not in everything
    assert "9120000067" not in everything


def test_a_refusal_is_shown_with_its_code(staff: Browser, app: Flask, kavenegar: Gateway) -> None:
    kavenegar.status, kavenegar.answer = 418, {"return": {"status": 418, "message": "…"}, "entries": None}
    answer = staff.post(NEW, KAVENEGAR)
    assert answer.status_code == 200
    page = page_text(answer)
    assert f"The test message to {MASKED} was not sent No credit left. Code: 418 ." in page
    assert "Trying the same again won't help." in page
    assert deliveries(app) == [("test", "failed", 1, "line", "kavenegar", MASKED, None, "418", "No credit left.")]
    assert [row.action for row in rows(app, "audit_event", "id, action")] == ["test_sent"]


def test_a_receipt_that_no_database_can_keep_is_kept_without_what_it_cant(
    staff: Browser, app: Flask, kavenegar: Gateway
) -> None:
    kavenegar.answer = {"return": {"status": 200}, "entries": [{"messageid": "87\0\ud800\n92"}]}
    assert "8792" in page_text(staff.post(NEW, KAVENEGAR))
    assert [row.provider_id for row in rows(app, "delivery")] == ["8792"]


def test_a_silent_gateway_is_reported_within_the_timeout(staff: Browser, kavenegar: Gateway) -> None:
    kavenegar.delay = 1
    page = page_text(staff.post(NEW, KAVENEGAR))
    assert "The gateway did not answer in time. Code: timeout . The same may work later." in page


def test_silent_gateways_cannot_hold_more_than_two_threads(
    app: Flask,
    world: World,
    project: ProjectRef,
    kavenegar: Gateway,
    authorities: Trust,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient = HttpClient(connect_timeout=30, read_timeout=60, total=60, tls_context=authorities)
    monkeypatch.setitem(BACKENDS, "kavenegar", Kavenegar(patient, kavenegar.url))
    member = world.member(project, *CODES)
    first, second, third = (Browser(app).sign_in(member) for _ in range(3))
    kavenegar.delay = 60
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(browser.post, NEW, KAVENEGAR) for browser in (first, second)]
        eventually(lambda: len(kavenegar.requests) == 2)
        answer = third.post(NEW, KAVENEGAR)
        kavenegar.hang_up()
        assert [future.result(timeout=60).status_code for future in slow] == [200, 200]
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Other test messages are being sent right now. Try again in a few seconds." in page_text(answer)
    assert 'value="10004346"' in answer.text
    assert len(deliveries(app)) == 2
    kavenegar.delay = 0
    assert third.post(NEW, KAVENEGAR).status_code == 200


def test_a_pattern_is_tried_with_a_code_that_is_none(staff: Browser, kavenegar: Gateway) -> None:
    staff.post(NEW, {**KAVENEGAR, "pattern_code": "login", "pattern_variables": "code, project"})
    [request] = kavenegar.requests
    assert request.path.endswith("/verify/lookup.json")
    assert (request.form["template"], request.form["token"], request.form["token20"]) == ("login", "00000", "My Shop")


def test_every_failing_field_is_shown_at_once_and_nothing_is_sent(
    staff: Browser, app: Flask, kavenegar: Gateway
) -> None:
    answer = staff.post(NEW, {**KAVENEGAR, "sender": "a line", "test-recipient": "0912"})
    assert answer.status_code == 400
    page = page_text(answer)
    assert "Enter a line number: digits only." in page
    assert "It must begin with + and the country's code." in page
    assert 'value="a line"' in answer.text
    assert kavenegar.requests == deliveries(app) == []


def test_a_test_needs_an_address(staff: Browser, kavenegar: Gateway) -> None:
    assert staff.post(NEW, {**KAVENEGAR, "test-recipient": ""}).status_code == 400
    assert kavenegar.requests == []


# A stored notifier


def test_a_blank_secret_is_the_stored_one(
    staff: Browser, app: Flask, world: World, project: ProjectRef, kavenegar: Gateway
) -> None:
    path = stored(world, project)
    answer = staff.post(f"{path}/test", {**KAVENEGAR, "api_key": "", "sender": "10008888"})
    assert "was accepted by the gateway" in page_text(answer)
    assert "Kept for 10 minutes" not in page_text(answer)
    [request] = kavenegar.requests
    assert request.path == f"/{KEY}/sms/send.json"
    assert request.form["sender"] == "10008888"
    [notifier] = rows(app, "notifier", "id, settings")
    assert "10008888" not in str(notifier.settings)
    [delivery] = rows(app, "delivery", "id, notifier_id")
    assert delivery.notifier_id == notifier.id


def test_a_stored_secret_stays_with_its_destination(
    staff: Browser, world: World, project: ProjectRef, kavenegar: Gateway
) -> None:
    values: dict[str, Any] = {"settings": {"url": "https://hook.example.com/"}, "secrets": {"secret": "s" * 16}}
    path = f"{INDEX}/sms/{world.notifier(project, 'sms', 'hook', backend='webhook', **values)}/test"
    form = {"name": "hook", "url": kavenegar.url, "secret": "", "test-recipient": "+989120000067"}
    answer = staff.post(path, form)
    assert answer.status_code == 400
    assert "Give this again: URL changed" in page_text(answer)
    assert kavenegar.requests == []


def test_a_disabled_notifier_can_be_tried(
    staff: Browser, world: World, project: ProjectRef, kavenegar: Gateway
) -> None:
    path = stored(world, project)
    staff.post(f"{path}/disable")
    assert "was accepted by the gateway" in page_text(staff.post(f"{path}/test", {**KAVENEGAR, "api_key": ""}))


@pytest.mark.usefixtures("private_allowed")
def test_a_mail_server_is_tried(staff: Browser, app: Flask, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    def context() -> ssl.SSLContext:
        trusting = ssl.create_default_context()
        ca.configure_trust(trusting)
        return trusting

    monkeypatch.setitem(BACKENDS, "smtp", Smtp(context))
    form = {"name": "mail", "host": "127.0.0.1", "username": "shop", "password": PASSWORD,
            "from_email": "shop@example.com", "use_tls": "y", "test-recipient": "Customer@Example.com"}  # fmt: skip
    mailbox = Mailbox()
    with server(mailbox, ca) as port:
        good = page_text(staff.post(f"{INDEX}/email/new/smtp/test", {**form, "port": port}))
        bad = page_text(staff.post(f"{INDEX}/email/new/smtp/test", {**form, "port": port, "password": "wrong"}))
    assert "The test message to c•••@example.com was accepted by the gateway" in good
    assert mailbox.email()["Subject"] == "Test message of My Shop"
    assert "The user name or the password was not accepted. Code: 535 ." in bad
    assert [delivery[1] for delivery in deliveries(app)] == ["sent", "failed"]


def test_private_destinations_are_refused_unless_the_operator_lists_them(staff: Browser) -> None:
    form = {"name": "mail", "host": "localhost", "port": "25", "username": "shop", "password": PASSWORD,
            "from_email": "shop@example.com", "use_tls": "y", "test-recipient": "a@example.com"}  # fmt: skip
    page = page_text(staff.post(f"{INDEX}/email/new/smtp/test", form))
    assert "add it to NOTIFAPP_PRIVATE_DESTINATIONS on the server and restart it. Code: destination ." in page


def test_a_test_through_the_console_appears_in_the_outbox(staff: Browser, world: World, project: ProjectRef) -> None:
    path = f"{INDEX}/sms/{world.notifier(project, 'sms', 'line')}"
    assert "was accepted by the gateway" in page_text(
        staff.post(f"{path}/test", {"name": "line", "test-recipient": "+989120000067"})
    )
    assert "This is a test message of My Shop." in page_text(staff.get(f"{INDEX}/outbox"))


# How often, and who


def test_a_user_may_send_ten_tests_in_a_quarter_of_an_hour(staff: Browser, app: Flask, kavenegar: Gateway) -> None:
    for _ in range(10):
        assert staff.post(NEW, KAVENEGAR).status_code == 200
    answer = staff.post(NEW, KAVENEGAR)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert "Too many attempts. Try again in 15 minutes." in page_text(answer)
    assert 'value="10004346"' in answer.text
    assert len(kavenegar.requests) == len(deliveries(app)) == 10


def test_a_project_may_send_thirty(app: Flask, world: World, project: ProjectRef) -> None:
    path = f"{INDEX}/sms/{world.notifier(project, 'sms', 'line')}/test"
    form = {"name": "line", "test-recipient": "+989120000067"}
    people = [Browser(app).sign_in(world.member(project, 2813, email=f"{n}@example.org")) for n in range(4)]
    answers = [person.post(path, form).status_code for person in people for _ in range(8)]
    assert answers == [200] * 30 + [429] * 2


def test_a_form_that_is_refused_counts_as_no_test(staff: Browser, kavenegar: Gateway) -> None:
    for _ in range(11):
        assert staff.post(NEW, {**KAVENEGAR, "name": ""}).status_code == 400
    assert staff.post(NEW, KAVENEGAR).status_code == 200


@pytest.mark.parametrize(("path", "code"), [("/sms/new/console/test", 2811), ("/sms/{}/test", 2813)])
def test_a_test_needs_the_code_of_saving(app: Flask, world: World, project: ProjectRef, path: str, code: int) -> None:
    target = INDEX + path.format(world.notifier(project, "sms", "line"))
    form = {"name": "other", "test-recipient": "+989120000067"}
    others = {2811, 2812, 2813, 2831, 2833} - {code}
    refused = Browser(app).sign_in(world.member(project, *others, email="refused@example.org"))
    assert refused.post(target, form).status_code == 403
    assert Browser(app).sign_in(world.user("outsider@example.org")).post(target, form).status_code == 404
    assert Browser(app).sign_in(world.admin()).post(target, form, csrf=False).status_code == 400
    assert deliveries(app) == []
    allowed = Browser(app).sign_in(world.member(project, code, email="allowed@example.org"))
    assert allowed.post(target, form).status_code == 200
    assert len(deliveries(app)) == 1


def test_another_projects_notifier_isnt_there(staff: Browser, app: Flask, world: World) -> None:
    foreign = world.notifier(world.project("other"), "sms", "foreign")
    form = {"name": "foreign", "test-recipient": "+989120000067"}
    for notifier_id in (foreign, 2**40):
        assert staff.post(f"{INDEX}/sms/{notifier_id}/test", form).status_code == 404
    assert deliveries(app) == []


# A backend that isn't installed any more


def test_a_notifier_whose_backend_is_gone_can_be_seen_and_deleted_and_sends_nothing(
    staff: Browser, app: Flask, world: World, project: ProjectRef
) -> None:
    notifier_id = world.notifier(project, "sms", "old", backend="fax", settings={"line": "1"}, secrets={"pin": "2"})
    path = f"{INDEX}/sms/{notifier_id}"
    assert "fax (not installed)" in page_text(staff.get(INDEX))
    assert "fax (not installed)" in page_text(staff.get(path))
    assert staff.post(f"{path}/test", {"name": "old", "test-recipient": "+989120000067"}).status_code == 400
    assert staff.post(path, {"name": "renamed"}).status_code == 400
    assert rows(app, "notifier", "id, name")[0].name == "old"
    assert staff.post(f"{path}/delete").status_code == 303


# What was typed is kept for the saving that follows


def kept_key(answer: TestResponse) -> str:
    match = re.search(r'name="kept" value="([^"]+)"', answer.text)
    return match[1] if match else ""


def held(app: Flask) -> list[Any]:
    return rows(app, "held_secret")


def test_a_tested_secret_is_saved_without_typing_it_again(staff: Browser, app: Flask, kavenegar: Gateway) -> None:
    tested = staff.post(NEW, KAVENEGAR)
    assert "Leave it blank to use it." in page_text(tested)
    assert KEY not in tested.text + str(held(app))
    refused = staff.post(
        f"{INDEX}/sms/new/kavenegar", {**KAVENEGAR, "name": "", "api_key": "", "kept": kept_key(tested)}
    )
    assert refused.status_code == 400
    assert KEY not in refused.text
    again = {**KAVENEGAR, "api_key": "", "kept": kept_key(refused)}
    tested = staff.post(NEW, again)
    assert "was accepted by the gateway" in page_text(tested)
    again["kept"] = kept_key(tested)
    assert staff.post(f"{INDEX}/sms/new/kavenegar", again).status_code == 303
    assert stored_secrets(app) == [{"api_key": KEY}]
    assert held(app) == []
    assert [request.path for request in kavenegar.requests] == [f"/{KEY}/sms/send.json"] * 2


def test_a_secret_tested_for_a_stored_notifier_replaces_the_stored_one(
    staff: Browser, app: Flask, world: World, project: ProjectRef, kavenegar: Gateway
) -> None:
    path = stored(world, project)
    tested = staff.post(f"{path}/test", {**KAVENEGAR, "api_key": "newer"})
    form = {**KAVENEGAR, "api_key": ""}
    staff.post(path, form)
    assert stored_secrets(app) == [{"api_key": KEY}], "another page of it knows nothing of the test"
    assert staff.post(path, {**form, "kept": kept_key(tested)}).status_code == 303
    assert stored_secrets(app) == [{"api_key": "newer"}]
    assert held(app) == []


def test_what_is_typed_later_wins(staff: Browser, app: Flask, kavenegar: Gateway) -> None:
    tested = staff.post(NEW, KAVENEGAR)
    staff.post(f"{INDEX}/sms/new/kavenegar", {**KAVENEGAR, "api_key": "later", "kept": kept_key(tested)})
    assert stored_secrets(app) == [{"api_key": "later"}]


def test_a_kept_secret_goes_to_no_other_destination(
    staff: Browser, app: Flask, world: World, project: ProjectRef, kavenegar: Gateway
) -> None:
    values: dict[str, Any] = {"settings": {"url": "https://hook.example.com/"}, "secrets": {"secret": "s" * 16}}
    stored_at = f"{INDEX}/sms/{world.notifier(project, 'sms', 'hook', backend='webhook', **values)}"
    for save, test in ((stored_at, f"{stored_at}/test"), (f"{INDEX}/sms/new/webhook", f"{INDEX}/sms/new/webhook/test")):
        form = {"name": "hook2", "url": kavenegar.url, "secret": "t" * 16, "test-recipient": "+989120000067"}
        key = kept_key(staff.post(test, form))
        assert key
        for path in (save, test):
            asked = len(kavenegar.requests)
            moved = {**form, "url": f"{kavenegar.url}/elsewhere", "secret": "", "kept": key}
            answer = staff.post(path, moved)
            assert answer.status_code == 400
            assert "Type this again: URL changed since the test." in page_text(answer)
            assert "Leave it blank to use it." not in answer.text
            assert len(kavenegar.requests) == asked
    assert stored_secrets(app) == [{"secret": "s" * 16}]


def test_a_kept_secret_serves_one_session_and_one_notifier(
    staff: Browser, app: Flask, world: World, project: ProjectRef, kavenegar: Gateway
) -> None:
    form = {**KAVENEGAR, "api_key": "", "kept": kept_key(staff.post(NEW, KAVENEGAR))}
    other = Browser(app).sign_in(world.member(project, *CODES, email="other@example.org"))
    for browser, path in (
        (other, f"{INDEX}/sms/new/kavenegar"),
        (Browser(app).sign_in(1), f"{INDEX}/sms/new/kavenegar"),
        (staff, stored(world, project)),
    ):
        answer = browser.post(path, form)
        assert answer.status_code == 400
        assert "Type this again: it was kept for 10 minutes only." in page_text(answer)


@pytest.mark.parametrize("key", ["\0", "x", "k" * 5000])
def test_a_key_that_was_never_given_opens_nothing(staff: Browser, app: Flask, key: str) -> None:
    answer = staff.post(f"{INDEX}/sms/new/kavenegar", {**KAVENEGAR, "api_key": "", "kept": key})
    assert answer.status_code == 400
    assert stored_secrets(app) == []


def test_after_ten_minutes_it_must_be_typed_again(
    staff: Browser, app: Flask, kavenegar: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = staff.post(NEW, KAVENEGAR)
    later = clock.now() + timedelta(minutes=10)
    monkeypatch.setattr(clock, "now", lambda: later)
    with app.app_context(), writing() as connection:
        connection.execute(update(UserSession).values(proved_at=later))  # the step-up would come first
    answer = staff.post(f"{INDEX}/sms/new/kavenegar", {**KAVENEGAR, "api_key": "", "kept": kept_key(tested)})
    assert answer.status_code == 400
    assert "Type this again: it was kept for 10 minutes only." in page_text(answer)
    staff.post(NEW, {**KAVENEGAR, "api_key": "other"})
    assert len(held(app)) == 1, "what has expired is erased by the next write"
