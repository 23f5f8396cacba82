"""When an account will be empty if it is used as it was in the last day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil, sqrt
from statistics import fmean, stdev

from sqlalchemy import select

from notifapp import clock
from notifapp.database import AnyRow, reading, table_of
from notifapp.notifiers.models import NotifierBalance

PACE_OF = timedelta(hours=24)
FEWEST = 3  # hours of use that a pace needs
FURTHEST = 365  # days ahead; nobody knows what is later
SURE = 2  # standard errors: 95 in 100 hold

_balance = table_of(NotifierBalance).c


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was left at `hour`, the last time that it was read, and when it will be used up.

    `runs_out_at` is None if that is unknown or far off; it may be off by `give_or_take` days.
    """

    amount: float
    currency: str
    hour: datetime
    runs_out_at: datetime | None = None
    give_or_take: int = 0


def forecasts(notifier_ids: Collection[int]) -> dict[int, Forecast]:
    """The forecast of each of these notifiers whose balance was read in the last day."""
    known = (
        select(_balance.notifier_id, _balance.hour, _balance.amount, _balance.currency)
        .where(
            _balance.notifier_id.in_(notifier_ids),
            _balance.hour >= clock.now() - PACE_OF - timedelta(hours=1),
            _balance.amount.is_not(None),
        )
        .order_by(_balance.notifier_id, _balance.hour)
    )
    rows: dict[int, list[AnyRow]] = defaultdict(list)
    with reading() as connection:
        for row in connection.execute(known):
            rows[row.notifier_id].append(row)
    return {notifier_id: _forecast(readings) for notifier_id, readings in rows.items()}


def _forecast(readings: Sequence[AnyRow]) -> Forecast:
    last = readings[-1]
    used = _used_an_hour([row for row in readings if row.currency == last.currency])
    pace = fmean(used) if len(used) >= FEWEST else 0
    days = max(last.amount, 0) / pace / 24 if pace > 0 else FURTHEST
    if days >= FURTHEST:
        return Forecast(last.amount, last.currency, last.hour)
    # Hours differ as day and night do, so this is on the safe side.
    doubt = SURE * stdev(used) / sqrt(len(used)) / pace
    runs_out_at = last.hour + timedelta(days=days)
    return Forecast(last.amount, last.currency, last.hour, runs_out_at, ceil(days * doubt))


def _used_an_hour(readings: Sequence[AnyRow]) -> list[float]:
    """What was used in each hour between two readings. Where somebody has paid in, nobody knows."""
    used = []
    for before, after in pairwise(readings):
        if after.amount <= before.amount:
            hours = round((after.hour - before.hour) / timedelta(hours=1))
            used += [(before.amount - after.amount) / hours] * hours
    return used
