"""Notes what happened, in the transaction in which it does. What goes well needs no note: other tables tell it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, literal_column, select
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.database import Statement, UtcDateTime, insertion, table_of
from notifapp.traces.models import Trace, TraceKind

MOST_AN_HOUR = 60  # of a kind about a recipient, so that a client that never stops asking fills no disk

_table = table_of(Trace)
_trace = _table.c
_EMPTY: dict[str, Any] = {column.name: None for column in _trace if column.name != "id"}
_INSERT = insertion(_table, without={"id"})


def _insert_within_the_hour() -> Statement:
    names = [column.name for column in _trace if column.name != "id"]
    same: Select[tuple[object]] = select(literal_column("1")).where(
        _trace.digest == bindparam("digest", type_=_trace.digest.type),
        _trace.kind == bindparam("kind", type_=_trace.kind.type),
        _trace.at > bindparam("since", type_=UtcDateTime),
    )
    count = select(func.count()).select_from(same.limit(MOST_AN_HOUR).subquery()).scalar_subquery()
    values = select(*(bindparam(name, type_=_trace[name].type) for name in names)).where(count < MOST_AN_HOUR)
    return Statement(insert(_table).from_select(names, values, include_defaults=False))


_INSERT_WITHIN_THE_HOUR = _insert_within_the_hour()


def note_refusal(connection: Connection, digest: str, code: str, reason: str) -> None:
    """Note that a code was asked for and refused: `code` is the API's, `reason` our own words without the address."""
    _note_of_recipient(connection, TraceKind.REFUSED, digest, code=code, reason=reason[:300])


def note_try(connection: Connection, digest: str, challenge_id: str, code: str, *, is_right: bool) -> None:
    """Note a code that was not accepted, with the API's error code; it may be right, and too late."""
    kind = TraceKind.LATE_CODE if is_right else TraceKind.WRONG_CODE
    _note_of_recipient(connection, kind, digest, code=code, challenge_id=challenge_id)


def note_failure(
    connection: Connection,
    delivery_id: int,
    attempt: int,
    code: str | None,
    reason: str | None,
    *,
    notifier: str,
    at: datetime,
) -> None:
    """Note that an attempt to send a message failed `at` a time: `code` is the gateway's, `reason` our own words."""
    its = {"at": at, "code": code, "reason": reason, "notifier": notifier}
    _note_of_delivery(connection, TraceKind.FAILED, delivery_id, attempt, **its)


def note_claim(
    connection: Connection, delivery_id: int, attempt: int, *, notifier: str, instead_of: str | None = None
) -> None:
    """Note that a worker took a message again, or for another notifier, `instead_of` the one that has this name.

    The first claim, for the notifier that it was queued for, stands in the delivery itself.
    """
    reason = None if instead_of is None else f"{instead_of} is not working."
    its = {"at": clock.now(), "notifier": notifier, "reason": reason}
    _note_of_delivery(connection, TraceKind.CLAIMED, delivery_id, attempt, **its)


def _note_of_recipient(connection: Connection, kind: TraceKind, digest: str, **values: Any) -> None:
    now = clock.now()
    row = _EMPTY | {"at": now, "kind": kind.value, "digest": digest, **values}
    _INSERT_WITHIN_THE_HOUR.execute(connection, **row, since=now - timedelta(hours=1))


def _note_of_delivery(connection: Connection, kind: TraceKind, delivery_id: int, attempt: int, **values: Any) -> None:
    row = _EMPTY | {"kind": kind.value, "delivery_id": delivery_id, "attempt": attempt, **values}
    _INSERT.execute(connection, **row)
