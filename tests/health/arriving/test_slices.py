"""What became of codes is counted the same whether it is stored or not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from notifapp import clock
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.health.arriving import slices
from notifapp.health.arriving.models import CodeSlice
from notifapp.health.arriving.service import Health, of_project
from notifapp.health.arriving.slices import store
from notifapp.otp.models import OtpChallenge
from tests.clock import Clock
from tests.health.arriving.rows import ask
from tests.otp.caller import Caller
from tests.world import World

GATEWAY, MAIL = 1, 2  # the notifiers in force


def healths(caller: Caller) -> dict[int, Health]:
    with caller.app.app_context():
        return {each.chosen.notifier.id: each for each in of_project(caller.project, clock.UTC_ZONE)}


def stored(app: Flask) -> int:
    with app.app_context():
        return store()


def ago(**length: float) -> Any:
    return clock.now() - timedelta(**length)


def busy_day(caller: Caller) -> None:
    for hours in (0.2, 0.5, 3, 22):
        ask(caller.app, caller.project, GATEWAY, ago(hours=hours), 5, after=10 + hours)
        ask(caller.app, caller.project, GATEWAY, ago(hours=hours), 2, status="failed")
        ask(caller.app, caller.project, GATEWAY, ago(hours=hours), 3, status="undelivered")
        ask(caller.app, caller.project, MAIL, ago(hours=hours), 1, status="delivered", channel="email")


def test_the_last_hour_and_day_of_each_notifier_are_counted(caller: Caller, time: Clock) -> None:
    busy_day(caller)
    ask(caller.app, caller.project, GATEWAY, ago(hours=25), 100)
    found = healths(caller)
    hour, day = found[GATEWAY].hour, found[GATEWAY].day
    assert (hour.asked, hour.sent, hour.failed, hour.undelivered, hour.verified) == (20, 16, 4, 6, 10)
    assert (day.asked, day.sent, day.failed, day.undelivered, day.verified) == (40, 32, 8, 12, 20)
    assert (found[MAIL].hour.delivered, found[MAIL].day.delivered, found[MAIL].day.verified) == (2, 4, 0)
    assert sum(each.sent for each in found[GATEWAY].chart.hours) == 32


def test_storing_changes_no_figure(caller: Caller, time: Clock) -> None:
    busy_day(caller)
    before = healths(caller)
    assert stored(caller.app) == 8
    with caller.app.app_context(), writing() as connection:  # so that only what is stored can be told
        connection.execute(update(table_of(OtpChallenge)).values(delivery_id=None))
    assert healths(caller) == before
    assert before[GATEWAY].day.verified == 20


def test_what_is_too_young_to_be_stored_is_counted_all_the_same(caller: Caller, time: Clock) -> None:
    challenge, code = caller.open()
    time.advance(8)
    caller.verify(challenge, code)
    ask(caller.app, caller.project, GATEWAY, ago(minutes=20))
    assert stored(caller.app) == 1
    hour = healths(caller)[GATEWAY].hour
    assert (hour.asked, hour.sent, hour.verified) == (2, 1, 1)
    assert hour.median == pytest.approx(8, rel=0.011)


def test_what_changes_later_is_stored_again(caller: Caller, time: Clock) -> None:
    ask(caller.app, caller.project, GATEWAY, ago(minutes=20), 4, after=900)
    with caller.app.app_context(), writing() as connection:
        connection.execute(update(table_of(OtpChallenge)).values(approved_at=None, status="replaced"))
    stored(caller.app)
    assert healths(caller)[GATEWAY].hour.verified == 0
    with caller.app.app_context(), writing() as connection:
        connection.execute(update(table_of(OtpChallenge)).values(approved_at=clock.now(), status="approved"))
        connection.execute(update(table_of(Delivery)).values(status="delivered"))
    assert stored(caller.app) == 1
    hour = healths(caller)[GATEWAY].hour
    assert (hour.verified, hour.delivered) == (4, 4)
    assert stored(caller.app) == 0


def test_a_message_that_went_to_another_notifier_counts_there_alone(caller: Caller, time: Clock) -> None:
    ask(caller.app, caller.project, GATEWAY, ago(minutes=20))
    stored(caller.app)
    with caller.app.app_context(), writing() as connection:
        connection.execute(update(table_of(Delivery)).values(notifier_id=MAIL))
    stored(caller.app)
    found = healths(caller)
    assert (found[GATEWAY].day.asked, found[MAIL].day.asked) == (0, 1)


def test_tests_and_test_recipients_do_not_count(caller: Caller, time: Clock) -> None:
    ask(caller.app, caller.project, GATEWAY, ago(minutes=1), purpose="test")
    ask(caller.app, caller.project, GATEWAY, ago(minutes=1), backend="test", after=3)
    assert healths(caller)[GATEWAY].day.asked == 0


def test_a_worker_that_was_away_stores_what_it_has_missed(caller: Caller, time: Clock) -> None:
    ask(caller.app, caller.project, GATEWAY, ago(minutes=20))
    stored(caller.app)
    for _ in range(5):
        time.advance(hours=1)
        ask(caller.app, caller.project, GATEWAY, clock.now())
    time.advance(minutes=15)
    assert stored(caller.app) == 5
    assert healths(caller)[GATEWAY].day.sent == 6


def test_the_slices_of_a_deleted_notifier_go_with_it(caller: Caller, world: World, time: Clock) -> None:
    notifier = world.notifier(caller.project, "sms", "former")
    ask(caller.app, caller.project, notifier, ago(minutes=20))
    assert stored(caller.app) == 1
    with caller.app.app_context(), writing() as connection:
        connection.exec_driver_sql(f"DELETE FROM notifier WHERE id = {notifier}")
    with caller.app.app_context(), reading() as connection:
        assert connection.execute(select(func.count()).select_from(table_of(CodeSlice))).scalar() == 0
    assert stored(caller.app) == 0


@pytest.mark.parametrize("seconds", [1, 1.99, 2, 7.4, 29.3, 119, 600, 3599])
def test_times_are_right_to_a_hundredth(caller: Caller, time: Clock, seconds: float) -> None:
    ask(caller.app, caller.project, GATEWAY, ago(minutes=50), after=seconds)
    assert healths(caller)[GATEWAY].hour.median == pytest.approx(seconds, rel=0.0101)


def test_a_slice_ends_where_the_next_begins(caller: Caller, time: Clock) -> None:
    edge = slices.this_slice(ago(minutes=20))
    for at in (edge - timedelta(microseconds=1), edge):
        ask(caller.app, caller.project, GATEWAY, at)
    assert stored(caller.app) == 2
