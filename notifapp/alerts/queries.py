"""What the page of alerts lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from notifapp.access import ProjectRef
from notifapp.alerts.models import Alert, AlertKind
from notifapp.alerts.telling import title
from notifapp.database import AnyRow, keyset, reading, table_of

_table = table_of(Alert)
_alert = _table.c


@dataclass(frozen=True, slots=True)
class Shown:
    """An alert as it is listed; `carrier` is the notifier by which emails about its beginning went."""

    title: str
    detail: str
    advice: str
    carrier: str | None
    began_at: datetime
    ended_at: datetime | None


def list_open(project: ProjectRef) -> list[Shown]:
    """What is wrong now, the newest first."""
    statement = select(_table).where(_alert.project_id == project.id, _alert.ended_at.is_(None))
    with reading() as connection:
        return shown(connection.execute(statement.order_by(_alert.id.desc())).all())


def list_past(project: ProjectRef, cursor: keyset.Cursor | None) -> keyset.Slice:
    """What was wrong, the newest first."""
    statement = select(_table).where(_alert.project_id == project.id, _alert.ended_at.is_not(None))
    return keyset.fetch(statement, [_alert.began_at, _alert.id], cursor, descending=True, size=25)


def shown(rows: Sequence[AnyRow]) -> list[Shown]:
    """The alerts in these rows."""
    found = []
    for row in rows:
        kind = AlertKind(row.kind)
        line = title(kind, row.label, has_ended=False)
        found.append(Shown(line, row.detail, kind.words.advice, row.carrier, row.began_at, row.ended_at))
    return found
