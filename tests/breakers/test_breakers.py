"""When a notifier's breaker opens, lets a message through, and closes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from notifapp.breakers import service
from notifapp.breakers.models import BreakerState, Cause
from notifapp.breakers.service import LONGEST_WAIT, OPENS_AFTER, SHORTEST_WAIT, Breaker
from notifapp.database import writing
from notifapp.notifiers.gateway.base import Accepted, SendFailed
from tests.clock import Clock, time
from tests.standby.shop import BARRED, BROKEN, OK, SILENT

__all__ = ["time"]
IT = 7


@pytest.fixture(autouse=True)
def context(app: Flask, time: Clock) -> Iterator[None]:
    """Within the app, and with the clock stopped."""
    with app.app_context():
        yield


def note(*results: Accepted | SendFailed) -> Breaker:
    with writing() as connection:
        service.note(connection, [(IT, result) for result in results])
    return service.states([IT])[IT]


def let_through(probe: int = 1) -> bool:
    with writing() as connection:
        return service.let_through(connection, IT, probe)


def test_one_that_never_failed_is_closed() -> None:
    assert service.states([IT, 8]) == {IT: service.CLOSED, 8: service.CLOSED}
    assert service.states([]) == {}


def test_failures_in_a_row_open_it(time: Clock) -> None:
    assert note(*[BROKEN] * (OPENS_AFTER - 1)).is_closed
    assert note(OK, *[BROKEN] * (OPENS_AFTER - 1)).is_closed
    opened = note(BROKEN)
    assert opened == Breaker(BreakerState.OPEN, Cause.FAILING, time.time, time.time + SHORTEST_WAIT)


def test_no_answer_counts_twice() -> None:
    assert note(SILENT, SILENT).is_closed
    assert not note(SILENT).is_closed


def test_what_the_recipients_are_to_blame_for_does_not_count() -> None:
    assert note(*[BARRED] * 20).is_closed


def test_one_message_tries_it_when_it_is_time(time: Clock) -> None:
    note(*[BROKEN] * OPENS_AFTER)
    assert not let_through()
    time.advance(SHORTEST_WAIT.total_seconds())
    assert [let_through(1), let_through(2)] == [True, False]
    assert service.states([IT])[IT].state is BreakerState.HALF_OPEN
    time.advance(service.PROBE_TIME.total_seconds())  # its worker was killed
    assert let_through(3)


def test_the_message_that_tried_it_closes_it_or_makes_the_next_wait_longer(time: Clock) -> None:
    began = time.time
    note(*[BROKEN] * OPENS_AFTER)
    time.advance(40)
    assert let_through()
    again = note(BROKEN)
    assert again == Breaker(BreakerState.OPEN, Cause.FAILING, began, time.time + (time.time - began) / 2)
    time.advance(hours=1)
    assert let_through()
    assert note(BROKEN).retry_at == time.time + LONGEST_WAIT
    time.advance(hours=1)
    assert let_through()
    assert note(OK) == service.CLOSED


def test_slowness_opens_only_what_is_closed_and_an_acceptance_does_not_end_it(time: Clock) -> None:
    with writing() as connection:
        service.open_slow(connection, IT)
        service.open_slow(connection, IT)
    assert note(OK).cause is Cause.SLOW
    with writing() as connection:
        service.close_slow(connection, IT)
    assert note(*[BROKEN] * OPENS_AFTER).cause is Cause.FAILING
    with writing() as connection:
        service.open_slow(connection, IT)
        service.close_slow(connection, IT)
    assert service.states([IT])[IT].cause is Cause.FAILING


def test_one_that_is_forgotten_is_closed() -> None:
    note(*[BROKEN] * OPENS_AFTER)
    with writing() as connection:
        service.forget(connection, IT)
    assert note(BROKEN).is_closed
