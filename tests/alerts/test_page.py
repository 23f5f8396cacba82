"""The page of alerts: who is told, whom an alert wouldn't reach, and what is and was wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from notifapp import clock
from notifapp.access import Permission
from notifapp.alerts.models import Alert
from notifapp.database import writing
from notifapp.events import service as events
from notifapp.events.models import EventType
from notifapp.retention.erasure import erase_recipient
from notifapp.retention.service import purge
from tests.alerts.desk import BACKUP, BROKEN, GATEWAY, MAIL, OWNER, PARTNER, WORKS, Desk
from tests.audit.trail import events as audit_events
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.events.receiver import OPERATOR
from tests.lists import rows
from tests.world import World

PAGE = "/projects/shop/alerts"
READ, UPDATE = Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE


@pytest.fixture
def staff(desk: Desk, world: World, browser: Browser) -> Browser:
    """A member who may read and update the settings."""
    return browser.sign_in(world.member(desk.caller.project, READ, UPDATE))


def text(browser: Browser) -> str:
    answer = browser.get(PAGE)
    assert answer.status_code == 200
    return page_text(answer)


def save(browser: Browser, emails: str, days: str = "3") -> int:
    return browser.post(PAGE, {"emails": emails, "balance_days": days}).status_code


def test_who_is_told_is_saved_cleaned_and_audited(app: Flask, staff: Browser) -> None:
    assert save(staff, f" Owner@Shop.Example \n\n{OWNER}\n{PARTNER}", "۵") == 303
    page = staff.get(PAGE).text
    assert f"{OWNER}\n{PARTNER}</textarea>" in page.replace("\r\n", "\n")
    assert 'value="5"' in page
    [event] = audit_events(app, "alerts_changed")
    assert event.detail["changes"] == [
        ["Told by email", "Nobody", f"{OWNER}, {PARTNER}"],
        ["Balance is told below", "3 days", "5 days"],
    ]
    assert save(staff, f"{OWNER}\n{PARTNER}", "5") == 303
    assert len(audit_events(app, "alerts_changed")) == 1


@pytest.mark.parametrize(
    ("emails", "days", "message"),
    [
        ("nobody", "3", "“nobody” is not an email address."),
        ("\n".join(f"a{number}@shop.example" for number in range(11)), "3", "Enter at most 10 addresses."),
        (OWNER, "0", "Enter a whole number from 1 to 90."),
        (OWNER, "soon", "Enter a whole number from 1 to 90."),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_changes_nothing(
    staff: Browser, desk: Desk, emails: str, days: str, message: str
) -> None:
    answer = staff.post(PAGE, {"emails": emails, "balance_days": days})
    assert answer.status_code == 400
    assert message in page_text(answer)
    assert "Nobody is told of alerts" in text(staff)


def test_who_may_only_read_sees_who_is_told_and_changes_nothing(desk: Desk, world: World, app: Flask) -> None:
    desk.tell(OWNER)
    reader = Browser(app).sign_in(world.member(desk.caller.project, READ))
    page = reader.get(PAGE)
    assert OWNER in page_text(page)
    assert "<textarea" not in page.text
    assert save(reader, PARTNER) == 403


def test_the_page_says_beforehand_whom_an_alert_would_not_reach(desk: Desk, world: World, staff: Browser) -> None:
    assert "Nobody is told of alerts" in text(staff)
    desk.tell(OWNER)
    assert "Alerts are sent through “mail”, and those about “mail” itself through “backup”." in text(staff)
    world.set_enabled(BACKUP, False)
    page = text(staff)
    assert "No email is sent when “mail” fails" in page
    assert "Nobody is told then" in page
    with desk.caller.app.app_context():
        types = [EventType.ALERT_BEGAN]
        events.create_endpoint(desk.caller.project, "https://shop.example", types, principal=OPERATOR)
    page = text(staff)
    assert "No email is sent when “mail” fails" in page
    assert "Your endpoints are told all the same." in page
    world.set_enabled(MAIL, False)
    assert "No alert can be sent by email" in text(staff)


def test_a_notifier_that_is_down_is_none_to_count_on(desk: Desk, staff: Browser) -> None:
    desk.tell(OWNER)
    desk.results[MAIL] = BROKEN
    desk.send(5, "email")
    assert "No email is sent when “backup” fails" in text(staff)


def test_alerts_are_listed_while_they_last_and_afterwards(desk: Desk, time: Clock, staff: Browser) -> None:
    assert "Nothing is wrong" in text(staff)
    desk.tell(OWNER)
    desk.results[GATEWAY] = BROKEN
    desk.send(5)
    desk.look()
    [row] = rows(staff.get(PAGE).text)
    assert row.title.startswith("The SMS notifier “gateway” is failing")
    assert "Through mail" in row.text
    desk.results[GATEWAY] = WORKS
    time.advance(minutes=1)
    desk.send()
    desk.look()
    time.advance(minutes=10)
    desk.look()
    page = staff.get(PAGE)
    assert "Nothing is wrong" in page_text(page)
    [row] = rows(page.text)
    assert row.title == "The SMS notifier “gateway” is failing"
    assert row.small.startswith("Messages fail, or it does not answer")


def test_an_alert_is_an_alert_on_the_page_of_deliveries(desk: Desk, world: World, app: Flask) -> None:
    desk.tell(OWNER)
    desk.results[GATEWAY] = BROKEN
    desk.send(5)
    desk.look()
    admin = Browser(app).sign_in(world.admin())
    page = page_text(admin.get("/projects/shop/deliveries"))
    assert "Alert" in page
    assert "o•••@shop.example" in page
    assert OWNER not in page


def test_alerts_that_are_over_go_after_90_days_and_open_ones_stay(desk: Desk, time: Clock) -> None:
    for notifier, channel in ((GATEWAY, "sms"), (MAIL, "email")):
        desk.results[notifier] = BROKEN
        desk.send(5, channel)
    desk.look()
    with desk.caller.app.app_context():
        with writing() as connection:
            connection.execute(update(Alert).where(Alert.subject == "1").values(ended_at=clock.now()))
        time.advance(seconds=timedelta(days=90).total_seconds() - 1)
        assert purge()["alerts"] == 0
        time.advance(2)
        assert purge()["alerts"] == 1
    assert [alert.subject for alert in desk.alerts()] == ["2"]


def test_an_address_that_is_erased_is_told_nothing_more(desk: Desk, staff: Browser) -> None:
    desk.tell(OWNER, PARTNER)
    with desk.caller.app.app_context():
        erase_recipient(OWNER.upper(), principal=OPERATOR)
    page = staff.get(PAGE).text
    assert OWNER not in page
    assert PARTNER in page
