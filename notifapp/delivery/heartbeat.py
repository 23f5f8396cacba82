"""A row for each worker that runs, so that the rest of the system can tell when nobody sends."""

from __future__ import annotations

import secrets
import socket
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from notifapp import clock
from notifapp.database import Statement, UtcDateTime, reading, table_of, upsert, writing
from notifapp.delivery.models import WorkerHeartbeat

BEAT_SECONDS = 5
MISSING_AFTER = timedelta(seconds=30)  # without a beat; a worker may be busy writing for some seconds

_table = table_of(WorkerHeartbeat)
_worker = _table.c
_IS_ALIVE = _worker.seen_at > bindparam("since", type_=UtcDateTime)


def _beat(insert: Any) -> Any:
    row = insert.values({column.name: bindparam(column.name) for column in _worker})
    return row.on_conflict_do_update(index_elements=[_worker.id], set_={"seen_at": row.excluded.seen_at})


_BEAT = Statement(upsert(_table, _beat))
_FORGET = Statement(delete(_table).where(~_IS_ALIVE))
_ANY_ALIVE = Statement(select(_worker.id).where(_IS_ALIVE).limit(1))


class Heartbeat:
    """One worker's row."""

    def __init__(self) -> None:
        self._id = secrets.token_hex(16)
        self._started_at = clock.now()

    def beat(self) -> None:
        """Say that this worker runs, and forget the workers that have gone silent."""
        now = clock.now()
        row = {"id": self._id, "host": socket.gethostname()[:255], "started_at": self._started_at, "seen_at": now}
        with writing() as connection:
            _FORGET.execute(connection, since=now - MISSING_AFTER)
            _BEAT.execute(connection, **row)

    def end(self) -> None:
        """Say that this worker has stopped."""
        with writing() as connection:
            connection.execute(delete(_table).where(_worker.id == self._id))


def is_worker_running() -> bool:
    """Whether any worker has given a sign of life lately."""
    with reading() as connection:
        return _ANY_ALIVE.first(connection, since=clock.now() - MISSING_AFTER) is not None


def count_workers() -> int:
    """How many workers have given a sign of life lately."""
    are_alive = select(func.count()).where(_worker.seen_at > clock.now() - MISSING_AFTER)
    with reading() as connection:
        return int(connection.execute(are_alive).scalar_one())
