"""The life of a message that tells an event: queued → sending → sent or failed, as that of a delivery.

It is claimed with a lease by one conditional UPDATE, and claimed again if the lease expires, so every message is
attempted at least once even if a worker dies. It is tried for a day, at growing intervals.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, or_, select, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.database import Statement, UtcDateTime, reading, table_of, writing
from notifapp.events import sending
from notifapp.events.models import EventMessage, MessageStatus
from notifapp.events.publishing import LIFETIME
from notifapp.notifiers.gateway.base import SendFailed

LEASE = timedelta(seconds=45)
LONGEST_SEND = timedelta(seconds=30)  # that the HTTP client's timeouts allow
# Seconds after the first, second, … failure; the last one repeats. As in the specification's schedule, with a shorter
# beginning: a receiver that restarts is back within seconds.
BACKOFF = (5, 30, 120, 300, 900, 1800, 3600, 7200, 14400)

_log = logging.getLogger("notifapp.events")
_table = table_of(EventMessage)
_message = _table.c
_NOW = bindparam("now", type_=UtcDateTime)


@dataclass(frozen=True, slots=True)
class Claim:
    """A message held by this worker; `attempt` fences off a worker whose lease has expired."""

    id: int
    attempt: int
    lease_until: datetime
    endpoint_id: int
    event_id: str
    type: str
    recipient: str | None
    data: dict[str, Any] = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attempt: the receiver's 2xx status, the failure, or None if nothing was sent."""

    claim: Claim
    result: int | SendFailed | None


def _is_due(message: Any) -> Any:
    is_waiting = and_(message.status == MessageStatus.QUEUED.value, message.next_attempt_at <= _NOW)
    is_abandoned = and_(message.status == MessageStatus.SENDING.value, message.lease_until <= _NOW)
    return or_(is_waiting, is_abandoned)


def _claim_statement() -> Statement:
    candidate = _table.alias("candidate")
    due = (
        select(candidate.c.id)
        .where(_is_due(candidate.c))
        .order_by(candidate.c.next_attempt_at)
        .limit(bindparam("room"))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claimed = {
        "status": MessageStatus.SENDING.value,
        "lease_until": bindparam("lease_until"),
        "attempts": _message.attempts + 1,
    }
    names = ("id", "attempts", "lease_until", "endpoint_id", "event_id", "type", "recipient", "data", "created_at")
    return Statement(
        update(_table)
        .where(_message.id.in_(select(due.c.id)))
        .values(claimed)
        .returning(*(_message[name] for name in names))
    )


_ANY_DUE = Statement(select(_message.id).where(_is_due(_message)).limit(1))
_CLAIM = _claim_statement()
_HELD = update(_table).where(
    _message.id == bindparam("message_id"),
    _message.status == MessageStatus.SENDING.value,
    _message.attempts == bindparam("attempt"),
)
_RESULT: dict[str, Any] = {name: bindparam(name) for name in ("response_code", "error_reason")}
_FINISH = Statement(_HELD.values(status=bindparam("new_status"), lease_until=None, finished_at=_NOW, **_RESULT))
_IS_TOO_LATE = _message.expires_at <= bindparam("next_attempt_at")
_RETRY = Statement(
    _HELD.values(
        status=case((_IS_TOO_LATE, MessageStatus.FAILED.value), else_=MessageStatus.QUEUED.value),
        finished_at=case((_IS_TOO_LATE, _NOW), else_=None),
        next_attempt_at=bindparam("next_attempt_at"),
        lease_until=None,
        **_RESULT,
    )
)
_RELEASE = Statement(
    _HELD.values(
        status=MessageStatus.QUEUED.value, attempts=_message.attempts - 1, lease_until=None, next_attempt_at=_NOW
    )
)


def is_any_due() -> bool:
    """Whether any message is due. Only reads, so that idle workers don't block writers."""
    with reading() as connection:
        return _ANY_DUE.first(connection, now=clock.now()) is not None


def exchange(outcomes: Iterable[Outcome], room: int) -> list[Claim]:
    """In one transaction, save the outcomes of attempts and claim up to `room` due messages."""
    with writing() as connection:
        for outcome in sorted(outcomes, key=lambda each: each.claim.id):
            _write(connection, outcome)
        return _claim(connection, room) if room else []


def send(claim: Claim) -> Outcome:
    """Send a claimed message. Never raises: a failure is part of the outcome."""
    if claim.lease_until - clock.now() < LONGEST_SEND:
        return Outcome(claim, None)
    try:
        outcome = Outcome(claim, sending.post(claim.endpoint_id, claim.event_id, _body(claim)))
    except SendFailed as failed:
        outcome = Outcome(claim, failed)
    except Exception:
        _log.exception("unexpected error while sending an event")
        outcome = Outcome(claim, SendFailed("Something went wrong on our side.", code="internal", retryable=True))
    _log_attempt(outcome)
    return outcome


def unsent(claim: Claim) -> Outcome:
    """The outcome of a claim that is given back."""
    return Outcome(claim, None)


def send_again(connection: Connection, endpoint_id: int, message_id: int) -> bool:
    """Queue a finished message once more, with its id as it was. Say whether there was one."""
    now = clock.now()
    statement = (
        update(_table)
        .where(
            _message.id == message_id,
            _message.endpoint_id == endpoint_id,
            _message.status.in_((MessageStatus.SENT.value, MessageStatus.FAILED.value)),
        )
        .values(
            status=MessageStatus.QUEUED.value,
            attempts=0,
            next_attempt_at=now,
            expires_at=now + LIFETIME,
            finished_at=None,
            response_code=None,
            error_reason=None,
        )
    )
    return connection.execute(statement).rowcount > 0


def give_up(connection: Connection, endpoint_id: int, reason: str) -> None:
    """Fail what is queued for an endpoint. What is being sent may finish, but is not tried again."""
    is_queued = _message.endpoint_id == endpoint_id, _message.status == MessageStatus.QUEUED.value
    failed = {"status": MessageStatus.FAILED.value, "finished_at": clock.now(), "error_reason": reason}
    connection.execute(update(_table).where(*is_queued).values(failed))


def _claim(connection: Connection, room: int) -> list[Claim]:
    now = clock.now()
    rows = _CLAIM.all(connection, now=now, lease_until=now + LEASE, room=room)
    return [Claim(*row) for row in sorted(rows, key=lambda row: int(row.id))]


def _body(claim: Claim) -> str:
    """The same text on every attempt: what is signed is what is sent."""
    data = claim.data | ({"recipient": claim.recipient} if claim.recipient is not None else {})
    return sending.payload(claim.type, claim.created_at, data)


def _write(connection: Connection, outcome: Outcome) -> None:
    claim, result, now = outcome.claim, outcome.result, clock.now()
    held = {"message_id": claim.id, "attempt": claim.attempt, "now": now}
    if result is None:
        _RELEASE.execute(connection, **held)
    elif isinstance(result, SendFailed):
        about = {"response_code": _status(result), "error_reason": result.reason[:300]}
        if result.retryable:
            next_attempt_at = now + timedelta(seconds=BACKOFF[min(claim.attempt, len(BACKOFF)) - 1])
            _RETRY.execute(connection, **held, next_attempt_at=next_attempt_at, **about)
        else:
            _FINISH.execute(connection, **held, new_status=MessageStatus.FAILED.value, **about)
    else:
        _FINISH.execute(
            connection, **held, new_status=MessageStatus.SENT.value, response_code=result, error_reason=None
        )


def _status(failed: SendFailed) -> int | None:
    """The HTTP status in a failure, if there was an answer."""
    return int(failed.code) if failed.code.isdecimal() else None


def _log_attempt(outcome: Outcome) -> None:
    """Log one line per attempt, without what is told and to which address."""
    failed = outcome.result if isinstance(outcome.result, SendFailed) else None
    fields = {
        "event": outcome.claim.event_id,
        "attempt": outcome.claim.attempt,
        "error_code": failed.code if failed else None,
    }
    _log.info("event not taken" if failed else "event sent", extra={"fields": fields})
