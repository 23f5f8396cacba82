"""How often something may be tried: counted in the database, so that every process and a restart see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from notifapp import clock
from notifapp.access.models import Throttle
from notifapp.database import write_transaction
from notifapp.errors import TooManyRequests


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` tries in a window of `seconds`."""

    count: int
    seconds: int


def take(limits: dict[str, Limit]) -> None:
    """Count one try under each key, before the try is made. Raise `TooManyRequests` where a limit is reached.

    The count comes first and in one statement, so that parallel tries can't slip past the limit.
    """
    refused: list[int] = []
    with write_transaction() as session:
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        now = clock.now()
        for key, limit in sorted(limits.items()):
            is_over = Throttle.window_started_at <= now - timedelta(seconds=limit.seconds)
            statement = (
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
            count, started_at = session.execute(statement).one()
            if count > limit.count:
                refused.append(ceil((started_at + timedelta(seconds=limit.seconds) - now).total_seconds()))
        session.execute(delete(Throttle).where(Throttle.window_started_at < now - timedelta(days=1)))
    if refused:
        wait = max(refused)
        raise TooManyRequests(wait, f"Too many attempts. Try again in {ceil(wait / 60)} minutes.")


def give_back(keys: list[str]) -> None:
    """Uncount a try that turned out well; the failures before it stay counted."""
    with write_transaction() as session:
        session.execute(update(Throttle).where(Throttle.key.in_(keys)).values(count=Throttle.count - 1))
