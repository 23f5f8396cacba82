"""Opens the breakers of notifiers whose messages stop arriving in time, though they are taken.

A code arrived in time if its message was delivered, as the carrier says, or the code was entered, before half of its
life was over, or two minutes. The last ones are compared with those of the hours before. A worker looks now and then;
each change is a conditional UPDATE, so that of several workers one makes it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, cast, exists, extract, false, func, or_, select
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access.models import Project
from notifapp.breakers import service as breakers
from notifapp.breakers.models import BreakerState, Cause, NotifierBreaker
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import ACCEPTED, Delivery, DeliveryStatus, Purpose
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.service import is_valid
from notifapp.otp.models import OtpChallenge
from notifapp.otp.slowness.judgement import LEAST, Arrived, is_slow, is_usual_again

LATE_AFTER = timedelta(minutes=2)  # at most; half of a code's life is less by default
WINDOW = timedelta(minutes=10)  # of which the last codes are judged
COMPARED = timedelta(hours=6)  # with so long before, a while off, so that the beginning of the trouble isn't in it
APART = 3 * WINDOW
MOST, MOST_BEFORE = 200, 1000  # codes; more tell nothing new

_delivery, _challenge = table_of(Delivery).c, table_of(OtpChallenge).c
_notifier, _breaker, _project = table_of(Notifier).c, table_of(NotifierBreaker).c, table_of(Project).c


def judge() -> None:
    """Look at every notifier that was used lately, and at every breaker that is open because of slowness."""
    now = clock.now()
    with reading() as connection:
        found = connection.execute(_to_judge(now)).all()
    for row in found:
        _judge(row, now)


def _to_judge(now: datetime) -> Select[*tuple[Any, ...]]:
    was_used = exists().where(
        _delivery.project_id == _notifier.project_id,
        _delivery.notifier_name == _notifier.name,
        _delivery.created_at > now - WINDOW - LATE_AFTER,
    )
    is_slow_one = _breaker.cause == Cause.SLOW.value
    return (
        select(_notifier.id, _notifier.project_id, _notifier.name, _breaker.state, _breaker.cause, _breaker.since)
        .add_columns(_breaker.probe_id)
        .join(table_of(Project), _project.id == _notifier.project_id)
        .outerjoin(table_of(NotifierBreaker), _breaker.notifier_id == _notifier.id)
        .where(
            is_valid(requires_proof=false()),
            _project.archived_at.is_(None),
            or_(was_used, is_slow_one),
        )
    )


def _judge(notifier: Any, now: datetime) -> None:
    if notifier.cause == Cause.FAILING:  # nothing arrives through it, for another reason
        return
    if notifier.state == BreakerState.HALF_OPEN:
        _judge_probe(notifier, now)
        return
    until = (notifier.since or now) - APART
    with reading() as connection:
        if notifier.cause == Cause.SLOW:  # the last few are enough, or a quiet shop's would never count
            lately = arrived(connection, notifier, notifier.since, now, LEAST)
        else:
            lately = arrived(connection, notifier, now - WINDOW - LATE_AFTER, now, MOST)
        before = arrived(connection, notifier, until - COMPARED, until, MOST_BEFORE)
    if notifier.cause is None and is_slow(lately, before):
        with writing() as connection:
            breakers.open_slow(connection, notifier.id)
    elif notifier.cause == Cause.SLOW and is_usual_again(lately, before):
        with writing() as connection:
            breakers.close_slow(connection, notifier.id)


def _judge_probe(notifier: Any, now: datetime) -> None:
    """Close the breaker if the message that was let through arrived in time, and keep it open if it didn't."""
    statement = select(_in_time(), _is_due(now)).select_from(_messages()).where(_delivery.id == notifier.probe_id)
    with reading() as connection:
        probe = connection.execute(statement).one_or_none()
    if probe is None:
        return
    is_in_time, is_due = probe
    if is_in_time or is_due:
        with writing() as connection:
            settle = breakers.close_slow if is_in_time else breakers.keep_slow
            settle(connection, notifier.id)


def arrived(connection: Connection, notifier: Any, since: datetime, until: datetime, most: int) -> Arrived:
    """What became of the notifier's last codes of this time; those that may still arrive don't count."""
    last = (
        select(_in_time().label("in_time"))
        .select_from(_messages())
        .where(
            _delivery.project_id == notifier.project_id,
            _delivery.notifier_name == notifier.name,
            _delivery.notifier_id == notifier.id,
            _delivery.created_at.between(since, until),
            _delivery.purpose == Purpose.OTP.value,
            _delivery.status.in_([status.value for status in ACCEPTED]),
            _is_due(clock.now()),
        )
        .order_by(_delivery.created_at.desc())
        .limit(most)
        .subquery()
    )
    return Arrived(*connection.execute(select(func.count(), func.coalesce(func.sum(last.c.in_time), 0))).one())


def _messages() -> Any:
    return table_of(Delivery).outerjoin(table_of(OtpChallenge), _challenge.id == _delivery.challenge_id)


def _in_time() -> ColumnElement[int]:
    """1 if the message arrived in time, else 0."""
    is_delivered = and_(
        _delivery.status == DeliveryStatus.DELIVERED.value, _seconds(_delivery.reported_at) <= _late_at()
    )
    return case((or_(is_delivered, _seconds(_challenge.approved_at) <= _late_at()), 1), else_=0)


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Whether it is too late for the message to arrive in time."""
    return _late_at() < int(now.timestamp())


def _late_at() -> ColumnElement[int]:
    """When a message is late, in Unix seconds."""
    created, expires = _seconds(_delivery.created_at), _seconds(_delivery.expires_at)
    half = (created + expires) / 2
    latest = created + int(LATE_AFTER.total_seconds())
    return case((half < latest, half), else_=latest)


def _seconds(time: Any) -> ColumnElement[int]:
    return cast(extract("epoch", time), BigInteger)
