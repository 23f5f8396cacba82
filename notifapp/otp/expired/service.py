"""Tells the codes that ended without anybody giving them back, some seconds after they have.

Nothing happens in the database when a code expires, so the worker looks for those that did now and then. How far
each endpoint has been told stands in its row, and is moved by one conditional UPDATE: of several workers one tells.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, true, update

from notifapp import clock
from notifapp.database import reading, table_of, writing
from notifapp.events.models import EventEndpoint, EventSubscription, EventType
from notifapp.events.publishing import Event, publish_to
from notifapp.otp.models import ChallengeStatus, OtpChallenge

# That a right code may take from its check to its commit: one that came in the last moment is approved, not expired.
GRACE = timedelta(seconds=5)
MOST = 500  # in a transaction

_challenge, _endpoint = table_of(OtpChallenge).c, table_of(EventEndpoint).c
_subscription = table_of(EventSubscription).c


def tell_expired() -> int:
    """Tell every endpoint that takes it which codes have expired since it was told last. Return their number."""
    until = clock.now() - GRACE
    takers = (
        select(_endpoint.id, _endpoint.project_id, _endpoint.expiries_told_until)
        .join_from(table_of(EventEndpoint), table_of(EventSubscription), _subscription.endpoint_id == _endpoint.id)
        .where(_subscription.type == EventType.CODE_EXPIRED.value, _endpoint.is_enabled == true())
    )
    with reading() as connection:
        found = connection.execute(takers).all()
    return sum(_tell(row, until) for row in found)


def _tell(taker: Any, until: datetime) -> int:
    """Tell one endpoint, in transactions of at most `MOST` codes."""
    told, since = 0, taker.expiries_told_until
    while since < until:
        with reading() as connection:
            upto = _end_of_batch(connection, taker.project_id, since, until)
        with writing() as connection:
            is_it = _endpoint.id == taker.id, _endpoint.expiries_told_until == since
            moved = update(table_of(EventEndpoint)).where(*is_it).values(expiries_told_until=upto)
            if not connection.execute(moved).rowcount:  # another worker tells it
                return told
            for row in connection.execute(_expired(taker.project_id, since, upto)).all():
                data = {"challenge": row.id, "channel": row.channel}
                event = Event(taker.project_id, EventType.CODE_EXPIRED, data, row.recipient, row.expires_at)
                publish_to(connection, taker.id, event)
                told += 1
        since = upto
    return told


def _end_of_batch(connection: Any, project_id: int, since: datetime, until: datetime) -> datetime:
    expired = _expired(project_id, since, until).limit(MOST).subquery()
    count, last = connection.execute(select(func.count(), func.max(expired.c.expires_at))).one()
    return last if count == MOST else until


def _expired(project_id: int, since: datetime, until: datetime) -> Any:
    return (
        select(_challenge.id, _challenge.channel, _challenge.recipient, _challenge.expires_at)
        .where(
            _challenge.project_id == project_id,
            _challenge.status == ChallengeStatus.PENDING.value,
            _challenge.expires_at > since,
            _challenge.expires_at <= until,
        )
        .order_by(_challenge.expires_at)
    )
