"""Finds out which notifiers customers have proven: one verified a code that only this notifier can have delivered.

A worker looks now and then, so that verifying a code pays nothing for it. It looks only for unproven notifiers, and
only at what was verified just now: where that is missed, because no worker ran, the next code proves it.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import exists, func, select

from notifapp import clock
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.proving import service as proving
from notifapp.otp.models import OtpChallenge

LOOK_BACK = timedelta(minutes=2)

_challenge, _notifier = table_of(OtpChallenge).c, table_of(Notifier).c
_delivery, _other = table_of(Delivery).c, table_of(Delivery).alias("other").c


def prove_by_codes() -> int:
    """Note which unproven notifiers are proven by codes verified lately. Return their number."""
    proving.fill_digests()
    # One message of one attempt, sent in the present configuration: of several, nobody knows which arrived.
    was_another = exists().where(_other.challenge_id == _challenge.id, _other.id != _delivery.id)
    proven = (
        select(_notifier.id, _notifier.configured_at, func.max(_challenge.approved_at).label("proven_at"))
        .join_from(table_of(Notifier), table_of(OtpChallenge), _challenge.project_id == _notifier.project_id)
        .join(table_of(Delivery), _delivery.id == _challenge.delivery_id)
        .where(
            _notifier.digest.is_not(None),
            ~proving.is_proven(),
            _challenge.approved_at > clock.now() - LOOK_BACK,
            _delivery.notifier_id == _notifier.id,
            _delivery.started_at >= _notifier.configured_at,
            _delivery.attempts == 1,
            ~was_another,
        )
        .group_by(_notifier.id, _notifier.configured_at)
    )
    with reading() as connection:
        found = connection.execute(proven).all()
    if not found:
        return 0
    with writing() as connection:
        return sum(proving.prove_by_customer(connection, *row) for row in found)
