"""The page of the deliveries: what it shows, how it is filtered and paged, who may see it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, update

from notifapp import clock
from notifapp.access import Permission, ProjectRef
from notifapp.database import table_of, writing
from notifapp.delivery.models import Delivery
from tests.client import Browser, page_text
from tests.lists import rows
from tests.otp.caller import make_caller
from tests.statements import sent
from tests.world import World

PATH = "/projects/shop/deliveries"


@pytest.fixture
def project(world: World) -> ProjectRef:
    return world.project()


@pytest.fixture
def staff(project: ProjectRef, world: World, browser: Browser) -> Browser:
    return browser.sign_in(world.member(project, Permission.OTP_SEND))


def add(app: Flask, project: ProjectRef, recipient: str, *, age: float = 0, **values: object) -> None:
    """A sent delivery, `age` hours old, unless said otherwise."""
    at = clock.now() - timedelta(hours=age)
    row = {
        "project_id": project.id, "notifier_name": "ippanel_one", "backend": "console", "channel": "sms",
        "recipient": recipient, "purpose": "otp", "status": "sent", "attempts": 1, "next_attempt_at": at,
        "expires_at": at, "created_at": at, "started_at": at, "finished_at": at + timedelta(seconds=1.5),
    }  # fmt: skip
    with app.app_context(), writing() as connection:
        connection.execute(insert(table_of(Delivery)).values(**row | values))


def test_it_shows_what_became_of_each_message(app: Flask, project: ProjectRef, staff: Browser) -> None:
    add(app, project, "+98••1", provider_id="gateway-17")
    add(app, project, "+98••2", status="failed", error_code="402", error_reason="No credit left.", attempts=3)
    page = staff.get(PATH).text
    for text in ("+98••1", "gateway-17", "No credit left.", "(402)", "1.5 s", "ippanel_one"):
        assert text in page
    assert page.index("+98••2") < page.index("+98••1")


def test_filters_narrow_the_list(app: Flask, project: ProjectRef, staff: Browser) -> None:
    add(app, project, "r-one")
    add(app, project, "r-two", status="failed", notifier_name="<b>odd</b>", channel="email")
    add(app, project, "r-old", age=72)
    day = f"{clock.now() - timedelta(hours=48):%Y-%m-%d}"

    def shown(**query: str) -> set[str]:
        page = staff.get(PATH, query_string=query).text
        return {name for name in ("one", "two", "old") if f"r-{name}<br>" in page}

    assert shown() == {"one", "two", "old"}
    assert shown(status="failed") == {"two"}
    assert shown(channel="sms") == {"one", "old"}
    assert shown(notifier="<b>odd</b>") == {"two"}
    assert shown(since=day) == {"one", "two"}
    assert shown(until=day) == {"old"}
    assert shown(status="queued") == set()


def test_a_range_of_time_narrows_the_list(app: Flask, project: ProjectRef, staff: Browser) -> None:
    for name, age in (("now", 0.1), ("today", 5), ("week", 72), ("old", 400)):
        add(app, project, f"r-{name}", age=age)

    def shown(**query: str) -> set[str]:
        page = staff.get(PATH, query_string=query).text
        return {name for name in ("now", "today", "week", "old") if f"r-{name}<br>" in page}

    assert shown(range="hour") == {"now"}
    assert shown(range="day") == {"now", "today"}
    assert shown(range="week") == {"now", "today", "week"}
    assert shown(range="hour", since="2000-01-01") == {"now"}
    assert shown(range="days", since="2000-01-01") == {"now", "today", "week", "old"}


def test_days_and_times_are_those_of_the_persons_zone(app: Flask, project: ProjectRef, staff: Browser) -> None:
    late = datetime(2026, 1, 5, 21, 15, tzinfo=UTC)
    add(app, project, "r-late", created_at=late)
    staff.client.set_cookie("tz", "Asia%2FTehran")
    assert "2026-01-06 00:45:00" in staff.get(PATH).text
    assert "r-late<br>" in staff.get(PATH, query_string={"since": "2026-01-06", "until": "2026-01-06"}).text
    assert "r-late<br>" not in staff.get(PATH, query_string={"until": "2026-01-05"}).text


def test_one_that_will_be_tried_again_says_when(app: Flask, project: ProjectRef, staff: Browser) -> None:
    again = datetime(2030, 1, 5, 12, 30, 15, tzinfo=UTC)
    add(app, project, "r", status="queued", attempts=2, error_reason="No answer.", next_attempt_at=again, payload="x")
    page = page_text(staff.get(PATH))
    assert "Retrying at 12:30:15" in page
    assert "No answer." in page


def test_all_charts_have_one_scale_and_hours_of_the_persons_zone(
    app: Flask, project: ProjectRef, staff: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 1, 5, 12, 10, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    for name in ("a", "a", "b"):
        add(app, project, "r", notifier_name=name)
    staff.client.set_cookie("tz", "Asia%2FTehran")
    page = staff.get(PATH).text
    heights = re.findall(r'class="hours-sent"[^>]* height="([\d.]+)"', page)
    assert heights == ["46.0", "23.0"]
    assert "<title>15:00: 2 sent, 0 failed</title>" in page
    assert "the full height is 2 messages" in " ".join(page.split())


def test_what_the_carrier_says_and_what_the_customer_proved_are_two_things(
    app: Flask, world: World, browser: Browser
) -> None:
    caller = make_caller(app, world)
    challenge, code = caller.open()
    assert caller.verify(challenge, code).status_code == 200
    with app.app_context(), writing() as connection:
        at = clock.now()
        values = {
            "status": "undelivered",
            "payload": None,
            "error_reason": "No phone.",
            "reported_at": at,
            "finished_at": at,
        }
        connection.execute(update(table_of(Delivery)).values(lease_until=None, **values))
    row = rows(browser.sign_in(world.admin()).get(f"/projects/{caller.project.slug}/deliveries").text)[-1].text
    assert row.index("Not delivered") < row.index("No phone.") < row.index("Verified")


def test_more_deliveries_take_no_more_statements(app: Flask, project: ProjectRef, staff: Browser) -> None:
    def cost() -> int:
        with sent() as statements:
            staff.get(PATH)
        return len(statements)

    add(app, project, "r")
    one = cost()
    for _ in range(20):
        add(app, project, "r", status="delivered")
    assert cost() == one


def test_delivered_and_not_are_filters_and_stand_in_the_chart(app: Flask, project: ProjectRef, staff: Browser) -> None:
    for status in ("sent", "delivered", "delivered", "undelivered", "failed"):
        add(app, project, f"r-{status}", status=status)
    page = staff.get(PATH, query_string={"status": "undelivered"}).text
    assert "r-undelivered<br>" in page
    assert "r-delivered<br>" not in page
    assert '<option selected value="undelivered">Not delivered</option>' in page
    assert "last 24 hours: 4 sent (2 delivered, 1 not delivered), 1 failed" in page
    assert page.count('class="hours-undelivered"') == 1


@pytest.mark.parametrize(
    "query",
    [
        {"status": "x"},
        {"channel": "fax"},
        {"since": "x"},
        {"range": "x"},
        {"since": "0001-01-01", "range": "days"},
        {"since": "2026-02-02", "until": "2026-01-01"},
    ],
)
def test_a_filter_that_cant_be_read_is_named(project: ProjectRef, staff: Browser, query: dict[str, str]) -> None:
    staff.client.set_cookie("tz", "Asia%2FTehran")  # where the first day of all began before the calendar
    answer = staff.get(PATH, query_string=query)
    assert (answer.status_code, "Please check the form" in answer.text) == (400, True)


def test_it_is_paged(app: Flask, project: ProjectRef, staff: Browser) -> None:
    for number in range(51):
        add(app, project, f"r{number:02}", age=(51 - number) / 100)
    first = staff.get(PATH).text
    assert "r50<br>" in first
    assert "r00<br>" not in first
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "r00<br>" in staff.get(older).text
    assert staff.get(f"{PATH}?after=x&after=1").status_code == 404


def test_the_chart_counts_the_last_24_hours_per_notifier(app: Flask, project: ProjectRef, staff: Browser) -> None:
    add(app, project, "a")
    add(app, project, "b")
    add(app, project, "c", status="failed")
    add(app, project, "d", notifier_name="other", age=22)
    add(app, project, "e", age=30)
    page = staff.get(PATH).text
    assert 'aria-label="ippanel_one, last 24 hours: 2 sent, 1 failed"' in page
    assert 'aria-label="other, last 24 hours: 1 sent, 0 failed"' in page
    assert page.count('class="hours-sent"') == 2
    assert page.count('class="hours-failed"') == 1


def test_who_may_see_it(app: Flask, project: ProjectRef, world: World, browser: Browser) -> None:
    assert "No deliveries yet" in browser.sign_in(world.admin()).get(PATH).text
    for code in (Permission.SMS_NOTIFIERS_READ, Permission.EMAIL_NOTIFIERS_READ, Permission.OTP_SEND):
        browser.sign_in(world.member(project, code, email=f"{code}@example.org"))
        assert browser.get(PATH).status_code == 200
        assert "Deliveries</a>" in browser.get("/projects/shop").text
    browser.sign_in(world.member(project, Permission.NOTIFICATIONS_SETTINGS_READ, email="x@example.org"))
    assert browser.get(PATH).status_code == 403


@pytest.mark.parametrize(
    ("codes", "shown"),
    [
        ([Permission.SMS_NOTIFIERS_READ], {"sms"}),
        ([Permission.EMAIL_NOTIFIERS_READ], {"email"}),
        ([Permission.SMS_NOTIFIERS_READ, Permission.EMAIL_NOTIFIERS_READ], {"sms", "email"}),
        ([Permission.OTP_SEND], {"sms", "email"}),
    ],
)
def test_who_may_see_one_channel_learns_nothing_of_the_other(
    app: Flask, project: ProjectRef, world: World, browser: Browser, codes: list[Permission], shown: set[str]
) -> None:
    for channel in ("sms", "email"):
        world.notifier(project, channel, f"through-{channel}")
        for status in ("sent", "failed"):
            add(
                app, project, f"to-{channel}", channel=channel, notifier_name=f"through-{channel}", status=status,
                error_reason=f"reason-{channel}",
            )  # fmt: skip
    browser.sign_in(world.member(project, *codes))
    queries = (
        "",
        "?status=failed",
        "?channel=email",
        "?channel=sms",
        "?notifier=through-email",
        "?notifier=through-sms",
    )
    pages = {query: browser.get(PATH + query).text for query in queries}
    for channel in {"sms", "email"} - shown:
        for page in pages.values():
            assert f"to-{channel}" not in page
            assert f"reason-{channel}" not in page
            assert f"through-{channel}" not in page
        assert 'id="channel"' not in pages[""], "where there is one channel there is nothing to choose"
    for channel in shown:
        assert pages[""].count(f"to-{channel}<br>") == 2
        assert f'aria-label="through-{channel}, last 24 hours: 1 sent, 1 failed"' in pages[""]
        assert f'<option value="through-{channel}">' in pages[""]


def test_another_projects_deliveries_stay_out(app: Flask, project: ProjectRef, world: World, staff: Browser) -> None:
    add(app, world.project("other"), "secret one")
    assert "secret one" not in staff.get(PATH).text
