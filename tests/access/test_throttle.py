"""Limits, counted in the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from notifapp.access import throttle
from notifapp.access.models import Throttle
from notifapp.access.throttle import Limit
from notifapp.errors import TooManyRequests
from notifapp.extensions import db
from tests.clock import Clock

FIVE = {"a": Limit(count=5, seconds=60)}


def is_allowed(app: Flask, limits: dict[str, Limit]) -> bool:
    with app.app_context():
        try:
            throttle.take(limits)
        except TooManyRequests:
            return False
        return True


def test_parallel_tries_never_exceed_a_limit(app: Flask) -> None:
    with ThreadPoolExecutor(10) as pool:
        allowed = list(pool.map(lambda _: is_allowed(app, FIVE), range(40)))
    assert sum(allowed) == 5


def test_parallel_tries_under_several_keys_wait_for_each_other_without_deadlock(app: Flask) -> None:
    limits = [{"a": Limit(100, 60), "b": Limit(30, 60)}, {"b": Limit(30, 60), "a": Limit(100, 60)}]
    with ThreadPoolExecutor(10) as pool:
        allowed = list(pool.map(lambda number: is_allowed(app, limits[number % 2]), range(60)))
    assert sum(allowed) == 30


def test_a_window_that_is_over_begins_anew(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock(monkeypatch)
    assert [is_allowed(app, FIVE) for _ in range(6)] == [True] * 5 + [False]
    time.advance(seconds=59)
    assert not is_allowed(app, FIVE)
    time.advance(seconds=1)
    assert [is_allowed(app, FIVE) for _ in range(6)] == [True] * 5 + [False]


def test_who_is_refused_is_told_how_long_to_wait(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock(monkeypatch)
    with app.app_context():
        for _ in range(5):
            throttle.take(FIVE)
        time.advance(seconds=18.5)
        with pytest.raises(TooManyRequests) as refused:
            throttle.take(FIVE)
    assert refused.value.retry_after == 42
    assert refused.value.detail == "Too many attempts. Try again in 42 seconds."


def test_a_try_that_is_given_back_counts_for_nothing(app: Flask) -> None:
    with app.app_context():
        for _ in range(20):
            throttle.give_back(throttle.take(FIVE))
    assert [is_allowed(app, FIVE) for _ in range(6)] == [True] * 5 + [False]


def test_a_try_of_an_earlier_window_is_not_given_back_to_a_later_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Clock(monkeypatch)
    with app.app_context():
        earlier = throttle.take(FIVE)
        time.advance(seconds=60)
        throttle.take(FIVE)
        throttle.give_back(earlier)
    assert [is_allowed(app, FIVE) for _ in range(5)] == [True] * 4 + [False]


def test_old_counts_are_swept_away(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock(monkeypatch)
    assert is_allowed(app, {"long ago": Limit(5, 60)})
    time.advance(days=1, seconds=1)
    assert is_allowed(app, FIVE)
    with app.app_context():
        assert db.session.get(Throttle, "long ago") is None
