"""Whether a notifier works: it is down after some failures in a row, and up again with the next message that it sends.

A failure that is the recipient's, such as a number that doesn't exist, says nothing about the notifier. Each change is
one conditional UPDATE, so that of several workers one tells it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, delete, false, select, true, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.database import Statement, UtcDateTime, table_of, upsert
from notifapp.events.models import EventType, NotifierHealth
from notifapp.events.publishing import Event, publish
from notifapp.notifiers.gateway.base import Accepted, SendFailed
from notifapp.notifiers.models import Notifier

DOWN_AFTER = 5  # failures in a row
# Codes of failures that are ours, or nobody's: see delivery/service.py and notifiers/sending.py.
_OURS = {"internal", "key", "stopped"}
# The reasons are in our own words, which name the recipient where it is the recipient's fault.
_RECIPIENTS = re.compile(r"\b(?:the|this) recipient\b", re.IGNORECASE)

_table, _notifier = table_of(NotifierHealth), table_of(Notifier).c
_health = _table.c
_IS_IT = _health.notifier_id == bindparam("notifier")
_NOW = bindparam("now", type_=UtcDateTime)


def _count(insert: Any) -> Any:
    new = insert.values(
        notifier_id=bindparam("notifier"), failures=bindparam("number"), is_down=false(), changed_at=_NOW
    )
    return new.on_conflict_do_update(
        index_elements=[_health.notifier_id], set_={"failures": _health.failures + new.excluded.failures}
    )


_COUNT = Statement(upsert(_table, _count))
_FALL = Statement(
    update(_table)
    .where(_IS_IT, _health.is_down == false(), _health.failures >= DOWN_AFTER)
    .values(is_down=True, changed_at=_NOW)
)
_RISE = Statement(update(_table).where(_IS_IT, _health.is_down == true()).values(is_down=False, changed_at=_NOW))
_RESET = Statement(update(_table).where(_IS_IT, _health.failures > 0).values(failures=0))
_ABOUT = Statement(
    select(_notifier.project_id, _notifier.id, _notifier.name, _notifier.channel).where(
        _notifier.id == bindparam("notifier")
    )
)


def is_notifiers_fault(failed: SendFailed) -> bool:
    """Whether a failure says something about the notifier."""
    return failed.code not in _OURS and not _RECIPIENTS.search(failed.reason)


def note(connection: Connection, results: Iterable[tuple[int | None, Accepted | SendFailed | None]]) -> None:
    """Count the results of attempts, oldest first, and tell which notifiers went down or came up.

    Notifiers are taken in the order of their ids, so that no two workers wait for each other.
    """
    of_notifier: dict[int, list[Accepted | SendFailed]] = defaultdict(list)
    for notifier_id, result in results:
        if notifier_id is not None and result is not None:
            of_notifier[notifier_id].append(result)
    for notifier_id, found in sorted(of_notifier.items()):
        _note(connection, notifier_id, found)


def forget(connection: Connection, notifier_id: int) -> None:
    """Begin to count anew, for a notifier that is disabled or deleted."""
    connection.execute(delete(_table).where(_health.notifier_id == notifier_id))


def _note(connection: Connection, notifier_id: int, results: list[Accepted | SendFailed]) -> None:
    telling = [result for result in results if isinstance(result, Accepted) or is_notifiers_fault(result)]
    for is_success, row in groupby(telling, lambda result: isinstance(result, Accepted)):
        if is_success:
            _succeed(connection, notifier_id)
        else:
            _fail(connection, notifier_id, len(list(row)))


def _succeed(connection: Connection, notifier_id: int) -> None:
    if not _RESET.execute(connection, notifier=notifier_id):
        return
    if _RISE.execute(connection, notifier=notifier_id, now=clock.now()):
        _tell(connection, notifier_id, EventType.NOTIFIER_UP)


def _fail(connection: Connection, notifier_id: int, failures: int) -> None:
    now = clock.now()
    _COUNT.execute(connection, notifier=notifier_id, number=failures, now=now)
    if _FALL.execute(connection, notifier=notifier_id, now=now):
        _tell(connection, notifier_id, EventType.NOTIFIER_DOWN)


def _tell(connection: Connection, notifier_id: int, type_: EventType) -> None:
    about = _ABOUT.first(connection, notifier=notifier_id)
    if about is not None:
        notifier = {"id": about.id, "name": about.name, "channel": about.channel}
        publish(connection, Event(about.project_id, type_, {"notifier": notifier}))
