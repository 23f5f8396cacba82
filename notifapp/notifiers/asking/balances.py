"""What is left on the notifiers' accounts: read once an hour by a worker, and kept for the chart on their pages."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import exists, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from notifapp import clock
from notifapp.access.models import Project
from notifapp.database import AnyRow, Unreadable, reading, table_of, unseal, writing
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.backends.console import is_console_on
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.network import time_limit
from notifapp.notifiers.gateway.questions import Balance, TellsBalance
from notifapp.notifiers.models import Notifier, NotifierBalance

READ_SECONDS = 10  # that a gateway may take
CHART_HOURS = 7 * 24

_log = logging.getLogger("notifapp.balances")
_balance, _notifier, _project = table_of(NotifierBalance).c, table_of(Notifier).c, table_of(Project).c


@dataclass(frozen=True, slots=True)
class Reading:
    """What was left in the hour that begins at `hour`; None if nobody knows."""

    hour: datetime
    amount: float | None


@dataclass(frozen=True, slots=True)
class Chart:
    """The last hours, oldest first, and the last reading of each day, newest first."""

    currency: str
    hours: list[Reading]
    days: list[tuple[date, float]]

    @property
    def most(self) -> float:
        """The highest amount."""
        return max(reading.amount for reading in self.hours if reading.amount is not None)

    @property
    def latest(self) -> Reading:
        """The last one that could be read."""
        return [reading for reading in self.hours if reading.amount is not None][-1]


def read_due() -> int:
    """Read the balances that haven't been read in this hour, of all notifiers that may send. Return their number.

    A server that offers the console, as the demo's does, is for trying things out: made-up keys may be stored there, so
    no gateway is asked unless somebody asks.
    """
    if is_console_on():
        return 0
    hour = _this_hour()
    return sum(_read(notifier, hour) for notifier in _due(hour))


def chart(notifier_id: int, zone: ZoneInfo) -> Chart | None:
    """The chart of a notifier, days as in `zone`; None if its balance hasn't been read lately."""
    first = _this_hour() - timedelta(hours=CHART_HOURS - 1)
    known = (
        select(_balance.hour, _balance.amount, _balance.currency)
        .where(_balance.notifier_id == notifier_id, _balance.hour >= first, _balance.amount.is_not(None))
        .order_by(_balance.hour)
    )
    with reading() as connection:
        rows = connection.execute(known).all()
    if not rows:
        return None
    currency = rows[-1].currency  # of the account as it is now; another one's amounts are not comparable
    amounts = {row.hour: row.amount for row in rows if row.currency == currency}
    hours = [first + timedelta(hours=number) for number in range(CHART_HOURS)]
    days = {hour.astimezone(zone).date(): amount for hour, amount in amounts.items()}
    return Chart(currency, [Reading(hour, amounts.get(hour)) for hour in hours], sorted(days.items(), reverse=True))


def _this_hour() -> datetime:
    return clock.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _due(hour: datetime) -> list[AnyRow]:
    keys = [key for key, backend in BACKENDS.items() if isinstance(backend, TellsBalance)]
    is_read = exists().where(_balance.notifier_id == _notifier.id, _balance.hour == hour)
    due = (
        select(table_of(Notifier))
        .join_from(table_of(Notifier), table_of(Project), _project.id == _notifier.project_id)
        .where(_notifier.backend.in_(keys), _notifier.is_enabled == true(), _project.archived_at.is_(None), ~is_read)
        .order_by(_notifier.id)
    )
    with reading() as connection:
        return list(connection.execute(due))


def _read(notifier: AnyRow, hour: datetime) -> bool:
    """Read one balance, unless another worker does. Nothing is kept if it can't be read, until the next hour."""
    if not _claim(notifier.id, hour):
        return False
    try:
        with time_limit(READ_SECONDS):
            balance = _ask(notifier)
    except (SendFailed, Unreadable) as failed:
        code = failed.code if isinstance(failed, SendFailed) else "key"
        _log.info("balance not read", extra={"fields": {"notifier": notifier.id, "error_code": code}})
        return False
    it = (_balance.notifier_id == notifier.id, _balance.hour == hour)
    with writing() as connection:
        values = {"amount": balance.amount, "currency": balance.currency}
        connection.execute(update(table_of(NotifierBalance)).where(*it).values(**values))
    return True


def _claim(notifier_id: int, hour: datetime) -> bool:
    try:
        with writing() as connection:
            connection.execute(insert(table_of(NotifierBalance)).values(notifier_id=notifier_id, hour=hour))
    except IntegrityError:  # another worker has it, or the notifier was deleted
        return False
    return True


def _ask(notifier: AnyRow) -> Balance:
    backend: Any = BACKENDS[notifier.backend]
    secrets = unseal(_notifier.secrets, notifier)
    found: Balance = backend.balance(backend.load({**notifier.settings, **secrets}))
    return found
