"""Counts what became of codes: a worker stores each five minutes, and what isn't stored yet is counted when asked for.

A code counts where it was asked for, whenever it is verified. Times are rounded to a hundredth and kept as numbers of
codes, from which percentiles of any stretch of time follow.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, and_, bindparam, case, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from notifapp import clock
from notifapp.database import reading, table_of, upsert, writing
from notifapp.delivery.models import ACCEPTED, TEST_BACKEND, Delivery, DeliveryStatus, Purpose
from notifapp.health.arriving.models import CodeSlice
from notifapp.health.arriving.tally import COUNTS, Tally
from notifapp.otp.models import OtpChallenge

LENGTH = timedelta(minutes=5)
DAY = timedelta(days=1)
STORED_AFTER = timedelta(minutes=2)  # that a slice has been over: most of its codes have been entered by then
CHANGES_FOR = timedelta(minutes=75)  # a code lives for an hour at most
BATCH = 500  # slices in a transaction

_table = table_of(CodeSlice)
_slice, _delivery, _challenge = _table.c, table_of(Delivery).c, table_of(OtpChallenge).c


@dataclass(slots=True)
class Slice:
    """The codes asked of a notifier in the five minutes from `starts_at`; without it, in the rest of the last day."""

    notifier_id: int
    starts_at: datetime | None
    tally: Tally


def this_slice(moment: datetime) -> datetime:
    """When the slice begins that a moment is in."""
    return datetime.fromtimestamp(moment.timestamp() // LENGTH.total_seconds() * LENGTH.total_seconds(), UTC)


def read(
    *, apart_since: datetime, projects: Collection[int] | None = None, notifiers: Collection[int] | None = None
) -> list[Slice]:
    """The last day's slices of these notifiers and their projects, of all without any given.

    Those before `apart_since` come together, without their times.
    """
    since = this_slice(clock.now()) - DAY
    is_it = [] if notifiers is None else [_slice.notifier_id.in_(notifiers)]
    with reading() as connection:
        newest = connection.execute(_NEWEST).scalar()
        stored = [
            Slice(row.notifier_id, row.apart, Tally(**_counts(row), times=Counter(json.loads(row.times or "{}"))))
            for row in connection.execute(_stored(since, apart_since, *is_it))
        ]
        if newest:
            since = max(since, newest + LENGTH)
        counted = _counted(connection, since, clock.now() + LENGTH, projects)
    return stored + [each for each in counted if notifiers is None or each.notifier_id in notifiers]


def store() -> int:
    """Store the slices that are over, and those stored before that have changed. Return how many were written.

    Several workers may do this at once: they write the same.
    """
    until = this_slice(clock.now() - STORED_AFTER)
    with reading() as connection:
        newest = connection.execute(_NEWEST).scalar()
        since = max(until - DAY, newest - CHANGES_FOR) if newest else until - DAY
        are_they = _slice.starts_at >= since, _slice.starts_at < until
        stored = connection.execute(select(_table).where(*are_they)).all()
        known = {(row.notifier_id, row.starts_at): tuple(row) for row in stored}
        # A code may have gone from one notifier to another.
        found = [Slice(*key, Tally()) for key in known] + _counted(connection, since, until)
    rows = {(each.notifier_id, each.starts_at): _row(each) for each in found}
    changed = [row for key, row in sorted(rows.items()) if known.get(key) != tuple(row.values())]
    for start in range(0, len(changed), BATCH):
        with writing() as connection:
            connection.execute(_UPSERT[connection.dialect.name], changed[start : start + BATCH])
    return len(changed)


class _Seconds(FunctionElement[int]):
    """The whole seconds until a time, since 1970."""

    type = BigInteger()
    inherit_cache = True


class _Milliseconds(FunctionElement[int]):
    """The milliseconds from one time to another."""

    type = Integer()
    inherit_cache = True


@compiles(_Seconds, "sqlite")
def _seconds_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    # The seconds alone: with their fraction SQLite would round them.
    return f"CAST(strftime('%s', substr({compiler.process(element.clauses, **options)}, 1, 19)) AS INTEGER)"


@compiles(_Seconds, "postgresql")
def _seconds_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST(floor(EXTRACT(EPOCH FROM {compiler.process(element.clauses, **options)})) AS BIGINT)"


@compiles(_Milliseconds, "sqlite")
def _milliseconds_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    first, last = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(round((julianday({last}) - julianday({first})) * 86400000) AS INTEGER)"


@compiles(_Milliseconds, "postgresql")
def _milliseconds_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    first, last = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(EXTRACT(EPOCH FROM {last} - {first}) * 1000 AS INTEGER)"


def _stored(since: datetime, apart_since: datetime, *only: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    is_apart = _slice.starts_at >= apart_since
    apart = case((is_apart, _slice.starts_at)).label("apart")
    return (
        select(
            _slice.notifier_id,
            apart,
            *(func.sum(_slice[name]).label(name) for name in COUNTS),
            func.max(case((is_apart, _slice.times))).label("times"),  # the one of the slice
        )
        .where(_slice.starts_at >= since, *only)
        .group_by(_slice.notifier_id, apart)
    )


def _counted(
    connection: Connection, since: datetime, until: datetime, projects: Collection[int] | None = None
) -> list[Slice]:
    """The slices of codes asked for from `since` until before `until`, counted from their rows."""
    values = {"since": since, "until": until, **({} if projects is None else {"projects": projects})}
    rows = connection.execute(_OF_ALL if projects is None else _OF_PROJECTS, values)
    found: dict[tuple[int, int], Tally] = {}
    for notifier_id, second, status, took, number in rows:
        tally = found.setdefault((notifier_id, second), Tally())
        tally.asked += number
        tally.sent += number * (status in ACCEPTED)
        tally.failed += number * (status == DeliveryStatus.FAILED)
        tally.delivered += number * (status == DeliveryStatus.DELIVERED)
        tally.undelivered += number * (status == DeliveryStatus.UNDELIVERED)
        if took is not None:
            tally.verified += number
            tally.times[str(took)] += number
    return [
        Slice(notifier_id, datetime.fromtimestamp(second, UTC), tally) for (notifier_id, second), tally in found.items()
    ]


def _of_rows(*only: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    is_its_code = and_(_challenge.delivery_id == _delivery.id, _challenge.approved_at.is_not(None))
    each = (
        select(
            _delivery.notifier_id,
            _Seconds(_delivery.created_at).label("second"),
            _delivery.status,
            _Milliseconds(_challenge.created_at, _challenge.approved_at).label("took"),
        )
        .select_from(table_of(Delivery).outerjoin(table_of(OtpChallenge), is_its_code))
        .where(
            _delivery.created_at >= bindparam("since"),
            _delivery.created_at < bindparam("until"),
            _delivery.purpose == Purpose.OTP.value,
            _delivery.backend != TEST_BACKEND,
            _delivery.notifier_id.is_not(None),
            *only,
        )
        .cte("each")
        .prefix_with("MATERIALIZED")  # so that the times are computed once, and not wherever they are named
    )
    seconds = int(LENGTH.total_seconds())
    step = select(each, _step(each.c.took).label("step")).cte("step").c
    columns = (
        step.notifier_id,
        (step.second // seconds * seconds).label("starts_at"),
        step.status,
        (step.took // step.step * step.step + step.step // 2).label("took"),
    )
    return select(*columns, func.count()).group_by(*columns)


def _step(milliseconds: ColumnElement[int]) -> ColumnElement[int]:
    """To what times are rounded: 20 ms below two seconds, and twice as much from each power of two on.

    So the middle of a step is off by a hundredth at most, from a second on.
    """
    powers = range(1, 13)  # of two, in seconds; a code lives for less than the last
    return case(*((milliseconds < 1000 * 2**power, 10 * 2**power) for power in powers), else_=10 * 2**powers.stop)


def _counts(of: Any) -> dict[str, int]:
    return {name: getattr(of, name) for name in COUNTS}


def _row(each: Slice) -> dict[str, Any]:
    times = json.dumps(dict(sorted(each.tally.times.items())), separators=(",", ":"))
    return {"notifier_id": each.notifier_id, "starts_at": each.starts_at, **_counts(each.tally), "times": times}


def _replace(insert: Any) -> Any:
    new = {name: insert.excluded[name] for name in (*COUNTS, "times")}
    return insert.on_conflict_do_update(index_elements=[_slice.notifier_id, _slice.starts_at], set_=new)


_OF_ALL = _of_rows()
_OF_PROJECTS = _of_rows(_delivery.project_id.in_(bindparam("projects", expanding=True)))
_NEWEST = select(func.max(_slice.starts_at))
_UPSERT = upsert(_table, _replace)
