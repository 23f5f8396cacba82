"""Asks gateways what became of messages, for which no receipt was pushed.

While a code lives its message is asked for at growing intervals, then once more. When to ask next is written down
before asking, so that several workers don't ask for the same, and one that dies loses nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update

from notifapp import clock
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery, DeliveryStatus
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.network import time_limit
from notifapp.notifiers.gateway.receipts import Report, TellsStatus
from notifapp.notifiers.sending import open_notifier
from notifapp.receipts.service import apply, settle_early

WAITS = (30, 60, 120, 240, 480, 960)  # seconds after the first, second, … ask; the last one repeats
AFTERWARDS = timedelta(minutes=2)  # after the code's end, until the last ask
GIVEN_UP_AFTER = timedelta(hours=1)  # after the code's end, if the gateway never answers
BATCH = 500  # messages at once
NOTIFIER_SECONDS = 10  # for one notifier's messages at once, so that the others' don't wait for a slow gateway

_log = logging.getLogger("notifapp.receipts")
_table = table_of(Delivery)
_delivery = _table.c
_IS_AWAITED = _delivery.status == DeliveryStatus.SENT.value


@dataclass(frozen=True, slots=True)
class Question:
    """A message to ask for; `is_last` says that its code has ended, so that any answer will do."""

    id: int
    notifier_id: int | None
    provider_id: str
    is_last: bool


def take_in() -> bool:
    """Settle what came too early, and ask for a batch of what is due. Return whether there may be more."""
    return settle_early() + ask_due() >= BATCH


def ask_due() -> int:
    """Ask for a batch of what is due and write the answers down. Return how many messages were due."""
    now = clock.now()
    with reading() as connection:  # idle workers don't block writers
        if connection.execute(select(_delivery.id).where(_delivery.next_ask_at <= now).limit(1)).first() is None:
            return 0
    questions = _take_due(now)
    by_notifier: dict[int | None, list[Question]] = defaultdict(list)
    for question in questions:
        by_notifier[question.notifier_id].append(question)
    for notifier_id, theirs in by_notifier.items():
        _ask_notifier(notifier_id, theirs)
    return len(questions)


def next_ask(now: datetime, asks: int, expires_at: datetime) -> datetime | None:
    """When to ask again, after `asks` times, for a message whose code lives until `expires_at`; None for never."""
    if now >= expires_at + GIVEN_UP_AFTER:
        return None
    if now >= expires_at:
        return now + AFTERWARDS  # unless the gateway answers now
    following = now + timedelta(seconds=WAITS[min(asks, len(WAITS)) - 1])
    return following if following < expires_at else expires_at + AFTERWARDS


def _take_due(now: datetime) -> list[Question]:
    """The messages that are due, of which this worker will ask; the next time is written down already."""
    due = (
        select(_delivery.id, _delivery.notifier_id, _delivery.provider_id, _delivery.asks, _delivery.expires_at)
        .where(_delivery.next_ask_at <= now)
        .order_by(_delivery.next_ask_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    asked = (
        update(_table)
        .where(_delivery.id == bindparam("delivery_id"))
        .values(asks=_delivery.asks + 1, next_ask_at=bindparam("following"))
    )
    with writing() as connection:
        rows = connection.execute(due).all()
        if rows:
            times = [{"delivery_id": row.id, "following": next_ask(now, row.asks + 1, row.expires_at)} for row in rows]
            connection.execute(asked, times)
    return [Question(row.id, row.notifier_id, row.provider_id, now >= row.expires_at) for row in rows]


def _ask_notifier(notifier_id: int | None, questions: Sequence[Question]) -> None:
    """Ask one gateway. After a failure or when its time is over the rest waits for the next time."""
    try:
        notifier = open_notifier(notifier_id) if notifier_id is not None else None
        if notifier is None or not isinstance(notifier.backend, TellsStatus):
            return _write([], None, questions)
        at_once = notifier.backend.ids_at_once
        with time_limit(NOTIFIER_SECONDS):
            for first in range(0, len(questions), at_once):
                part = questions[first : first + at_once]
                _write(_answers(notifier.backend, notifier.config, part), notifier_id, part)
    except SendFailed as failed:
        _log.warning("gateway not asked", extra={"fields": {"notifier": notifier_id, "error_code": failed.code}})


def _answers(backend: TellsStatus, config: object, questions: Sequence[Question]) -> list[Report]:
    """The gateway's answers, without any for what it wasn't asked."""
    asked = {question.provider_id for question in questions}
    reports = backend.status(config, [question.provider_id for question in questions])
    return [report for report in reports if report.provider_id in asked]


def _write(reports: Sequence[Report], notifier_id: int | None, questions: Sequence[Question]) -> None:
    """Write the answers down, and don't ask again for what was asked for the last time."""
    last = [question.id for question in questions if question.is_last or notifier_id is None]
    if not reports and not last:
        return
    now = clock.now()
    with writing() as connection:
        for report in sorted(reports, key=lambda report: report.provider_id):
            apply(connection, notifier_id or 0, report, now)
        connection.execute(update(_table).where(_delivery.id.in_(last), _IS_AWAITED).values(next_ask_at=None))
