"""The overview, the list of projects and the API say whether codes arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, update

from notifapp import clock
from notifapp.access import Permission, Principal
from notifapp.breakers import service as breakers
from notifapp.database import table_of, writing
from notifapp.notifiers.models import Notifier, NotifierBalance
from notifapp.standby.service import set_standby
from tests.client import ApiClient, Browser, page_text
from tests.clock import Clock
from tests.health.arriving.rows import ask
from tests.otp.caller import Caller
from tests.statements import sent
from tests.world import World

OVERVIEW, PROJECTS, HEALTH = "/projects/shop", "/projects", "/api/notifications/health"
GATEWAY = 1
READ = Permission.NOTIFICATIONS_SETTINGS_READ


def recently(caller: Caller, number: int, **values: object) -> None:
    ask(caller.app, caller.project, GATEWAY, clock.now() - timedelta(minutes=12), number, **values)  # type: ignore[arg-type]


def test_the_overview_says_first_how_each_channel_does(staff: Browser, caller: Caller, time: Clock) -> None:
    page = page_text(staff.get(OVERVIEW))
    assert "SMS: gateway Untested Nobody asked for a code in the last 24 hours, and it isn't proven." in page
    assert "Email: mail Untested" in page

    recently(caller, 12, after=8)
    page = page_text(staff.get(OVERVIEW))
    assert "SMS: gateway Works 12 codes verified in the last 24 hours." in page
    assert "Sent 12 12 Verified 12 12 Half verified within 8.1 s 8.1 s 95 % verified within 8.1 s 8.1 s" in page
    assert page.index("SMS: gateway Works") < page.index("Last code sent")

    recently(caller, 12, status="failed")
    assert "SMS: gateway Failing 12 of 24 codes in the last hour failed" in page_text(staff.get(OVERVIEW))


def test_slow_codes_are_said_to_be_slow(staff: Browser, caller: Caller, time: Clock) -> None:
    recently(caller, 12, after=100)
    assert "1 in 20 codes took more than 100 seconds until it was verified." in page_text(staff.get(OVERVIEW))


def test_the_chart_shows_24_hours_and_can_be_read_as_a_table(staff: Browser, caller: Caller, time: Clock) -> None:
    recently(caller, 3)
    ask(caller.app, caller.project, GATEWAY, clock.now() - timedelta(hours=5), 4, status="failed")
    page = staff.get(OVERVIEW)
    assert 'aria-label="gateway, last 24 hours: 3 sent, 4 failed"' in page.text
    assert "2026-11-23 07:00 0 4" in page_text(page)


def test_the_balance_is_shown_with_the_day_on_which_it_runs_out(staff: Browser, caller: Caller, time: Clock) -> None:
    with caller.app.app_context(), writing() as connection:
        rows = [
            {"notifier_id": GATEWAY, "hour": clock.now() - timedelta(hours=n), "amount": 48 + n, "currency": "USD"}
            for n in range(24)
        ]
        connection.execute(insert(NotifierBalance), rows)
    page = page_text(staff.get(OVERVIEW))
    assert "Balance: 48 USD. At today's pace it runs out on 2026-11-25 ." in page


def test_an_archived_project_shows_none_of_it(app: Flask, world: World, caller: Caller) -> None:
    world.archive(caller.project)
    assert "SMS: gateway" not in page_text(Browser(app).sign_in(world.admin()).get(OVERVIEW))


def test_the_list_of_projects_shows_the_state_of_each_that_one_may_read(
    app: Flask, world: World, caller: Caller, time: Clock
) -> None:
    recently(caller, 12, after=8)
    reader = world.member(caller.project, READ)
    world.project("bare", "Bare")
    assert "SMS: works Email: untested" in page_text(Browser(app).sign_in(reader).get(PROJECTS))
    assert "SMS: works Email: untested" in page_text(Browser(app).sign_in(world.admin()).get(PROJECTS))
    plain = world.member(caller.project, Permission.OTP_SEND, email="plain@example.org")
    page = page_text(Browser(app).sign_in(plain).get(PROJECTS))
    assert "shop" in page
    assert "works" not in page


def test_the_list_takes_as_many_statements_for_many_projects_as_for_one(
    app: Flask, world: World, caller: Caller
) -> None:
    admin = Browser(app).sign_in(world.admin())

    def cost() -> int:
        with sent() as statements:
            assert admin.get(PROJECTS).status_code == 200
        return len(statements)

    few = cost()
    for number in range(30):
        project = world.project(f"shop-{number}")
        ask(app, project, world.notifier(project, "sms", "line"), clock.now())
    assert cost() == few


def test_the_api_tells_the_same(api: ApiClient, world: World, caller: Caller, time: Clock) -> None:
    token = world.staff_token(caller.project, READ)
    recently(caller, 12, after=8)
    caller.change_settings(email_notifier=None)
    answer = api.call("GET", HEALTH, token)
    assert answer.status_code == 200
    [sms] = answer.get_json()["notifiers"]
    assert (sms["channel"], sms["in_force"]) == ("sms", True)
    assert sms["notifier"] == {"id": GATEWAY, "name": "gateway"}
    assert (sms["state"], sms["reason"]) == ("works", "12 codes verified in the last 24 hours.")
    assert sms["last_hour"] == sms["last_day"]
    figures = sms["last_hour"]
    assert figures.pop("median_seconds") == figures.pop("p95_seconds") == pytest.approx(8, rel=0.011)
    assert figures == {"asked": 12, "sent": 12, "failed": 0, "delivered": 0, "undelivered": 0, "verified": 12}
    assert len(sms["hours"]) == 24
    noon = clock.iso(datetime(2026, 11, 23, 11, tzinfo=UTC))
    assert [hour["sent"] for hour in sms["hours"] if hour["starts_at"] == noon] == [12]
    assert (sms["balance"], sms["proven_at"]) == (None, None)
    assert sms["breaker"] == {"state": "closed", "cause": None, "since": None, "retry_at": None}


def test_those_that_stand_by_are_told_after_the_one_in_force(
    app: Flask, staff: Browser, api: ApiClient, world: World, caller: Caller, time: Clock
) -> None:
    second, third = (world.notifier(caller.project, "sms", name) for name in ("second", "third"))
    with app.app_context():
        set_standby(caller.project, {"sms": [third, second]}, principal=Principal.operator())
    ask(app, caller.project, third, clock.now() - timedelta(minutes=12), 4, after=8)
    token = world.staff_token(caller.project, READ, email="program@example.org")
    found = [each for each in api.call("GET", HEALTH, token).get_json()["notifiers"] if each["channel"] == "sms"]
    assert [each["notifier"]["name"] for each in found] == ["gateway", "third", "second"]
    assert [each["in_force"] for each in found] == [True, False, False]
    assert [each["state"] for each in found] == ["untested", "works", "untested"]
    page = page_text(staff.get(OVERVIEW))
    places = [
        page.index(text) for text in ("SMS: gateway", "SMS, standing by: third Works", "SMS, standing by: second")
    ]
    assert places == sorted(places)


def test_an_open_breaker_is_told_with_the_time_of_the_next_try(
    app: Flask, staff: Browser, api: ApiClient, world: World, caller: Caller, time: Clock
) -> None:
    recently(caller, 12, after=8)
    with app.app_context(), writing() as connection:
        breakers.open_slow(connection, GATEWAY)
    token = world.staff_token(caller.project, READ, email="program@example.org")
    sms = api.call("GET", HEALTH, token).get_json()["notifiers"][0]
    assert sms["state"] == "slow"
    since, retry_at = clock.iso(clock.now()), clock.iso(clock.now() + breakers.SLOW_WAIT)
    assert sms["breaker"] == {"state": "open", "cause": "slow", "since": since, "retry_at": retry_at}
    page = page_text(staff.get(OVERVIEW))
    assert "SMS: gateway Slow The last codes were not delivered or verified in time." in page
    assert "The breaker has been open since 2026-11-23 12:00" in page
    assert "A message tries it again in 10 minutes." in page


def test_a_proof_is_told_while_it_holds(api: ApiClient, app: Flask, world: World, caller: Caller, time: Clock) -> None:
    with app.app_context(), writing() as connection:
        proof = {"digest": "x", "proven_digest": "x", "proven_at": clock.now(), "configured_at": clock.now()}
        connection.execute(update(table_of(Notifier)).where(table_of(Notifier).c.id == GATEWAY).values(**proof))
    token = world.staff_token(caller.project, READ)
    sms = api.call("GET", HEALTH, token).get_json()["notifiers"][0]
    assert (sms["proven_at"], sms["state"]) == (clock.iso(clock.now()), "nobody_asked")


def test_the_api_is_for_those_who_may_read_the_settings(api: ApiClient, caller: Caller) -> None:
    assert api.call("GET", HEALTH, caller.token).status_code == 403
    assert api.call("GET", HEALTH).status_code == 401
