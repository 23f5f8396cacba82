"""Queries for the deliveries' page: a filtered list, and hourly counts of sent and failed messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, case, cast, extract, func, select

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.channels import Channel
from notifapp.database import AnyRow, keyset, reading, table_of
from notifapp.delivery.models import Delivery, DeliveryStatus

CHART_HOURS = 24
_HOUR = 3600

_delivery = table_of(Delivery).c
_ORDER = [_delivery.created_at, _delivery.id]
_SHOWN = [column for column in _delivery if column.name != "payload"]


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of the list; empty ones match everything. Both days are inclusive, in UTC."""

    status: DeliveryStatus | None = None
    channel: Channel | None = None
    notifier: str = ""
    first_day: date | None = None
    last_day: date | None = None


@dataclass(slots=True)
class Chart:
    """A notifier's last hours, oldest first: the number of messages sent and failed in each."""

    notifier: str
    sent: list[int] = field(default_factory=lambda: [0] * CHART_HOURS)
    failed: list[int] = field(default_factory=lambda: [0] * CHART_HOURS)

    @property
    def most(self) -> int:
        """The most messages in an hour, which is the height of the highest bar."""
        return max(sent + failed for sent, failed in zip(self.sent, self.failed, strict=True))


def list_deliveries(project: ProjectRef, filters: Filters, cursor: keyset.Cursor | None) -> keyset.Slice:
    """The project's deliveries, newest first."""
    statement = select(*_SHOWN).where(_delivery.project_id == project.id, *_conditions(filters))
    return keyset.fetch(statement, _ORDER, cursor, descending=True)


def get_delivery(project: ProjectRef, delivery_id: int | None) -> AnyRow | None:
    """One of the project's deliveries, without its text, or None if it isn't kept."""
    statement = select(*_SHOWN).where(_delivery.project_id == project.id, _delivery.id == delivery_id)
    with reading() as connection:
        return connection.execute(statement).one_or_none()


def list_notifier_names(project: ProjectRef) -> list[str]:
    """The names of all notifiers that have ever sent, deleted ones too.

    It jumps through the index from one name to the next, past the millions of rows in between.
    """
    of_project = _delivery.project_id == project.id
    names = select(func.min(_delivery.notifier_name).label("name")).where(of_project).cte("names", recursive=True)
    following = select(func.min(_delivery.notifier_name)).where(of_project, _delivery.notifier_name > names.c.name)
    names = names.union_all(select(following.scalar_subquery()).where(names.c.name.is_not(None)))
    with reading() as connection:
        return list(connection.execute(select(names.c.name).where(names.c.name.is_not(None))).scalars())


def charts(project: ProjectRef) -> list[Chart]:
    """A chart of the last 24 hours for each notifier used in them, sorted by name."""
    now = clock.now()
    found: dict[str, Chart] = {}
    with reading() as connection:
        for name, hour, sent, failed in connection.execute(_by_hour(project, now)):
            chart = found.setdefault(name, Chart(name))
            place = CHART_HOURS - 1 - (int(now.timestamp()) // _HOUR - hour)
            if 0 <= place < CHART_HOURS:
                chart.sent[place], chart.failed[place] = sent, failed
    return [found[name] for name in sorted(found)]


def _by_hour(project: ProjectRef, now: datetime) -> Select[*tuple[Any, ...]]:
    hour = (cast(extract("epoch", _delivery.created_at), Integer) // _HOUR).label("hour")
    since = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=CHART_HOURS - 1)
    return (
        select(
            _delivery.notifier_name,
            hour,
            func.sum(case((_delivery.status == DeliveryStatus.SENT, 1), else_=0)),
            func.sum(case((_delivery.status == DeliveryStatus.FAILED, 1), else_=0)),
        )
        .where(
            _delivery.project_id == project.id,
            _delivery.created_at >= since,
            _delivery.status.in_((DeliveryStatus.SENT, DeliveryStatus.FAILED)),
        )
        .group_by(_delivery.notifier_name, hour)
    )


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.status:
        conditions.append(_delivery.status == filters.status)
    if filters.channel:
        conditions.append(_delivery.channel == filters.channel.value)
    if filters.notifier:
        conditions.append(_delivery.notifier_name == filters.notifier)
    if filters.first_day:
        conditions.append(_delivery.created_at >= clock.start_of(filters.first_day))
    if filters.last_day:
        conditions.append(_delivery.created_at <= clock.end_of(filters.last_day))
    return conditions
