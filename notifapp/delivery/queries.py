"""Queries for the deliveries' page: a filtered list, and hourly counts of sent and failed messages.

They return nothing about channels that their caller doesn't name: see `visible_channels`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Integer, Select, case, cast, extract, func, select

from notifapp import clock
from notifapp.access import NOTIFIER_PERMISSIONS, Permission, ProjectRef
from notifapp.channels import Channel
from notifapp.database import AnyRow, keyset, reading, table_of
from notifapp.delivery.models import ACCEPTED, Delivery, DeliveryStatus
from notifapp.notifiers.models import Notifier

CHART_HOURS = 24
_HOUR = 3600

_delivery, _notifier = table_of(Delivery).c, table_of(Notifier).c
_ORDER = [_delivery.created_at, _delivery.id]
_SHOWN = [column for column in _delivery if column.name != "payload"]


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of the list; empty ones match everything. Both times are inclusive."""

    status: DeliveryStatus | None = None
    channel: Channel | None = None
    notifier: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Where a message is: at which notifier, why it has failed or is tried again, and since when that is known."""

    notifier: str
    status: DeliveryStatus
    reason: str | None
    updated_at: datetime


@dataclass(slots=True)
class Hour:
    """The number of messages sent and failed in the hour that begins at `starts_at`.

    Of those sent, some are known to be delivered or not.
    """

    starts_at: datetime
    sent: int = 0
    failed: int = 0
    delivered: int = 0
    undelivered: int = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.sent + self.failed


@dataclass(frozen=True, slots=True)
class Chart:
    """A notifier's last hours, oldest first."""

    notifier: str
    hours: list[Hour]

    @property
    def sent(self) -> int:
        """The number of messages sent."""
        return sum(hour.sent for hour in self.hours)

    @property
    def failed(self) -> int:
        """The number of messages failed."""
        return sum(hour.failed for hour in self.hours)

    @property
    def delivered(self) -> int:
        """The number of messages sent of which the carrier says that they were delivered."""
        return sum(hour.delivered for hour in self.hours)

    @property
    def undelivered(self) -> int:
        """The number of messages sent of which the carrier says that they were not."""
        return sum(hour.undelivered for hour in self.hours)

    @property
    def most(self) -> int:
        """The most messages in an hour."""
        return max(hour.total for hour in self.hours)


def visible_channels(may: Callable[[Permission, Permission], bool]) -> list[Channel]:
    """The channels whose deliveries a caller may see, who `may` read the channel's notifiers or send codes."""
    return [channel for channel in Channel if may(NOTIFIER_PERMISSIONS[channel].read, Permission.OTP_SEND)]


def list_deliveries(
    project: ProjectRef, channels: Collection[Channel], filters: Filters, cursor: keyset.Cursor | None
) -> keyset.Slice:
    """The project's deliveries on these channels, newest first."""
    is_shown = _delivery.project_id == project.id, *_on(channels)
    statement = select(*_SHOWN).where(*is_shown, *_conditions(filters))
    return keyset.fetch(statement, _ORDER, cursor, descending=True)


def get_delivery(project: ProjectRef, delivery_id: int | None) -> AnyRow | None:
    """One of the project's deliveries, without its text, or None if it isn't kept."""
    statement = select(*_SHOWN).where(_delivery.project_id == project.id, _delivery.id == delivery_id)
    with reading() as connection:
        return connection.execute(statement).one_or_none()


def list_states(project: ProjectRef, delivery_ids: Collection[int]) -> list[State]:
    """Where these of the project's messages are, oldest first, as far as they are kept."""
    updated_at = func.coalesce(_delivery.reported_at, _delivery.finished_at, _delivery.started_at, _delivery.created_at)
    statement = select(_delivery.notifier_name, _delivery.status, _delivery.error_reason, updated_at)
    are_they = _delivery.project_id == project.id, _delivery.id.in_(delivery_ids)
    with reading() as connection:
        rows = connection.execute(statement.where(*are_they).order_by(_delivery.id)).all()
    return [State(name, DeliveryStatus(status), reason, at) for name, status, reason, at in rows]


def list_notifier_names(project: ProjectRef, channels: Collection[Channel]) -> list[str]:
    """The names of the notifiers to filter by.

    For both channels these are all that have ever sent, deleted ones too. It jumps through the index from one name to
    the next, past the millions of rows in between. For one channel these are the ones that it has now: no index tells
    which names only its rows have.
    """
    of_project = _delivery.project_id == project.id
    if len(channels) < len(Channel):
        named = select(_notifier.name).where(
            _notifier.project_id == project.id, _notifier.channel.in_([channel.value for channel in channels])
        )
        with reading() as connection:
            return list(connection.execute(named.order_by(_notifier.name)).scalars())
    names = select(func.min(_delivery.notifier_name).label("name")).where(of_project).cte("names", recursive=True)
    following = select(func.min(_delivery.notifier_name)).where(of_project, _delivery.notifier_name > names.c.name)
    names = names.union_all(select(following.scalar_subquery()).where(names.c.name.is_not(None)))
    with reading() as connection:
        return list(connection.execute(select(names.c.name).where(names.c.name.is_not(None))).scalars())


def charts(project: ProjectRef, channels: Collection[Channel], zone: ZoneInfo) -> list[Chart]:
    """A chart of the last 24 hours, as clocks in `zone` count them, for each notifier used in them, sorted by name."""
    first = first_hour(zone)
    found: dict[str, Chart] = {}
    with reading() as connection:
        for name, place, *counts in connection.execute(_by_hour(project, channels, first)):
            if name not in found:
                found[name] = Chart(name, [Hour(first + timedelta(hours=number)) for number in range(CHART_HOURS)])
            if place < CHART_HOURS:
                found[name].hours[place] = Hour(found[name].hours[place].starts_at, *counts)
    return [found[name] for name in sorted(found)]


def first_hour(zone: ZoneInfo) -> datetime:
    """When a chart's first hour begins, as clocks in `zone` count hours."""
    this_hour = clock.now().astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    return this_hour - timedelta(hours=CHART_HOURS - 1)


def _on(channels: Collection[Channel]) -> list[ColumnElement[bool]]:
    if len(channels) == len(Channel):
        return []
    return [_delivery.channel.in_([channel.value for channel in channels])]


def _by_hour(project: ProjectRef, channels: Collection[Channel], first: datetime) -> Select[*tuple[Any, ...]]:
    hour = ((cast(extract("epoch", _delivery.created_at), Integer) - int(first.timestamp())) // _HOUR).label("hour")
    return (
        select(
            _delivery.notifier_name,
            hour,
            _number_of(*ACCEPTED),
            _number_of(DeliveryStatus.FAILED),
            _number_of(DeliveryStatus.DELIVERED),
            _number_of(DeliveryStatus.UNDELIVERED),
        )
        .where(
            _delivery.project_id == project.id,
            _delivery.created_at >= first,
            *_on(channels),
            _delivery.status.in_((*ACCEPTED, DeliveryStatus.FAILED)),
        )
        .group_by(_delivery.notifier_name, hour)
    )


def _number_of(*statuses: DeliveryStatus) -> ColumnElement[int]:
    return func.sum(case((_delivery.status.in_(statuses), 1), else_=0))


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.status:
        conditions.append(_delivery.status == filters.status)
    if filters.channel:
        conditions.append(_delivery.channel == filters.channel.value)
    if filters.notifier:
        conditions.append(_delivery.notifier_name == filters.notifier)
    if filters.since:
        conditions.append(_delivery.created_at >= filters.since)
    if filters.until:
        conditions.append(_delivery.created_at <= filters.until)
    return conditions
