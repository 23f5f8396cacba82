"""The life of a delivery: queued → sending → sent or failed.

The row is the truth (a transactional outbox): it is written with what caused it, claimed by lease with one
conditional UPDATE, and claimed again when a lease expires. So every delivery is tried at least once, whoever dies.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from sqlalchemy import ColumnElement, Update, and_, bindparam, case, func, insert, literal, or_, select, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.channels import Channel
from notifapp.database import Statement, UtcDateTime, reading, table_of, writing
from notifapp.delivery.models import Delivery, DeliveryStatus, Purpose
from notifapp.notifiers.gateway.base import Message, Receipt, SendFailed
from notifapp.notifiers.sending import send_through

LEASE = timedelta(seconds=45)  # longer than any backend's timeouts take together
BACKOFF = (2, 5, 10, 20, 40)  # seconds after the first, second, … failure; then always the last

_log = logging.getLogger("notifapp.delivery")
_table = table_of(Delivery)
_delivery = _table.c
_QUEUED = (
    "project_id", "notifier_id", "notifier_name", "backend", "channel", "recipient", "purpose", "payload",
    "next_attempt_at", "expires_at", "created_at",
)  # fmt: skip
_ENQUEUE = Statement(insert(_table).values({name: bindparam(name) for name in _QUEUED}).returning(_delivery.id))
_WITHDRAW = Statement(
    update(_table)
    .where(_delivery.id == bindparam("delivery_id"), _delivery.finished_at.is_(None))
    .values(expires_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be queued; `masked` is all that will be known of the recipient once it is sent."""

    project_id: int
    notifier_id: int
    notifier_name: str
    backend: str
    channel: Channel
    recipient: str = field(repr=False)
    masked: str
    subject: str = field(repr=False)
    body: str = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)
    purpose: Purpose
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Claim:
    """A delivery that this worker holds; `attempt` fences off a worker whose lease has run out."""

    id: int
    attempt: int


def enqueue(connection: Connection, outgoing: Outgoing) -> int:
    """Queue a message in the transaction that causes it. Return the delivery's id."""
    now = clock.now()
    row = {
        "project_id": outgoing.project_id,
        "notifier_id": outgoing.notifier_id,
        "notifier_name": outgoing.notifier_name,
        "backend": outgoing.backend,
        "channel": outgoing.channel.value,
        "recipient": outgoing.masked,
        "purpose": outgoing.purpose.value,
        "payload": {
            "recipient": outgoing.recipient,
            "subject": outgoing.subject,
            "body": outgoing.body,
            "variables": dict(outgoing.variables),
        },
        "next_attempt_at": now,
        "expires_at": outgoing.expires_at,
        "created_at": now,
    }
    return int(_ENQUEUE.first(connection, **row).id)


def withdraw(connection: Connection, delivery_id: int, now: datetime) -> None:
    """Let a message that isn't sent yet be given up from now on, for its code doesn't count any more."""
    _WITHDRAW.execute(connection, delivery_id=delivery_id, now=now)


def record_test(connection: Connection, about: Mapping[str, object], outcome: Receipt | SendFailed) -> None:
    """Record a test message that was sent at once; `about` holds what is known of it, as the table names it."""
    now = clock.now()
    failed = outcome if isinstance(outcome, SendFailed) else None
    values = {
        "purpose": Purpose.TEST.value,
        "status": (DeliveryStatus.FAILED if failed else DeliveryStatus.SENT).value,
        "attempts": 1,
        "provider_id": None if isinstance(outcome, SendFailed) else outcome.provider_id[:200] or None,
        "error_code": (failed.code[:60] or None) if failed else None,
        "error_reason": failed.reason[:300] if failed else None,
        **dict.fromkeys(("next_attempt_at", "expires_at", "finished_at"), now),
    }
    connection.execute(insert(_table).values(**about, **values))


def carry_out(delivery_id: int) -> bool:
    """Send one delivery, if it is due and nobody else holds it. Return whether it was this call that tried."""
    claim = _claim(delivery_id)
    if claim is None:
        return False
    try:
        receipt = _send(claim)
    except SendFailed as error:
        _failed(claim, error)
        _log_outcome(claim, error)
    except Exception:
        _log.exception("a delivery failed in an unforeseen way")
        _failed(claim, SendFailed("Something went wrong on our side.", code="internal", retryable=True))
    else:
        _sent(claim, receipt)
        _log_outcome(claim, None)
    return True


def due(limit: int = 100) -> list[int]:
    """The ids of deliveries that wait to be tried, oldest first."""
    now = clock.now()
    statement = select(_delivery.id).where(_is_due(now)).order_by(_delivery.next_attempt_at).limit(limit)
    with reading() as connection:
        return list(connection.execute(statement).scalars())


def give_up_expired() -> int:
    """Fail what outlived its code and isn't being sent. Return how many there were."""
    now = clock.now()
    idle = or_(
        _delivery.status == DeliveryStatus.QUEUED.value,
        and_(_delivery.status == DeliveryStatus.SENDING.value, _delivery.lease_until <= now),
    )
    statement = (
        update(_table)
        .where(idle, _delivery.expires_at <= now)
        .values(
            status=DeliveryStatus.FAILED.value,
            payload=None,
            lease_until=None,
            finished_at=now,
            error_code=func.coalesce(_delivery.error_code, "expired"),
            error_reason=func.coalesce(_delivery.error_reason, "It could not be sent while its code was valid."),
        )
    )
    with reading() as connection:
        if not connection.execute(select(_delivery.id).where(idle, _delivery.expires_at <= now).limit(1)).first():
            return 0
    with writing() as connection:
        return int(connection.execute(statement).rowcount)


def _is_due(now: datetime) -> ColumnElement[bool]:
    return and_(
        _delivery.expires_at > now,
        or_(
            and_(_delivery.status == DeliveryStatus.QUEUED.value, _delivery.next_attempt_at <= now),
            and_(_delivery.status == DeliveryStatus.SENDING.value, _delivery.lease_until <= now),
        ),
    )


def _claim(delivery_id: int) -> _Claim | None:
    now = clock.now()
    statement = (
        update(_table)
        .where(_delivery.id == delivery_id, _is_due(now))
        .values(
            status=DeliveryStatus.SENDING.value,
            lease_until=now + LEASE,
            attempts=_delivery.attempts + 1,
            started_at=func.coalesce(_delivery.started_at, literal(now, UtcDateTime)),
        )
        .returning(_delivery.attempts)
    )
    with writing() as connection:
        attempt = connection.execute(statement).scalar_one_or_none()
    return None if attempt is None else _Claim(delivery_id, attempt)


def _send(claim: _Claim) -> Receipt:
    statement = select(_delivery.project_id, _delivery.channel, _delivery.notifier_id, _delivery.payload).where(
        _delivery.id == claim.id, _delivery.attempts == claim.attempt
    )
    try:
        with reading() as connection:
            row = connection.execute(statement).one()
    except InvalidToken:
        raise SendFailed("The message can't be decrypted: its key is missing.", code="key", retryable=False) from None
    if row.notifier_id is None:
        raise SendFailed("The notifier has been deleted.", code="notifier", retryable=False)
    message = Message(project_id=row.project_id, channel=Channel(row.channel), **row.payload)
    return send_through(row.notifier_id, message)


def _log_outcome(claim: _Claim, error: SendFailed | None) -> None:
    """One line per attempt; neither the recipient nor the message is in it."""
    fields = {"delivery": claim.id, "attempt": claim.attempt, "error_code": error.code if error else None}
    _log.info("delivery failed" if error else "delivery sent", extra={"fields": fields})


def _sent(claim: _Claim, receipt: Receipt) -> None:
    _finish(
        claim,
        {
            "status": DeliveryStatus.SENT.value,
            "provider_id": receipt.provider_id[:200] or None,
            "error_code": None,
            "error_reason": None,
        },
    )


def _failed(claim: _Claim, error: SendFailed) -> None:
    told = {"error_code": error.code[:60] or None, "error_reason": error.reason[:300]}
    if not error.retryable:
        return _finish(claim, {"status": DeliveryStatus.FAILED.value, **told})
    now = clock.now()
    next_attempt = now + timedelta(seconds=BACKOFF[min(claim.attempt, len(BACKOFF)) - 1])
    is_over = _delivery.expires_at <= next_attempt
    with writing() as connection:
        connection.execute(
            _held(claim).values(
                status=case((is_over, DeliveryStatus.FAILED.value), else_=DeliveryStatus.QUEUED.value),
                payload=case((is_over, None), else_=_delivery.payload),
                finished_at=case((is_over, literal(now, UtcDateTime)), else_=None),
                next_attempt_at=next_attempt,
                lease_until=None,
                **told,
            )
        )


def _finish(claim: _Claim, values: dict[str, object]) -> None:
    with writing() as connection:
        connection.execute(_held(claim).values(payload=None, lease_until=None, finished_at=clock.now(), **values))


def _held(claim: _Claim) -> Update:
    return update(_table).where(
        _delivery.id == claim.id, _delivery.status == DeliveryStatus.SENDING.value, _delivery.attempts == claim.attempt
    )
