"""Opens and closes the breakers by what becomes of messages, and tells it.

A breaker opens after some failures in a row, or because what its notifier takes doesn't arrive in time
(otp/slowness/). After a while it lets one message through, and closes if that one goes well. Where no other notifier
stands by, messages go to the notifier all the same, and the first that it takes closes the breaker.

What is the recipient's fault, or ours, says nothing about the notifier. Each change is one conditional UPDATE, so that
of several workers one tells it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.breakers.models import BreakerState, Cause, NotifierBreaker
from notifapp.database import Statement, UtcDateTime, reading, table_of, upsert
from notifapp.events.models import EventType
from notifapp.events.publishing import Event, publish
from notifapp.notifiers.gateway.base import Accepted, Fault, SendFailed
from notifapp.notifiers.models import Notifier

OPENS_AFTER = 5  # failures in a row
SILENCE_COUNTS = 2  # failures: a gateway that doesn't answer keeps a sender, and the messages behind it, waiting
# Until a message tries it again: half as long as the trouble has lasted, within these bounds.
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(seconds=60)
PROBE_TIME = timedelta(seconds=150)  # until the next message may try, if it isn't known what became of the last one
SLOW_WAIT = timedelta(minutes=10)  # after which the messages that came too late are no longer the last ones

_table, _notifier = table_of(NotifierBreaker), table_of(Notifier).c
_breaker = _table.c
_IS_IT = _breaker.notifier_id == bindparam("notifier")
_NOW = bindparam("now", type_=UtcDateTime)
_RETRY_AT = bindparam("retry_at", type_=UtcDateTime)
_IS_CLOSED = _breaker.state == BreakerState.CLOSED.value
_CLOSED = {
    "state": BreakerState.CLOSED.value,
    **dict.fromkeys(("cause", "since", "retry_at", "probe_id")),
    "failures": 0,
}


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker's state; `since` is when its trouble began, `retry_at` when a message may try it again."""

    state: BreakerState
    cause: Cause | None = None
    since: datetime | None = None
    retry_at: datetime | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the notifier works, as far as is known."""
        return self.state is BreakerState.CLOSED

    def may_be_tried(self, now: datetime) -> bool:
        """Whether it is time for a message to try whether the notifier works again."""
        return self.retry_at is not None and self.retry_at <= now


CLOSED = Breaker(BreakerState.CLOSED)


def _count(insert: Any) -> Any:
    new = insert.values(notifier_id=bindparam("notifier"), failures=bindparam("number"))
    return new.on_conflict_do_update(
        index_elements=[_breaker.notifier_id], set_={"failures": _breaker.failures + new.excluded.failures}
    )


def _open_slow(insert: Any) -> Any:
    opened = {"state": BreakerState.OPEN.value, "cause": Cause.SLOW.value, "since": _NOW, "retry_at": _RETRY_AT}
    new = insert.values(notifier_id=bindparam("notifier"), **opened)
    return new.on_conflict_do_update(index_elements=[_breaker.notifier_id], set_=opened, where=_IS_CLOSED)


def _let_through() -> Statement:
    # Skipping what is locked: `note` locks breakers in the order of their ids, and this one comes after them.
    free = (
        select(_breaker.notifier_id)
        .where(_IS_IT, ~_IS_CLOSED, _breaker.retry_at <= _NOW)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    return Statement(
        update(_table)
        .where(_breaker.notifier_id.in_(select(free.c.notifier_id)))
        .values(state=BreakerState.HALF_OPEN.value, probe_id=bindparam("probe"), retry_at=_RETRY_AT)
        .returning(_breaker.notifier_id)
    )


_COUNT = Statement(upsert(_table, _count))
_OPEN_FAILING = Statement(
    update(_table)
    .where(_IS_IT, _IS_CLOSED, _breaker.failures >= OPENS_AFTER)
    .values(state=BreakerState.OPEN.value, cause=Cause.FAILING.value, since=_NOW, retry_at=_RETRY_AT)
)
_OPEN_SLOW = Statement(upsert(_table, _open_slow))
_REOPEN = Statement(
    update(_table)
    .where(_IS_IT, _breaker.state == BreakerState.HALF_OPEN.value)
    .values(state=BreakerState.OPEN.value, probe_id=None, retry_at=_RETRY_AT)
)
_RESET = Statement(update(_table).where(_IS_IT, _breaker.failures > 0).values(failures=0))
_CLOSE = Statement(update(_table).where(_IS_IT, _breaker.cause == bindparam("of")).values(_CLOSED))
_LET_THROUGH = _let_through()
_SINCE = Statement(select(_breaker.since).where(_IS_IT))
_ABOUT = Statement(
    select(_notifier.project_id, _notifier.id, _notifier.name, _notifier.channel).where(
        _notifier.id == bindparam("notifier")
    )
)


def states(notifier_ids: Collection[int]) -> dict[int, Breaker]:
    """The breaker of each of these notifiers."""
    with reading() as connection:
        return states_on(connection, notifier_ids)


def states_on(connection: Connection, notifier_ids: Collection[int]) -> dict[int, Breaker]:
    """The breaker of each of these notifiers, in the caller's transaction."""
    found = connection.execute(select(_table).where(_breaker.notifier_id.in_(notifier_ids))).all()
    return dict.fromkeys(notifier_ids, CLOSED) | {row.notifier_id: _breaker_of(row) for row in found}


def note(connection: Connection, results: Iterable[tuple[int | None, Accepted | SendFailed | None]]) -> None:
    """Count the results of attempts, oldest first, and tell which notifiers went down or came up.

    Notifiers are taken in the order of their ids, so that no two workers wait for each other.
    """
    of_notifier: dict[int, list[Accepted | SendFailed]] = defaultdict(list)
    for notifier_id, result in results:
        if notifier_id is not None and result is not None and _is_telling(result):
            of_notifier[notifier_id].append(result)
    for notifier_id, found in sorted(of_notifier.items()):
        for is_success, row in groupby(found, lambda result: isinstance(result, Accepted)):
            if is_success:
                _succeed(connection, notifier_id)
            else:
                _fail(connection, notifier_id, [failed for failed in row if isinstance(failed, SendFailed)])


def forget(connection: Connection, notifier_id: int) -> None:
    """Begin to count anew, for a notifier that is disabled or deleted."""
    connection.execute(delete(_table).where(_breaker.notifier_id == notifier_id))


def let_through(connection: Connection, notifier_id: int, delivery_id: int) -> bool:
    """Let this message try whether the notifier works again. Return False if it isn't time, or another one does."""
    now = clock.now()
    its = {"notifier": notifier_id, "probe": delivery_id, "now": now, "retry_at": now + PROBE_TIME}
    return _LET_THROUGH.first(connection, **its) is not None


def open_slow(connection: Connection, notifier_id: int) -> None:
    """Open a closed breaker because what its notifier takes doesn't arrive in time, and tell it."""
    now = clock.now()
    if _OPEN_SLOW.execute(connection, notifier=notifier_id, now=now, retry_at=now + SLOW_WAIT):
        _tell(connection, notifier_id, EventType.NOTIFIER_DOWN, Cause.SLOW)


def keep_slow(connection: Connection, notifier_id: int) -> None:
    """Keep a breaker open that was half open, because the message that tried it did not arrive in time either."""
    _REOPEN.execute(connection, notifier=notifier_id, retry_at=clock.now() + LONGEST_WAIT)


def close_slow(connection: Connection, notifier_id: int) -> None:
    """Close a breaker that was open because of slowness, and tell it."""
    if _CLOSE.execute(connection, notifier=notifier_id, of=Cause.SLOW.value):
        _tell(connection, notifier_id, EventType.NOTIFIER_UP, Cause.SLOW)


def _is_telling(result: Accepted | SendFailed) -> bool:
    return isinstance(result, Accepted) or result.fault is Fault.NOTIFIER


def _succeed(connection: Connection, notifier_id: int) -> None:
    if not _RESET.execute(connection, notifier=notifier_id):
        return
    if _CLOSE.execute(connection, notifier=notifier_id, of=Cause.FAILING.value):
        _tell(connection, notifier_id, EventType.NOTIFIER_UP, Cause.FAILING)


def _fail(connection: Connection, notifier_id: int, failed: Collection[SendFailed]) -> None:
    now = clock.now()
    number = sum(SILENCE_COUNTS if each.may_have_gone else 1 for each in failed)
    _COUNT.execute(connection, notifier=notifier_id, number=number)
    if _OPEN_FAILING.execute(connection, notifier=notifier_id, now=now, retry_at=now + SHORTEST_WAIT):
        _tell(connection, notifier_id, EventType.NOTIFIER_DOWN, Cause.FAILING)
        return
    since = _SINCE.first(connection, notifier=notifier_id).since
    if since is not None:
        wait = min(max((now - since) / 2, SHORTEST_WAIT), LONGEST_WAIT)
        _REOPEN.execute(connection, notifier=notifier_id, retry_at=now + wait)


def _breaker_of(row: Any) -> Breaker:
    return Breaker(BreakerState(row.state), row.cause and Cause(row.cause), row.since, row.retry_at)


def _tell(connection: Connection, notifier_id: int, type_: EventType, cause: Cause) -> None:
    about = _ABOUT.first(connection, notifier=notifier_id)
    if about is not None:
        notifier = {"id": about.id, "name": about.name, "channel": about.channel}
        publish(connection, Event(about.project_id, type_, {"notifier": notifier, "cause": cause.value}))
