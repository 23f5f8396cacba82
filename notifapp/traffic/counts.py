"""The table of counts: one row for each hour and thing counted by, written in the transaction that is counted.

A project's row is locked by every code sent, tried or verified in that hour, so `add` is the last statement of its
transaction. It lists the project's row first: whoever has that one waits for none of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, case, func, literal, select, union_all
from sqlalchemy.engine import Connection

from notifapp.database import Statement, table_of, upsert
from notifapp.traffic.breaker import BEST_OF_DAYS, DAYS_TO_COMPARE
from notifapp.traffic.limits import TrafficLimits, limits_columns, limits_of, limits_table
from notifapp.traffic.models import OtpTraffic, Scope

HOURS_A_DAY = 24
NO_KEY = ""  # of a project's own row
_table = table_of(OtpTraffic)
_traffic = _table.c
_PROJECT, _HOUR = bindparam("project_id", type_=_traffic.project_id.type), bindparam("hour", type_=_traffic.hour.type)
_COUNTED = ("sent", "verified", "wrong", "refused")
_LIMITED = (Scope.PROJECT, Scope.TOKEN, Scope.CLIENT, Scope.COUNTRY, Scope.PREFIX)


class Key(NamedTuple):
    """What codes are counted by."""

    scope: Scope
    key: str = NO_KEY


@dataclass(frozen=True, slots=True)
class Tally:
    """The codes of this hour and of the last 24, this one included."""

    sent_now: int = 0
    sent_today: int = 0
    verified_now: int = 0
    verified_today: int = 0
    wrong_now: int = 0

    def with_sent(self, sent_now: int) -> Tally:
        """The same with another number of codes sent in this hour."""
        return replace(self, sent_now=sent_now, sent_today=self.sent_today - self.sent_now + sent_now)

    @property
    def unverified_now(self) -> int:
        """How many codes of this hour nobody has verified."""
        return self.sent_now - self.verified_now

    @property
    def unverified_today(self) -> int:
        """How many codes of the last 24 hours nobody has verified."""
        return self.sent_today - self.verified_today


@dataclass(frozen=True, slots=True)
class Habits:
    """What to compare with: the most verified in one of the last days, and the first hour that was counted."""

    best_day: int
    first_hour: int

    def can_compare(self, hour: int) -> bool:
        """Whether enough days were counted before this hour to know what is usual."""
        return hour - self.first_hour >= DAYS_TO_COMPARE * HOURS_A_DAY


def _tally_of(scope: Scope) -> Select[str, int, int, int, int, int]:
    """One row: the sums under the key bound to the scope's name."""

    def now(column: ColumnElement[int]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((_traffic.hour == _HOUR, column), else_=0)), 0)

    def today(column: ColumnElement[int]) -> ColumnElement[int]:
        return func.coalesce(func.sum(column), 0)

    return select(
        literal(scope.value).label("scope"),
        now(_traffic.sent).label("sent_now"),
        today(_traffic.sent).label("sent_today"),
        now(_traffic.verified).label("verified_now"),
        today(_traffic.verified).label("verified_today"),
        now(_traffic.wrong).label("wrong_now"),
    ).where(*_is(scope), _traffic.hour >= _HOUR - HOURS_A_DAY)


def _is(scope: Scope) -> list[ColumnElement[bool]]:
    key = bindparam(scope.value, type_=_traffic.key.type)
    return [_traffic.project_id == _PROJECT, _traffic.scope == scope.value, _traffic.key == key]


def _read() -> Statement:
    tallies = union_all(*(_tally_of(scope) for scope in _LIMITED)).subquery("tally")
    joined = tallies.outerjoin(limits_table, limits_table.c.project_id == _PROJECT)
    return Statement(select(tallies, *limits_columns).select_from(joined))


_READ = _read()


@cache
def _add_rows(number: int) -> Statement:
    """Add to this many rows, inserting those that aren't there."""

    def complete(insert: Any) -> Any:
        rows = [
            {"project_id": _PROJECT, "hour": _HOUR}
            | {name: bindparam(f"{name}_{place}", type_=_traffic[name].type) for name in ("scope", "key", *_COUNTED)}
            for place in range(number)
        ]
        new = insert.values(rows)
        return new.on_conflict_do_update(
            index_elements=list(_table.primary_key),
            set_={name: _traffic[name] + new.excluded[name] for name in _COUNTED},
        ).returning(_traffic.scope, _traffic.sent, _traffic.refused)

    return Statement(upsert(_table, complete))


def _habits() -> Statement:
    day = _traffic.hour // HOURS_A_DAY
    this_day = _HOUR // HOURS_A_DAY
    keyed = [
        _traffic.project_id == _PROJECT,
        _traffic.scope == bindparam("scope", type_=_traffic.scope.type),
        _traffic.key == bindparam("key", type_=_traffic.key.type),
        _traffic.hour >= (this_day - BEST_OF_DAYS) * HOURS_A_DAY,
        _traffic.hour < this_day * HOURS_A_DAY,
    ]
    days = select(func.sum(_traffic.verified).label("verified")).where(*keyed).group_by(day).subquery("days")
    first = select(func.min(_traffic.hour)).where(
        _traffic.project_id == _PROJECT, _traffic.scope == Scope.PROJECT.value, _traffic.key == NO_KEY
    )
    return Statement(
        select(func.coalesce(func.max(days.c.verified), 0).label("best_day"), first.scalar_subquery().label("first"))
    )


_HABITS = _habits()


def read(
    connection: Connection, project_id: int, hour: int, keys: Sequence[Key]
) -> tuple[TrafficLimits, dict[Scope, Tally]]:
    """The project's limits, and what was counted under these keys (one of a scope); nothing under the other scopes."""
    named: dict[str, str | None] = dict.fromkeys(_LIMITED)
    named |= {scope.value: key for scope, key in keys}
    rows = _READ.all(connection, project_id=project_id, hour=hour, **named)
    tallies = {Scope(row.scope): Tally(*(getattr(row, name) for name in Tally.__slots__)) for row in rows}
    return limits_of(rows[0]), tallies


def add(connection: Connection, project_id: int, hour: int, keys: Sequence[Key], **numbers: int) -> dict[Scope, Any]:
    """Add `sent`, `verified`, `wrong` or `refused` to the row of each key. Return the rows as they are then."""
    values: dict[str, Any] = {}
    for place, key in enumerate(keys):
        row = dict.fromkeys(_COUNTED, 0) | numbers | {"scope": key.scope.value, "key": key.key}
        values |= {f"{name}_{place}": value for name, value in row.items()}
    rows = _add_rows(len(keys)).all(connection, project_id=project_id, hour=hour, **values)
    return {Scope(row.scope): row for row in rows}


def habits(connection: Connection, project_id: int, hour: int, key: Key) -> Habits:
    """What was usual under this key until yesterday."""
    found = _HABITS.first(connection, project_id=project_id, hour=hour, scope=key.scope.value, key=key.key)
    return Habits(found.best_day, hour if found.first is None else found.first)
