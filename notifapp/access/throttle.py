"""Limits how often something may be tried, counted in the database so that all processes share the count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import bindparam, case, delete, update

from notifapp import clock, wording
from notifapp.access.models import Throttle
from notifapp.database import Statement, UtcDateTime, table_of, upsert, writing
from notifapp.errors import TooManyRequests

_table = table_of(Throttle)
_throttle = _table.c


def _count(insert: Any) -> Any:
    """Count one try; start a new window if the current one began at `over_at` or earlier."""
    is_over = _throttle.window_started_at <= bindparam("over_at", type_=UtcDateTime)
    row = insert.values(key=bindparam("key"), window_started_at=bindparam("now", type_=UtcDateTime), count=1)
    return row.on_conflict_do_update(
        index_elements=[_throttle.key],
        set_={
            "count": case((is_over, 1), else_=_throttle.count + 1),
            "window_started_at": case((is_over, row.excluded.window_started_at), else_=_throttle.window_started_at),
        },
    ).returning(_throttle.count.label("tries"), _throttle.window_started_at)


_COUNT = Statement(upsert(_table, _count))


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` tries in a window of `seconds`."""

    count: int
    seconds: int


def take(limits: dict[str, Limit]) -> dict[str, datetime]:
    """Count one try under each key, before it is made. Raise `TooManyRequests` if a limit is reached.

    Counting first, in one statement, keeps parallel tries from slipping past the limit. A refused try is not
    counted, so a caller stopped by one limit can't use up another. Return the windows in which the try was counted,
    for `give_back`.
    """
    windows: dict[str, datetime] = {}
    wait = 0
    with writing() as connection:
        now = clock.now()
        connection.execute(delete(_table).where(_throttle.window_started_at < now - timedelta(days=1)))
        for key, limit in sorted(limits.items()):
            over_at = now - timedelta(seconds=limit.seconds)
            counted = _COUNT.first(connection, key=key, now=now, over_at=over_at)
            windows[key] = counted.window_started_at
            if counted.tries > limit.count:
                ends_at = windows[key] + timedelta(seconds=limit.seconds)
                wait = max(wait, ceil((ends_at - now).total_seconds()))
        if wait:
            raise TooManyRequests(wait, f"Too many attempts. Try again in {wording.wait(wait)}.")
    return windows


def give_back(windows: dict[str, datetime]) -> None:
    """Uncount a successful try; earlier failures stay counted."""
    with writing() as connection:
        for key, started_at in sorted(windows.items()):
            same_window = (_throttle.key == key, _throttle.window_started_at == started_at)
            connection.execute(update(_table).where(*same_window).values(count=_throttle.count - 1))
