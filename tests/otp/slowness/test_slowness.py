"""A notifier whose codes stop arriving in time: judged by what became of them, against the hours before."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, update

from notifapp.breakers import service as breakers
from notifapp.breakers.models import BreakerState, Cause
from notifapp.breakers.service import Breaker
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.otp.slowness import service
from notifapp.otp.slowness.judgement import Arrived, is_slow, is_usual_again
from tests.clock import Clock, time
from tests.otp.caller import Caller, caller

__all__ = ["caller", "time"]
GATEWAY = 1


def sent(caller: Caller, at: datetime, count: int, delivered: int) -> None:
    """So many messages of this time that were accepted, and those of them that arrived ten seconds later."""
    common = {
        "project_id": caller.project.id, "notifier_id": GATEWAY, "notifier_name": "gateway", "backend": "console",
        "channel": "sms", "recipient": "+98•••", "purpose": "otp", "attempts": 1, "created_at": at, "finished_at": at,
        "next_attempt_at": at, "expires_at": at + timedelta(seconds=120),
    }  # fmt: skip
    arrived = {"status": "delivered", "reported_at": at + timedelta(seconds=10)}
    lost = {"status": "sent", "reported_at": None}
    with caller.app.app_context(), writing() as connection:
        rows = [common | (arrived if number < delivered else lost) for number in range(count)]
        connection.execute(insert(table_of(Delivery)), rows)


def judged(caller: Caller) -> Breaker:
    with caller.app.app_context():
        service.judge()
        return breakers.states([GATEWAY])[GATEWAY]


def usual_hours(caller: Caller, time: Clock) -> None:
    for hour in range(1, 6):
        sent(caller, time.time - timedelta(hours=hour), 40, 30)


def test_what_stops_arriving_opens_the_breaker(caller: Caller, time: Clock) -> None:
    usual_hours(caller, time)
    sent(caller, time.time - timedelta(minutes=3), 30, 1)
    slow = judged(caller)
    assert (slow.state, slow.cause, slow.since) == (BreakerState.OPEN, Cause.SLOW, time.time)


def test_what_arrives_as_usual_and_what_may_still_arrive_does_not(caller: Caller, time: Clock) -> None:
    usual_hours(caller, time)
    sent(caller, time.time - timedelta(minutes=3), 30, 20)
    sent(caller, time.time - timedelta(seconds=50), 100, 0)
    assert judged(caller).is_closed


def test_without_hours_to_compare_with_nothing_is_said(caller: Caller, time: Clock) -> None:
    sent(caller, time.time - timedelta(minutes=3), 100, 0)
    assert judged(caller).is_closed


def test_without_a_standby_it_closes_when_codes_arrive_again(caller: Caller, time: Clock) -> None:
    usual_hours(caller, time)
    sent(caller, time.time - timedelta(minutes=3), 30, 1)
    assert not judged(caller).is_closed
    time.advance(minutes=15)
    sent(caller, time.time - timedelta(minutes=3), 30, 22)
    assert judged(caller).is_closed


@pytest.mark.parametrize(("arrives", "state"), [(True, BreakerState.CLOSED), (False, BreakerState.OPEN)])
def test_one_message_that_is_let_through_decides(
    caller: Caller, time: Clock, arrives: bool, state: BreakerState
) -> None:
    usual_hours(caller, time)
    sent(caller, time.time - timedelta(minutes=3), 30, 1)
    judged(caller)
    time.advance(minutes=10)
    sent(caller, time.time, 1, 0)
    delivery = table_of(Delivery).c
    with caller.app.app_context(), writing() as connection:
        probe = connection.execute(delivery.id.table.select().order_by(delivery.id.desc()).limit(1)).first()
        assert probe is not None
        assert breakers.let_through(connection, GATEWAY, probe.id)
    assert judged(caller).state is BreakerState.HALF_OPEN
    if arrives:
        changes = {"status": "delivered", "reported_at": time.time + timedelta(seconds=5)}
        with caller.app.app_context(), writing() as connection:
            connection.execute(update(table_of(Delivery)).where(delivery.id == probe.id).values(**changes))
    time.advance(seconds=62)
    assert judged(caller).state is state


def test_a_code_that_was_entered_in_time_has_arrived(caller: Caller, time: Clock) -> None:
    challenge, code = caller.open()
    with caller.app.app_context(), writing() as connection:
        connection.execute(update(table_of(Delivery)).values(status="sent", payload=None, finished_at=time.time))
    time.advance(seconds=20)
    assert caller.verify(challenge, code).status_code == 200
    time.advance(seconds=60)
    notifier = type("Row", (), {"id": GATEWAY, "name": "gateway", "project_id": caller.project.id})
    with caller.app.app_context(), reading() as connection:
        since = time.time - timedelta(minutes=5)
        assert service.arrived(connection, notifier, since, time.time, 10) == Arrived(1, 1)


@pytest.mark.parametrize(
    ("now", "before", "is_it"),
    [
        (Arrived(20, 4), Arrived(1000, 750), True),
        (Arrived(20, 9), Arrived(1000, 750), False),  # fewer than usual, but that may be chance
        (Arrived(19, 0), Arrived(1000, 750), False),
        (Arrived(200, 0), Arrived(49, 49), False),
        (Arrived(20, 0), Arrived(1000, 300), False),
        (Arrived(100, 5), Arrived(1000, 300), True),
        (Arrived(20, 0), Arrived(1000, 1000), True),
        (Arrived(200, 0), Arrived(1000, 0), False),
    ],
)
def test_what_counts_as_slow(now: Arrived, before: Arrived, is_it: bool) -> None:
    assert is_slow(now, before) is is_it
    assert not (is_it and is_usual_again(now, before))
