"""How often something may be tried: counted in the database, so that every process and a restart see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from notifapp import clock
from notifapp.access.models import Throttle
from notifapp.database import write_transaction
from notifapp.errors import TooManyRequests


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` tries in a window of `seconds`."""

    count: int
    seconds: int


def take(limits: dict[str, Limit]) -> dict[str, datetime]:
    """Count one try under each key, before the try is made. Raise `TooManyRequests` where a limit is reached.

    The count comes first and in one statement, so that parallel tries can't slip past the limit. Return the
    windows in which the try was counted, for `give_back`.
    """
    windows: dict[str, datetime] = {}
    wait = 0
    with write_transaction() as session:
        now = clock.now()
        session.execute(delete(Throttle).where(Throttle.window_started_at < now - timedelta(days=1)))
        for key, limit in sorted(limits.items()):
            count, windows[key] = session.execute(_counted(session, key, limit, now)).one()
            if count > limit.count:
                ends_at = windows[key] + timedelta(seconds=limit.seconds)
                wait = max(wait, ceil((ends_at - now).total_seconds()))
    if wait:
        minutes = ceil(wait / 60)
        raise TooManyRequests(wait, f"Too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}.")
    return windows


def give_back(windows: dict[str, datetime]) -> None:
    """Uncount a try that turned out well; the failures before it stay counted."""
    with write_transaction() as session:
        for key, started_at in sorted(windows.items()):
            same_window = (Throttle.key == key, Throttle.window_started_at == started_at)
            session.execute(update(Throttle).where(*same_window).values(count=Throttle.count - 1))


def _counted(session: Session, key: str, limit: Limit, now: datetime) -> ReturningInsert[*tuple[Any, ...]]:
    """The statement that counts one try and returns the count and the start of its window."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    is_over = Throttle.window_started_at <= now - timedelta(seconds=limit.seconds)
    return (
        insert(Throttle)
        .values(key=key, window_started_at=now, count=1)
        .on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "count": case((is_over, 1), else_=Throttle.count + 1),
                "window_started_at": case((is_over, now), else_=Throttle.window_started_at),
            },
        )
        .returning(Throttle.count, Throttle.window_started_at)
    )
