"""What begins an alert, what only keeps one open, and what is ordinary."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from notifapp import clock
from notifapp.database import writing
from notifapp.otp.models import OtpRecipient
from notifapp.traffic.stops import country_of
from tests.alerts.desk import BROKEN, GATEWAY, OWNER, WORKS, Desk
from tests.clock import Clock
from tests.traffic.caller import iranian

WEEK = 7 * 24
A_DAY = 24_000.0  # what is used of a balance


def used(hours: int, last: float, a_day: float = A_DAY) -> list[float]:
    """Balances of so many hours that are used up evenly, down to the last one."""
    return [last + a_day / 24 * (hours - 1 - hour) for hour in range(hours)]


def kinds(desk: Desk) -> list[Any]:
    """Which alerts there are, and whether they are open."""
    desk.look()
    return [(alert.kind, alert.subject, alert.ended_at is None) for alert in desk.alerts()]


@pytest.mark.parametrize(("days_left", "is_told"), [(3.2, False), (2.9, True), (0.4, True)])
def test_a_balance_that_lasts_for_less_than_three_days_is_told(
    desk: Desk, time: Clock, days_left: float, *, is_told: bool
) -> None:
    desk.read_balances(*used(WEEK + 1, days_left * A_DAY))
    assert kinds(desk) == ([("balance", "1", True)] if is_told else [])


def test_a_project_says_how_many_days_a_balance_is_to_last(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER, days=10)
    desk.read_balances(*used(WEEK + 1, 9 * A_DAY))
    assert kinds(desk) == [("balance", "1", True)]
    text = desk.emails()[0][3]
    assert "216,000 IRR is left. At the pace of the last 7 days that lasts for about 9 days." in text


def test_what_is_paid_in_is_not_what_is_used_and_ends_the_alert_if_it_is_enough(desk: Desk, time: Clock) -> None:
    desk.read_balances(*used(WEEK + 1, 2 * A_DAY))
    assert kinds(desk) == [("balance", "1", True)]
    for days, is_open in ((4.0, True), (4.6, False)):
        time.advance(hours=1)
        desk.read_balances(days * A_DAY)
        assert kinds(desk) == [("balance", "1", is_open)]


def test_an_empty_balance_is_told_whatever_the_pace(desk: Desk, time: Clock) -> None:
    desk.read_balances(0.0)
    assert kinds(desk) == [("balance", "1", True)]


@pytest.mark.parametrize("readings", [[5.0], [5.0, 5.0], used(20, 1.0)])
def test_less_than_a_day_tells_no_pace(desk: Desk, time: Clock, readings: list[float]) -> None:
    desk.read_balances(*readings)
    assert kinds(desk) == []


def test_whole_days_alone_are_compared_so_that_a_busy_evening_is_no_alert(desk: Desk, time: Clock) -> None:
    quiet, busy = [100.0] * 16, [2800.0] * 8  # 24,000 in a day, nearly all in its evening
    amounts, left = [], 90_000.0
    for hourly in reversed([*busy, *quiet, *busy]):
        amounts.append(left)
        left += hourly
    desk.read_balances(*reversed(amounts))
    assert kinds(desk) == []


def test_without_a_reading_nothing_begins_and_nothing_ends(desk: Desk, time: Clock) -> None:
    desk.read_balances(*used(WEEK + 1, A_DAY), hours_ago=4)
    assert kinds(desk) == []
    desk.read_balances(A_DAY)
    assert kinds(desk) == [("balance", "1", True)]
    time.advance(hours=5)
    desk.read_balances(None)
    assert kinds(desk) == [("balance", "1", True)]


def test_a_balance_of_a_notifier_that_is_not_used_is_nobodys_business(desk: Desk, time: Clock) -> None:
    desk.read_balances(*used(WEEK + 1, A_DAY))
    desk.caller.change_settings(sms_notifier=None)
    assert kinds(desk) == []


def test_a_country_in_which_codes_are_stopped_is_told_once(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)
    desk.caller.have_habits(100)
    while desk.caller.order(iranian(desk.numbers)):
        desk.numbers += 1
    assert kinds(desk) == kinds(desk) == [("stopped", "IR", True)]
    [(_by, _to, subject, text)] = desk.emails()
    assert subject == "Shop: Unusual traffic to Iran (+98)"
    assert "Of 11 codes to it in the last 24 hours, 11 were not verified. More codes are not sent." in text
    for number in range(desk.numbers):
        desk.caller.approve(iranian(number))
    assert kinds(desk) == [("stopped", "IR", True)]
    time.advance(hours=2)
    assert kinds(desk) == [("stopped", "IR", False)]


def test_numbers_that_begin_alike_are_told_as_those_of_their_country(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)
    desk.caller.have_habits(1000)
    while desk.caller.order(f"+98935111{desk.numbers:04d}"):
        desk.numbers += 1
    assert kinds(desk) == [("stopped", "IR", True)]
    assert "codes to numbers that begin with +989351" in desk.emails()[0][3]


def test_codes_that_the_notifier_did_not_take_are_no_unusual_traffic_while_it_fails(desk: Desk, time: Clock) -> None:
    desk.caller.have_habits(100)
    desk.results[GATEWAY] = BROKEN
    desk.send(11)
    assert desk.caller.send(iranian(99)).status_code == 429
    assert kinds(desk) == [("failing", "1", True)]
    desk.results[GATEWAY] = WORKS
    time.advance(seconds=10)
    desk.work()
    assert kinds(desk) == [("failing", "1", True), ("stopped", "IR", True)]


def test_unusual_traffic_that_is_only_recorded_is_told_as_such(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)
    desk.caller.allow(countries="", breaker="record")
    desk.caller.have_habits(100)
    assert all(desk.caller.order(iranian(number)) for number in range(20))
    assert kinds(desk) == [("stopped", "IR", True)]
    assert "They are sent all the same" in desk.emails()[0][3]


def test_a_project_without_habits_has_no_unusual_traffic(desk: Desk, time: Clock) -> None:
    desk.caller.have_habits(100, days=5)
    assert all(desk.caller.order(iranian(number)) for number in range(40))
    assert kinds(desk) == []


@pytest.mark.parametrize(
    ("prefix", "country"),
    [("989121", "IR"), ("141555", "US"), ("141622", "CA"), ("447400", "GB"), ("491511", "DE"), ("777123", "KZ")],
)
def test_the_country_of_a_prefix(prefix: str, country: str) -> None:
    assert country_of(prefix) == country


@pytest.mark.parametrize("prefix", ["881612", "883120"])
def test_a_prefix_of_no_country_is_no_error(prefix: str) -> None:
    assert country_of(prefix) == "001"


def block(desk: Desk, number: int, *, minutes_ago: int = 1) -> None:
    """Let so many recipients have been blocked then."""
    at = clock.now() - timedelta(minutes=minutes_ago)
    rows = [
        {"project_id": desk.caller.project.id, "channel": "sms", "digest": f"{at}{place}", "masked": "+98•••"}
        | {"failures": 100, "stopped_at": at, "blocked_until": at + timedelta(days=1)}
        for place in range(number)
    ]
    with desk.caller.app.app_context(), writing() as connection:
        connection.execute(insert(OtpRecipient), rows)


def test_ten_recipients_blocked_within_an_hour_are_told_once(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)
    block(desk, 9, minutes_ago=30)
    assert kinds(desk) == []
    block(desk, 1)
    assert kinds(desk) == kinds(desk) == [("blocked", "", True)]
    [(_by, _to, subject, text)] = desk.emails()
    assert subject == "Shop: Many recipients are being blocked after wrong codes"
    assert "10 recipients in the last hour, and 0 in the 24 hours before." in text
    time.advance(hours=1)
    assert kinds(desk) == [("blocked", "", True)]
    time.advance(hours=2)
    assert kinds(desk) == [("blocked", "", False)]


def test_as_many_blocked_recipients_as_usual_are_no_news(desk: Desk, time: Clock) -> None:
    for hour in range(1, 24):
        block(desk, 3, minutes_ago=60 * hour + 5)
    block(desk, 12)
    assert kinds(desk) == []
    block(desk, 4, minutes_ago=2)
    assert kinds(desk) == [("blocked", "", True)]


def test_a_notifier_that_cannot_tell_its_balance_has_none(desk: Desk, time: Clock) -> None:
    desk.read_balances(None, None, notifier=GATEWAY)
    assert kinds(desk) == []
