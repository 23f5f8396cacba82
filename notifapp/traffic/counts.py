"""The table of counts: one row for each hour and thing counted by, written in the transaction that is counted.

A project's row is locked by every code sent, tried or verified in that hour, so `add` is the last statement of its
transaction. It lists the project's row first: a call that has locked that one waits for none of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import FromClause, Subquery, bindparam, case, func, literal_column, select, true
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


class Key(NamedTuple):
    """What codes are counted by."""

    scope: Scope
    key: str = NO_KEY


class Tally(NamedTuple):
    """What was counted under one key: `now` in this hour, `today` in it and the 24 before."""

    sent_now: int
    sent_today: int
    verified_now: int
    verified_today: int
    wrong_now: int

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


def _sums(scope: Scope) -> Subquery:
    """One row: the sums under the key that is bound to the scope's name."""
    zero = literal_column("0", _traffic.sent.type)
    counted = []
    for name in Tally._fields:
        column, _, window = name.partition("_")
        number = case((_traffic.hour == _HOUR, _traffic[column]), else_=zero) if window == "now" else _traffic[column]
        counted.append(func.coalesce(func.sum(number), zero).label(name))
    of_scope = [_traffic.scope == scope.value, _traffic.key == bindparam(scope.value, type_=_traffic.key.type)]
    day = _traffic.hour >= bindparam("since", type_=_traffic.hour.type)
    return select(*counted).where(_traffic.project_id == _PROJECT, *of_scope, day).subquery(scope.value)


@cache
def _read(scopes: tuple[Scope, ...]) -> Statement:
    """One row: the sums of each scope, with the project's limits if it has any."""
    parts = [_sums(scope) for scope in scopes]
    columns = [
        column.label(f"{scope}_{column.name}") for scope, part in zip(scopes, parts, strict=True) for column in part.c
    ]
    joined: FromClause = parts[0]
    for part in parts[1:]:
        joined = joined.join(part, true())
    return Statement(
        select(*columns, *limits_columns).select_from(
            joined.outerjoin(limits_table, limits_table.c.project_id == _PROJECT)
        )
    )


@cache
def _add(number: int, column: str) -> Statement:
    """Add to a column of so many rows, inserting those that aren't there."""

    def complete(insert: Any) -> Any:
        rows = [
            {
                "project_id": _PROJECT,
                "hour": _HOUR,
                "scope": bindparam(f"scope_{place}", type_=_traffic.scope.type),
                "key": bindparam(f"key_{place}", type_=_traffic.key.type),
                column: bindparam("amount", type_=_traffic[column].type),
            }
            for place in range(number)
        ]
        new = insert.values(rows)
        return new.on_conflict_do_update(
            index_elements=list(_table.primary_key), set_={column: _traffic[column] + new.excluded[column]}
        ).returning(_traffic.scope, _traffic[column].label("total"))

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
    """The project's limits, and what was counted under these keys, one of a scope."""
    scopes = tuple(scope for scope, _key in keys)
    row = _read(scopes).first(connection, project_id=project_id, hour=hour, since=hour - HOURS_A_DAY, **dict(keys))
    width = len(Tally._fields)
    tallies = {scope: Tally(*row[place * width : (place + 1) * width]) for place, scope in enumerate(scopes)}
    return limits_of(row), tallies


def add(
    connection: Connection, project_id: int, hour: int, keys: Sequence[Key], column: str, amount: int = 1
) -> dict[Scope, int]:
    """Add `amount` to a column of each key's row. Return what the column holds then."""
    values: dict[str, Any] = {"project_id": project_id, "hour": hour, "amount": amount}
    for place, (scope, key) in enumerate(keys):
        values[f"scope_{place}"], values[f"key_{place}"] = scope, key
    rows = _add(len(keys), column).all(connection, **values)
    return {Scope(scope): total for scope, total in rows}


def habits(connection: Connection, project_id: int, hour: int, key: Key) -> Habits:
    """What was usual under this key until yesterday."""
    found = _HABITS.first(connection, project_id=project_id, hour=hour, scope=key.scope.value, key=key.key)
    return Habits(found.best_day, hour if found.first is None else found.first)
