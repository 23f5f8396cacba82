"""Compares the signs with the open alerts, now and then: what is new begins, what has been calm for long enough ends.

Each change is one conditional statement, so that of several workers one writes and tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access import ProjectArchived
from notifapp.access.archived import keep_open
from notifapp.access.models import Project
from notifapp.alerts import balance, signs
from notifapp.alerts.models import Alert, AlertKind
from notifapp.alerts.signs import Key, Sign
from notifapp.alerts.telling import News, tell
from notifapp.database import AnyRow, Statement, UtcDateTime, reading, table_of, upsert, writing

# What shows within seconds, and what takes hours to come about and more to find out.
QUICK: Mapping[AlertKind, Callable[[], list[Sign]]] = {
    AlertKind.FAILING: signs.failing,
    AlertKind.SLOW: signs.slow,
    AlertKind.STANDBY: signs.standing_in,
    AlertKind.WENT_BACK: signs.went_back,
}
SLOW: Mapping[AlertKind, Callable[[], list[Sign]]] = {
    AlertKind.BALANCE: balance.running_out,
    AlertKind.STOPPED: signs.stopped,
    AlertKind.BLOCKED: signs.blocked,
}

_table, _project = table_of(Alert), table_of(Project).c
_alert = _table.c
_NEW = ("project_id", "kind", "subject", "label", "detail", "began_at")


def _begin(insert: Any) -> Any:
    return (
        insert.values({name: bindparam(name, type_=_alert[name].type) for name in _NEW})
        .on_conflict_do_nothing(index_elements=["project_id", "kind", "subject"], index_where=text("ended_at IS NULL"))
        .returning(_alert.id)
    )


_BEGIN = Statement(upsert(_table, _begin))
_NAME_CARRIER = Statement(update(_table).where(_alert.id == bindparam("alert_id")).values(carrier=bindparam("name")))
# Unless another worker has seen something else meanwhile.
_IS_AS_READ = [
    _alert.id == bindparam("alert_id"),
    _alert.ended_at.is_(None),
    _alert.calm_since.is_not_distinct_from(bindparam("calm_before", type_=UtcDateTime)),
]
_CALM = Statement(update(_table).where(*_IS_AS_READ).values(calm_since=bindparam("calm_now", type_=UtcDateTime)))
_END = Statement(update(_table).where(*_IS_AS_READ).values(ended_at=bindparam("now", type_=UtcDateTime)))


def evaluate_quick() -> None:
    """Begin and end the alerts whose signs show within seconds."""
    _evaluate(QUICK)


def evaluate_slow() -> None:
    """Begin and end the others."""
    _evaluate(SLOW)


def _evaluate(kinds: Mapping[AlertKind, Callable[[], list[Sign]]]) -> None:
    seen = {sign.key: sign for find in kinds.values() for sign in find()}
    known = {Key(row.project_id, AlertKind(row.kind), row.subject): row for row in _open_alerts(kinds)}
    for key, sign in seen.items():
        if sign.is_strong and key not in known:
            _write(key.project_id, partial(_begin_one, sign))
    now = clock.now()
    for key, row in known.items():
        if key in seen:
            if row.calm_since is not None:
                _write(key.project_id, partial(_note_calm, row, None))
        elif now - (row.calm_since or now) >= key.kind.settles:
            _write(key.project_id, partial(_end_one, row))
        elif row.calm_since is None:
            _write(key.project_id, partial(_note_calm, row, now))


def _open_alerts(kinds: Collection[AlertKind]) -> Sequence[AnyRow]:
    statement = (
        select(_table)
        .join(table_of(Project), _project.id == _alert.project_id)
        .where(
            _alert.ended_at.is_(None), _alert.kind.in_([kind.value for kind in kinds]), _project.archived_at.is_(None)
        )
        .order_by(_alert.id)
    )
    with reading() as connection:
        return connection.execute(statement).all()


def _write(project_id: int, change: Callable[[Connection], None]) -> None:
    """Make a change in a transaction of its own, unless the project has been archived meanwhile."""
    with suppress(ProjectArchived), writing() as connection:
        keep_open(connection, project_id)
        change(connection)


def _begin_one(sign: Sign, connection: Connection) -> None:
    now = clock.now()
    project_id, kind, subject = sign.key
    values = {"label": sign.label, "detail": sign.detail, "began_at": now}
    row = _BEGIN.first(connection, project_id=project_id, kind=kind.value, subject=subject, **values)
    if row is not None:
        carrier = tell(connection, News(row.id, *sign.key, sign.label, sign.detail, now))
        _NAME_CARRIER.execute(connection, alert_id=row.id, name=carrier)


def _note_calm(row: AnyRow, calm_since: datetime | None, connection: Connection) -> None:
    _CALM.execute(connection, alert_id=row.id, calm_before=row.calm_since, calm_now=calm_since)


def _end_one(row: AnyRow, connection: Connection) -> None:
    now = clock.now()
    kind = AlertKind(row.kind)
    if _END.execute(connection, alert_id=row.id, calm_before=row.calm_since, now=now) and not kind.is_told_once:
        tell(connection, News(row.id, row.project_id, kind, row.subject, row.label, row.detail, row.began_at, now))
