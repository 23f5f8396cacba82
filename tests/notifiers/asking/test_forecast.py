"""When an account runs out follows from its hourly balances of the last day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest
from flask import Flask
from sqlalchemy import insert

from notifapp.database import writing
from notifapp.notifiers.asking.forecast import Forecast, forecasts
from notifapp.notifiers.models import NotifierBalance
from tests.clock import NOON, Clock, time
from tests.world import World

__all__ = ["time"]

HOUR = timedelta(hours=1)


def forecast(app: Flask, world: World, amounts: Sequence[float | None], slug: str = "shop") -> Forecast | None:
    """Of an account whose balance was read each hour until noon; None where it couldn't be read."""
    notifier = world.notifier(world.project(slug), "sms", "line")
    rows = [
        {"notifier_id": notifier, "hour": NOON - HOUR * back, "amount": amount, "currency": "IRR"}
        for back, amount in enumerate(reversed(amounts))
    ]
    with app.app_context(), writing() as connection:
        connection.execute(insert(NotifierBalance), rows)
    with app.app_context():
        return forecasts([notifier, notifier + 1]).get(notifier)


def days_left(found: Forecast | None) -> float:
    assert found is not None
    assert found.runs_out_at is not None
    return (found.runs_out_at - NOON) / timedelta(days=1)


def test_an_even_use_goes_on(app: Flask, world: World, time: Clock) -> None:
    found = forecast(app, world, [1000 - 10 * hour for hour in range(25)])
    assert days_left(found) == pytest.approx(760 / 240)
    assert found == Forecast(760, "IRR", NOON, found.runs_out_at if found else None, 0)


def test_what_is_paid_in_does_not_hide_the_use(app: Flask, world: World, time: Clock) -> None:
    assert days_left(forecast(app, world, [50, 40, 30, 20, 1020, 1010, 1000])) == pytest.approx(1000 / 240)


def test_hours_that_could_not_be_read_count_with_those_around(app: Flask, world: World, time: Clock) -> None:
    assert days_left(forecast(app, world, [500, 490, None, None, 460, 450])) == pytest.approx(450 / 240)


def test_an_older_use_is_forgotten(app: Flask, world: World, time: Clock) -> None:
    amounts = [100_000 - 1000 * hour for hour in range(24)] + [5000 - 10 * hour for hour in range(26)]
    assert days_left(forecast(app, world, amounts)) == pytest.approx(4750 / 240)


@pytest.mark.parametrize(
    "amounts", [[500], [500, 490, 480], [500] * 10, [100, 200, 300, 400], [9e9, 9e9 - 1, 9e9 - 2, 9e9 - 3]]
)
def test_without_a_pace_there_is_no_day(app: Flask, world: World, time: Clock, amounts: list[float]) -> None:
    found = forecast(app, world, amounts)
    assert found is not None
    assert (found.amount, found.runs_out_at, found.give_or_take) == (amounts[-1], None, 0)


def test_an_empty_account_has_run_out(app: Flask, world: World, time: Clock) -> None:
    assert days_left(forecast(app, world, [30, 20, 10, -5])) == 0


def test_a_balance_that_was_not_read_lately_tells_nothing(app: Flask, world: World, time: Clock) -> None:
    amounts: list[float | None] = [100, 90, 80, 70]
    assert forecast(app, world, amounts + [None] * 30) is None


def test_the_true_day_lies_within_the_doubt_nine_times_out_of_ten(app: Flask, world: World, time: Clock) -> None:
    random, right = Random(5), 0
    for number in range(30):
        used = [random.expovariate(1 / 10) for _ in range(24)]
        found = forecast(app, world, [5000 + sum(used[hour:]) for hour in range(25)], f"shop-{number}")
        assert found is not None
        right += abs(days_left(found) - 5000 / 240) <= found.give_or_take
    assert right >= 27
