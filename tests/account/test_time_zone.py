"""A person's time zone: chosen in the account, else the browser's, else UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select

from notifapp import clock
from notifapp.access.models import User
from notifapp.audit.models import AuditEvent
from notifapp.database import reading
from tests.client import Browser
from tests.world import World


@pytest.fixture
def staff(world: World, browser: Browser) -> Browser:
    return browser.sign_in(world.user())


def test_it_is_chosen_in_the_account_and_recorded(staff: Browser, app: Flask) -> None:
    staff.post("/account", {"name": "Staff", "time_zone": "Asia/Tehran"})
    page = staff.get("/account").text
    assert "Times are in Asia/Tehran (UTC+03:30)" in page
    assert '<option selected value="Asia/Tehran">Tehran</option>' in page
    with app.app_context(), reading() as connection:
        assert connection.execute(select(User.time_zone)).scalars().all() == ["Asia/Tehran"]
        changes = connection.execute(select(AuditEvent.detail)).scalars().one()["changes"]
    assert changes == [["Time zone", "", "Asia/Tehran"]]
    staff.post("/account", {"name": "Staff", "time_zone": ""})
    assert "Times are in UTC" in staff.get("/account").text


@pytest.mark.parametrize("name", ["Mars/Base", "../../etc/passwd", "Asia", "/etc/localtime", "x" * 300])
def test_what_is_no_zone_is_refused(staff: Browser, name: str) -> None:
    answer = staff.post("/account", {"name": "Staff", "time_zone": name})
    assert (answer.status_code, "Choose one from the list." in answer.text) == (400, True)


def test_the_browsers_zone_is_used_until_one_is_chosen(staff: Browser) -> None:
    staff.client.set_cookie("tz", "Asia%2FTehran")
    assert "Times are in Asia/Tehran" in staff.get("/projects").text
    staff.post("/account", {"name": "Staff", "time_zone": "UTC"})
    assert "Times are in UTC" in staff.get("/projects").text


@pytest.mark.parametrize("value", ["", "%00", "Mars%2FBase", "..%2F..%2Fetc%2Fpasswd", "%FF%FE", "Asia"])
def test_a_cookie_that_names_no_zone_means_utc(staff: Browser, value: str) -> None:
    staff.client.set_cookie("tz", value)
    assert "Times are in UTC" in staff.get("/projects").text
    assert staff.get("/no/such/page").status_code == 404


def test_a_day_begins_and_ends_by_the_clocks_of_its_zone() -> None:
    tehran, berlin = ZoneInfo("Asia/Tehran"), ZoneInfo("Europe/Berlin")
    assert clock.start_of(date(2026, 11, 24), tehran) == datetime(2026, 11, 23, 20, 30, tzinfo=UTC)
    summer_ends = date(2026, 10, 25)
    length = clock.end_of(summer_ends, berlin) - clock.start_of(summer_ends, berlin)
    assert round(length.total_seconds() / 3600) == 25
