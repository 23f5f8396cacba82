"""A million codes in one day: percentiles agree with a recount, and the overview reads none of their rows."""

from __future__ import annotations

from datetime import timedelta
from statistics import quantiles

import pytest
from flask import Flask

from notifapp import clock
from notifapp.database import writing
from notifapp.health.arriving.service import of_project
from notifapp.health.arriving.slices import DAY, store, this_slice
from tests.clock import Clock
from tests.health.arriving.rows import ask_often, milliseconds_to_verified
from tests.otp.caller import Caller
from tests.statements import analyze, plans, read_row_by_row, sent

ROWS = 1_000_000
STEP = timedelta(milliseconds=86)  # so many fit into a day, and the last is verified before it is over
LARGE = {"delivery", "otp_challenge"}


@pytest.mark.slow
def test_a_million_codes_a_day_are_told_within_two_percent_by_few_rows(app: Flask, caller: Caller, time: Clock) -> None:
    first = this_slice(clock.now()) - DAY
    with app.app_context():
        with writing() as connection:
            ask_often(connection, caller.project, 1, first, ROWS, STEP)
        analyze()
        assert store() == ROWS * STEP // timedelta(minutes=5) + 1
        analyze()
        with sent() as statements:
            day = of_project(caller.project, clock.UTC_ZONE)[0].day
        for statement, plan in plans(statements):
            assert not read_row_by_row(plan) & LARGE, f"{statement}\n\n{plan}"
    assert (day.sent, day.verified) == (ROWS, ROWS)
    recount = quantiles([milliseconds_to_verified(number) / 1000 for number in range(ROWS)], n=100)
    assert [day.percentile(percent) for percent in range(1, 100)] == pytest.approx(recount, rel=0.02)
