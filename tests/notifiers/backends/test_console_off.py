"""Where the console backend is switched off, nobody can read codes by it: not by a new notifier, nor by an old one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifapp import clock
from notifapp.access import Permission
from notifapp.channels import Channel
from notifapp.config import Config
from notifapp.database import reading, table_of
from notifapp.delivery.service import exchange, send
from notifapp.notifiers.backends.console import Console, ConsoleConfig, erase_outbox
from notifapp.notifiers.gateway.base import Message
from notifapp.notifiers.models import OutboxMessage
from tests.client import Browser
from tests.conftest import ENCRYPTION_KEY, SECRET_KEY
from tests.otp.caller import Caller, make_caller
from tests.world import World

PAGES = "/projects/shop/notifiers"
SMS = "/api/notifications/notifiers/sms"


def configure(app: Flask, **changes: Any) -> None:
    app.config["NOTIFAPP"] = replace(app.config["NOTIFAPP"], **changes)


@pytest.fixture
def caller(app: Flask, world: World) -> Iterator[Caller]:
    """A project with console notifiers from the days when that backend was switched on; now it is off."""
    before = app.config["NOTIFAPP"]
    caller = make_caller(app, world)
    caller.open()
    caller.token = world.staff_token(caller.project, *Permission, email="all@shop.example")
    configure(app, console_backend=False)
    yield caller
    app.config["NOTIFAPP"] = before


@pytest.fixture
def staff(caller: Caller, world: World, browser: Browser) -> Browser:
    """Who may do everything with notifiers and settings."""
    return browser.sign_in(world.member(caller.project, *Permission))


@pytest.mark.parametrize(
    ("given", "is_on"),
    [({}, False), ({"NOTIFAPP_CONSOLE_BACKEND": "1"}, True), ({"NOTIFAPP_DEBUG": "1"}, True)],
)
def test_it_takes_a_variable_to_have_it(given: dict[str, str], is_on: bool, tmp_path: Any) -> None:
    keys = {
        "NOTIFAPP_INSTANCE_DIR": str(tmp_path),
        "NOTIFAPP_SECRET_KEY": SECRET_KEY,
        "NOTIFAPP_OTP_KEY": SECRET_KEY,
        "NOTIFAPP_ENCRYPTION_KEYS": ENCRYPTION_KEY,
    }
    assert Config.from_environment(keys | given).console_backend is is_on


def test_staff_cannot_make_a_notifier_that_shows_them_the_codes(staff: Browser, caller: Caller) -> None:
    for channel in Channel:
        assert "Console" not in staff.get(f"{PAGES}/{channel}/new").text
        for path in (f"{PAGES}/{channel}/new/console", f"{PAGES}/{channel}/new/console/test"):
            assert staff.post(path, {"name": "mine", "test-recipient": "a@example.org"}).status_code == 404
    body = {"name": "mine", "backend": "console"}
    answer = caller.api.call("POST", SMS, caller.token, json=body)
    assert (answer.status_code, "backend" in (answer.json or {})) == (400, True)


def test_staff_cannot_switch_to_a_console_notifier_that_is_still_there(staff: Browser, caller: Caller) -> None:
    caller.change_settings(sms_notifier=None)
    assert caller.api.call("GET", SMS, caller.token).get_json()["count"] == 0
    answer = caller.api.patch_settings(caller.token, {"notifications_sms_notifier": 1})
    assert answer.json == {"notifications_sms_notifier": ['Invalid pk "1" - object does not exist.']}
    assert 'value="1"' not in staff.get("/projects/shop/settings").text.split("notifications_email_notifier")[0]
    assert staff.post(f"{PAGES}/sms/1/enable").status_code == 409
    page = staff.get(f"{PAGES}/sms/1").text
    assert "Console (switched off)" in page
    assert "NOTIFAPP_CONSOLE_BACKEND=1 switches it on" in page
    assert "Enable</button>" not in page
    assert "Disabled" in staff.get(PAGES).text


def test_nothing_is_sent_by_a_console_notifier_in_force(staff: Browser, caller: Caller) -> None:
    answer = caller.send("+989121234568")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "notifier_disabled")
    policy = caller.api.call("GET", "/api/otp/policy", caller.token)
    assert policy.get_json()["channels"] == []
    with caller.app.app_context():
        [claim] = exchange([], room=1)
        outcome = send(claim)
    assert "switched off" in str(outcome.result)
    answer = staff.post(f"{PAGES}/sms/1/test", {"name": "gateway", "test-recipient": "+989121234567"})
    assert "was not sent" in answer.text
    with caller.app.app_context(), reading() as connection:
        assert connection.execute(select(func.count()).select_from(table_of(OutboxMessage))).scalar_one() == 0


def test_nobody_reads_an_outbox_of_earlier_days(staff: Browser, caller: Caller) -> None:
    write(caller.app, caller.project.id)
    assert staff.get(f"{PAGES}/outbox").status_code == 404
    assert "Outbox" not in staff.get(PAGES).text
    configure(caller.app, console_backend=True)
    assert "01234" in staff.get(f"{PAGES}/outbox").text


def test_the_outbox_is_erased_after_a_day(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project, now = world.project(), clock.now()
    write(app, project.id)
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=23))
    write(app, project.id)
    with app.app_context():
        erase_outbox()
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=25))
        assert count(app) == 2
        erase_outbox()
        assert count(app) == 1


@pytest.mark.parametrize(
    ("debug", "shown"), [(True, "+989120000000: Your code: 01234"), (False, "+98••••••••00: Your code: •••••")]
)
def test_the_log_shows_codes_only_while_debugging(
    app: Flask, world: World, caplog: pytest.LogCaptureFixture, debug: bool, shown: str
) -> None:
    before = app.config["NOTIFAPP"]
    caplog.set_level(logging.INFO, "notifapp.console")
    project = world.project()
    configure(app, debug=debug)
    try:
        write(app, project.id)
    finally:
        app.config["NOTIFAPP"] = before
    assert shown in caplog.text
    assert ("01234" in caplog.text) is debug


def write(app: Flask, project_id: int) -> None:
    """Send a code by the console."""
    message = Message(
        project_id=project_id,
        channel=Channel.SMS,
        recipient="+989120000000",
        body="Your code: 01234",
        variables={"code": "01234"},
    )
    with app.app_context():
        Console().send(ConsoleConfig(), message)


def count(app: Flask) -> int:
    with reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table_of(OutboxMessage))).scalar_one())
