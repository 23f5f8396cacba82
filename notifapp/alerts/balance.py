"""How long notifiers' balances last, by what notifiers/asking/balances.py read of them in the last week."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby, pairwise

from sqlalchemy import func

from notifapp import clock, wording
from notifapp.alerts.models import BALANCE_DAYS, AlertKind, AlertSettings
from notifapp.alerts.signs import Sign, in_use, key_of, label_of
from notifapp.database import AnyRow, reading, table_of
from notifapp.notifiers.models import Notifier, NotifierBalance

DAY = timedelta(days=1)
DAYS_TO_COMPARE = 7
STALE_AFTER = timedelta(hours=3)  # that a balance hasn't been read: nobody knows what it is now
ENOUGH = 1.5  # times the days below which an alert begins: then it ends

_balance, _notifier = table_of(NotifierBalance).c, table_of(Notifier).c
_settings = table_of(AlertSettings).c


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is left, and the days that it lasts at the pace of so many whole days; None if nothing is being used."""

    amount: float
    currency: str
    days: float | None
    days_compared: int


def running_out() -> list[Sign]:
    """The notifiers in use whose balance lasts for fewer days than the project wants."""
    wanted = func.coalesce(_settings.balance_days, BALANCE_DAYS).label("wanted")
    known = (
        in_use(_balance.hour, _balance.amount, _balance.currency, wanted)
        .join(table_of(NotifierBalance), _balance.notifier_id == _notifier.id)
        .outerjoin(table_of(AlertSettings), _settings.project_id == _notifier.project_id)
        .where(_balance.hour > clock.now() - (DAYS_TO_COMPARE + 1) * DAY, _balance.amount.is_not(None))
        .order_by(_notifier.id, _balance.hour)
    )
    with reading() as connection:
        rows = connection.execute(known).all()
    return [sign for _id, its in groupby(rows, lambda row: row.id) for sign in _signs(list(its))]


def forecast(readings: Sequence[AnyRow]) -> Forecast:
    """What these readings, at least one and oldest first, tell: each has an `hour`, an `amount` and a `currency`.

    Only what was used counts, not what was paid in, and only whole days: a shop's days have busy hours.
    """
    last = readings[-1]
    same = [each for each in readings if each.currency == last.currency]
    days = min((last.hour - same[0].hour) // DAY, DAYS_TO_COMPARE)
    lately = [each for each in same if each.hour >= last.hour - days * DAY]
    used = sum(max(before.amount - after.amount, 0.0) for before, after in pairwise(lately))
    left = max(last.amount, 0.0)
    if not left:
        return Forecast(last.amount, last.currency, 0, days)
    return Forecast(last.amount, last.currency, left * days / used if used else None, days)


def _signs(readings: Sequence[AnyRow]) -> Iterator[Sign]:
    last, found = readings[-1], forecast(readings)
    is_stale = clock.now() - last.hour > STALE_AFTER
    if is_stale or (found.days is not None and found.days < ENOUGH * last.wanted):
        is_strong = not is_stale and found.days is not None and found.days < last.wanted
        yield Sign(key_of(last, AlertKind.BALANCE), label_of(last), _in_words(found), is_strong)


def _in_words(found: Forecast) -> str:
    left = f"{found.amount:,.0f} {found.currency} is left."
    if not found.days:
        return left
    lasts = f"about {wording.count(round(found.days), 'day')}" if found.days >= 1 else "less than a day"
    return f"{left} At the pace of the last {wording.count(found.days_compared, 'day')} that lasts for {lasts}."
