"""Whom a lifetime would have lost, of those who entered their code: counted again, and found through an index."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from statistics import quantiles
from time import perf_counter
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, text

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.database import reading, writing
from notifapp.extensions import db
from notifapp.otp.models import OtpChallenge
from notifapp.otp.preview.arrivals import Arrivals, arrivals, measure
from tests.clock import Clock
from tests.otp.caller import PHONE, Caller
from tests.otp.preview.rows import verified
from tests.statements import analyze, plans, read_row_by_row, sent
from tests.world import World

ROWS = 1_000_000
LAST = 1000
_SORTED = {"sqlite": "TEMP B-TREE", "postgresql": "Sort"}
# Rows that come from nowhere: approved a second apart, after 1 to 100 seconds that follow no order.
_MANY = {
    "sqlite": "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {rows} - 1)"
    " INSERT INTO otp_challenge ({columns}) SELECT {values} FROM n",
    "postgresql": "INSERT INTO otp_challenge ({columns})"
    " SELECT {values} FROM generate_series(0::bigint, {rows} - 1) AS n(n)",
}

_RESENDS = """
    INSERT INTO otp_resend (challenge_id, number, settings_version, code_length, code_mac, created_at, expires_at)
    SELECT id, 2, 1, 6, code_mac, created_at, expires_at FROM otp_challenge WHERE substr(id, 32) = '0'
"""


def seen(app: Flask, project: ProjectRef, ttl: int) -> Arrivals:
    with app.app_context(), reading() as connection:
        return arrivals(connection, project.id, ttl)


def verify_after(caller: Caller, time: Clock, seconds: float, recipient: str = PHONE) -> None:
    """A customer who enters a code this long after it was sent, and asks again no sooner than allowed."""
    challenge, code = caller.open(recipient)
    time.advance(seconds)
    assert caller.verify(challenge, code).status_code == 200
    time.advance(max(0.0, 60 - seconds))


def test_without_a_verified_code_nothing_is_known(caller: Caller) -> None:
    caller.open()
    assert seen(caller.app, caller.project, 120) == Arrivals(0, 0, None, None)


def test_a_code_is_lost_if_it_was_entered_when_it_would_have_been_over(caller: Caller, time: Clock) -> None:
    for seconds in (40, 59.5, 60, 100):
        verify_after(caller, time, seconds)
    assert seen(caller.app, caller.project, 60) == Arrivals(4, 2, 101, 101)
    assert seen(caller.app, caller.project, 101) == Arrivals(4, 0, 101, 101)
    assert seen(caller.app, caller.project, 100).too_late == 1


def test_a_lifetime_that_lost_nobody_is_what_it_says(caller: Caller, time: Clock) -> None:
    """A code at exactly its end is refused, one just before is accepted."""
    caller.change_settings(otp_ttl=61)
    verify_after(caller, time, 60.9)
    shortest = seen(caller.app, caller.project, 61).shortest_ttl
    assert shortest == 61
    caller.change_settings(otp_ttl=60)
    challenge, code = caller.open()
    time.advance(60)
    assert caller.verify(challenge, code).status_code == 400


def test_of_several_valid_codes_the_first_counts_and_of_those_that_are_over_none(caller: Caller, time: Clock) -> None:
    """The customer may have entered the one that came first: which one it was isn't known."""
    challenge, _code = caller.open()
    time.advance(60)
    second = caller.resent(challenge)
    time.advance(30)
    assert caller.verify(challenge, second).status_code == 200
    assert seen(caller.app, caller.project, 90) == Arrivals(1, 1, 91, 91)
    time.advance(60)
    challenge, _code = caller.open()
    time.advance(110)
    second = caller.resent(challenge)
    time.advance(20)
    assert caller.verify(challenge, second).status_code == 200
    assert seen(caller.app, caller.project, 21) == Arrivals(2, 1, 91, 91)


def test_other_projects_codes_are_not_counted(caller: Caller, world: World, time: Clock) -> None:
    verify_after(caller, time, 40)
    assert seen(caller.app, world.project("other"), 30).verified == 0


def test_one_in_a_hundred_may_be_lost_and_no_more() -> None:
    assert measure([30.0] * 99 + [200.0], 31) == Arrivals(100, 1, 31, 31)
    assert measure([30.0] * 98 + [200.0], 31) == Arrivals(99, 1, 201, 31)


def test_the_shortest_lifetime_is_one_that_can_be_saved() -> None:
    assert measure([0.4], 30).shortest_ttl == 30
    assert measure([4000.0], 30).shortest_ttl == 3600


def test_a_thousand_codes_are_looked_at_the_last_ones(caller: Caller, time: Clock) -> None:
    now = clock.now()
    quick = [verified(caller.project.id, n, now - timedelta(seconds=n), seconds=1) for n in range(LAST)]
    slow = [verified(caller.project.id, LAST + n, now - timedelta(seconds=LAST + n), seconds=3000) for n in range(50)]
    with caller.app.app_context(), writing() as connection:
        connection.execute(insert(OtpChallenge), [*slow, *quick])
    assert seen(caller.app, caller.project, 30) == Arrivals(LAST, 0, 30, 2)


def test_it_agrees_with_percentiles_counted_anew() -> None:
    random = Random(7)
    seconds = [random.lognormvariate(3.3, 0.6) for _ in range(LAST)]
    p95, p99 = (quantiles(seconds, n=100, method="inclusive")[n] for n in (94, 98))
    found = measure(seconds, 60)
    assert found.percentile_95 == pytest.approx(p95, rel=0.02)
    assert found.shortest_ttl == pytest.approx(p99, rel=0.02)
    assert sum(each >= (found.shortest_ttl or 0) for each in seconds) <= LAST // 100
    assert sum(each >= (found.shortest_ttl or 0) - 1 for each in seconds) > LAST // 100


@pytest.fixture
def million(app: Flask, world: World) -> ProjectRef:
    """A project with a million verified codes; of one in sixteen another was sent."""
    project = world.project()
    columns = verified(project.id, 0, clock.now(), seconds=0)
    with app.app_context(), writing() as connection:
        connection.execute(insert(OtpChallenge), columns)
        kind = connection.dialect.name
        [first] = connection.execute(text("SELECT created_at FROM otp_challenge")).scalars()
        connection.execute(text("DELETE FROM otp_challenge"))
        connection.exec_driver_sql(_statement(kind, columns), {"first": first})
        connection.execute(text(_RESENDS))
    with app.app_context():
        analyze()
    return project


def _statement(kind: str, columns: dict[str, Any]) -> str:
    """Insert all rows; one that was sent n seconds after the first took 1 + n·7919 mod 100 seconds."""
    late = "(1 + n.n * 7919 - n.n * 7919 / 100 * 100)"
    first = ":first" if kind == "sqlite" else "CAST(%(first)s AS timestamptz)"

    def at(seconds: str) -> str:
        if kind == "postgresql":
            return f"{first} + make_interval(secs => {seconds})"
        return f"strftime('%Y-%m-%d %H:%M:%f000', {first}, '+' || ({seconds}) || ' seconds')"

    literals = {name: f"'{value}'" if isinstance(value, str) else str(value) for name, value in columns.items()}
    values = literals | {
        "id": "printf('%032x', n.n)" if kind == "sqlite" else "lpad(to_hex(n.n), 32, '0')",
        "created_at": at("n.n"),
        "expires_at": at("n.n + 3600"),
        "resend_at": at("n.n"),
        "approved_at": at(f"n.n + {late}"),
    }
    return _MANY[kind].format(rows=ROWS, columns=", ".join(values), values=", ".join(values.values()))


@pytest.mark.slow
def test_among_a_million_codes_it_agrees_with_a_recount_and_reads_the_last_ones_through_an_index(
    app: Flask, million: ProjectRef
) -> None:
    took = {n: 1 + (n * 7919) % 100 for n in range(ROWS - 2 * LAST, ROWS)}
    seconds = [took[n] for n in sorted(took, key=lambda n: n + took[n])[-LAST:]]
    with sent() as statements:
        began = perf_counter()
        found = seen(app, million, 60)
        duration = perf_counter() - began
    assert found.verified == LAST
    # Which of those that were approved in the same second is among the last thousand, nobody can say.
    assert found.too_late == pytest.approx(sum(each >= 60 for each in seconds), rel=0.02)
    percentiles = quantiles(seconds, n=100, method="inclusive")
    assert found.percentile_95 == pytest.approx(percentiles[94], rel=0.02)
    assert found.shortest_ttl == pytest.approx(percentiles[98], rel=0.02)
    assert duration < 0.5
    with app.app_context():
        [(_statement, plan)] = plans(statements)
        assert not read_row_by_row(plan), plan
        assert "ix_otp_challenge_approved" in plan
        assert _SORTED[db.engine.dialect.name] not in plan
