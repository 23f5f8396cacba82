"""The overview says first whether codes arrive, and a warning stands wherever nothing reaches people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from notifapp import clock
from notifapp.access import NOTIFIERS_READ, Permission
from notifapp.database import table_of, writing
from notifapp.delivery.heartbeat import MISSING_AFTER, Heartbeat
from notifapp.delivery.models import Delivery
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.otp.caller import Caller
from tests.world import World

OVERVIEW, SETTINGS = "/projects/shop", "/projects/shop/settings"


@pytest.fixture
def staff(app: Flask, world: World, caller: Caller) -> Browser:
    codes = (Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE, *NOTIFIERS_READ)
    return Browser(app).sign_in(world.member(caller.project, *codes))


@contextmanager
def worker(app: Flask) -> Iterator[Heartbeat]:
    with app.app_context():
        heartbeat = Heartbeat()
        heartbeat.beat()
        yield heartbeat


def end_deliveries(app: Flask, **values: Any) -> None:
    """As if a worker had dealt with every delivery."""
    with app.app_context(), writing() as connection:
        values = {"payload": None, "finished_at": clock.now(), **values}
        connection.execute(update(table_of(Delivery)).values(**values))


def test_a_missing_worker_is_said_on_the_overview_and_at_readyz(app: Flask, staff: Browser, time: Clock) -> None:
    client = app.test_client()
    assert "No worker is running" in page_text(staff.get(OVERVIEW))
    assert client.get("/readyz").json == {"status": "ready", "worker": "missing"}

    with worker(app):
        assert "No worker is running" not in page_text(staff.get(OVERVIEW))
        assert client.get("/readyz").json == {"status": "ready", "worker": "running"}
        time.advance(MISSING_AFTER.total_seconds())
        assert "No worker is running" in page_text(staff.get(OVERVIEW))
        assert client.get("/readyz").get_json()["worker"] == "missing"


def test_a_worker_that_stops_signs_off(app: Flask) -> None:
    with worker(app) as heartbeat:
        heartbeat.end()
        assert app.test_client().get("/readyz").get_json()["worker"] == "missing"


def test_the_overview_says_when_a_code_was_sent_and_verified_last(staff: Browser, caller: Caller, app: Flask) -> None:
    challenge, code = caller.open()
    page = page_text(staff.get(OVERVIEW))
    assert "Last code sent Never" in page
    assert "Last code verified Never" in page
    assert "Oldest message waiting None" not in page

    end_deliveries(app, status="sent")
    caller.verify(challenge, code)
    page = page_text(staff.get(OVERVIEW))
    assert "Last code sent Never" not in page
    assert "Last code verified Never" not in page
    assert "Oldest message waiting None" in page


def test_failures_of_the_last_hour_stand_there_with_their_reason(
    staff: Browser, caller: Caller, app: Flask, world: World, time: Clock
) -> None:
    for number in (1, 2, 3):
        caller.open(f"+98912123456{number}")
    end_deliveries(app, status="failed", error_reason="The gateway rejected the key.")
    page = page_text(staff.get(OVERVIEW))
    assert "3 messages failed through gateway in the last hour: The gateway rejected the key." in page
    admin = Browser(app).sign_in(world.admin())
    assert 'href="/projects/shop/deliveries?notifier=gateway"' in admin.get(OVERVIEW).text
    time.advance(timedelta(hours=1).total_seconds())
    assert "failed through" not in page_text(staff.get(OVERVIEW))


def test_who_may_not_see_a_channels_deliveries_learns_that_some_failed_and_no_more(
    app: Flask, world: World, caller: Caller
) -> None:
    for number in (1, 2):
        caller.open(f"+98912123456{number}")
    end_deliveries(app, status="failed", error_reason="The gateway rejected the key.")
    codes = (Permission.NOTIFICATIONS_SETTINGS_READ, Permission.EMAIL_NOTIFIERS_READ)
    page = page_text(Browser(app).sign_in(world.member(caller.project, *codes)).get(OVERVIEW))
    assert "2 messages failed by SMS in the last hour." in page
    assert "rejected" not in page


def test_a_message_that_waits_for_long_is_said(staff: Browser, caller: Caller, app: Flask, time: Clock) -> None:
    caller.open()
    with worker(app) as heartbeat:
        assert "waiting longer than usual" not in page_text(staff.get(OVERVIEW))
        time.advance(60)
        heartbeat.beat()
        assert "waiting longer than usual" in page_text(staff.get(OVERVIEW))


@pytest.mark.parametrize("path", [OVERVIEW, SETTINGS])
def test_a_disabled_notifier_in_use_is_a_red_banner_while_it_lasts(
    staff: Browser, caller: Caller, world: World, path: str
) -> None:
    world.set_enabled(1, False)
    page = staff.get(path)
    assert "notice-danger" in page.text
    assert "No code can be sent by SMS gateway, the notifier in use, is disabled." in page_text(page)
    world.set_enabled(1, True)
    assert "No code can be sent by SMS" not in page_text(staff.get(path))


@pytest.mark.parametrize("path", [OVERVIEW, SETTINGS])
def test_console_in_use_says_that_nothing_is_sent(staff: Browser, caller: Caller, path: str) -> None:
    page = page_text(staff.get(path))
    assert "SMS: development only, nothing is sent" in page
    assert "Email: development only, nothing is sent" in page


def test_the_dropdown_says_that_console_sends_nothing(staff: Browser, caller: Caller) -> None:
    assert "gateway (Console, development only: nothing is sent, never proven)" in page_text(staff.get(SETTINGS))


def clear_sms(browser: Browser, **more: str) -> Any:
    fields = {
        "version": "1",
        "notifications_sms_notifier": "",
        "notifications_email_notifier": "2",
        "notifications_otp_code_len": "5",
        "notifications_otp_ttl": "120",
        "reason": "A new gateway",
        **more,
    }
    return browser.post(SETTINGS, fields)


def test_clearing_a_channel_that_is_used_asks_first_and_keeps_what_was_typed(staff: Browser, caller: Caller) -> None:
    caller.open()
    asked = clear_sms(staff)
    assert asked.status_code == 200
    assert "1 code was requested by SMS in the last 24 hours." in page_text(asked)
    assert 'name="reason" value="A new gateway"' in asked.text
    assert caller.send("+989120000000").status_code == 201

    assert clear_sms(staff, confirmed="yes").status_code == 303
    overview = staff.get(OVERVIEW)
    assert "No SMS notifier is chosen." in page_text(overview)
    assert '<div class="notice notice-warning" role="alert">' in overview.text  # the flash, not a warning of the page
    assert "Settings saved. No code can be sent by SMS now." in page_text(overview)


def test_clearing_a_channel_that_nobody_uses_asks_nothing(staff: Browser, caller: Caller) -> None:
    assert clear_sms(staff).status_code == 303
    assert "No code can be sent by SMS" not in page_text(staff.get(SETTINGS))


def test_archiving_says_how_many_messages_stop(app: Flask, world: World, caller: Caller) -> None:
    admin = Browser(app).sign_in(world.admin())
    caller.open()
    assert "1 code was requested by SMS in the last 24 hours." in page_text(admin.get(f"{OVERVIEW}/archive"))
    admin.post(f"{OVERVIEW}/archive")
    for path in (OVERVIEW, SETTINGS):
        page = admin.get(path)
        assert "notice-danger" in page.text
        assert "This project is archived" in page.text


def test_a_new_project_shows_the_steps_to_its_first_code(app: Flask, world: World) -> None:
    caller, admin = world.project("fresh", "Fresh"), Browser(app).sign_in(world.admin())
    page = admin.get("/projects/fresh").text
    assert "Four steps until your customers receive codes." in page
    assert page.count('class="is-done"') == 0
    world.notifier(caller, "sms", "line")
    assert admin.get("/projects/fresh").text.count('class="is-done"') == 1


def test_the_steps_are_gone_when_all_are_done(staff: Browser, caller: Caller) -> None:
    assert staff.get(OVERVIEW).text.count('class="is-done"') == 3
    caller.verify(*caller.open())
    assert "Get started" not in staff.get(OVERVIEW).text


def test_restoring_a_version_without_a_notifier_asks_too(app: Flask, staff: Browser, caller: Caller) -> None:
    clear_sms(staff)
    caller.change_settings(sms_notifier=1)
    caller.open()
    restore = f"{SETTINGS}/history/2/restore"
    asked = staff.post(restore, {"version": "3"})
    assert asked.status_code == 200
    assert "1 code was requested by SMS in the last 24 hours." in page_text(asked)
    assert staff.post(restore, {"version": "3", "confirmed": "yes"}).status_code == 303
    assert "No SMS notifier is chosen." in page_text(staff.get(OVERVIEW))


def test_a_notifier_in_use_says_what_disabling_would_stop(app: Flask, world: World, caller: Caller) -> None:
    page = page_text(Browser(app).sign_in(world.admin()).get("/projects/shop/notifiers/sms/1"))
    assert "This notifier is in use. If you disable it, no code can be sent by SMS." in page
