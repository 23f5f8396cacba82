"""The life of a delivery until its gateway has accepted it: queued → sending → sent or failed.

The table is a transactional outbox: a row is written in the transaction that causes the message, claimed with a lease
by one conditional UPDATE, and claimed again if the lease expires. So every delivery is attempted at least once, even if
a worker dies.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.breakers import service as breakers
from notifapp.breakers.models import BreakerState
from notifapp.channels import Channel
from notifapp.database import Statement, Unreadable, UtcDateTime, reading, seal, table_of, unseal, writing
from notifapp.delivery.models import TEST_BACKEND, TEST_NOTIFIER, Delivery, DeliveryStatus, FixedOutcome, Purpose
from notifapp.events.models import EventType
from notifapp.events.publishing import Event, projects_told, publish, publish_undelivered
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.gateway.base import Accepted, Fault, Message, SendFailed
from notifapp.notifiers.gateway.network import time_limit
from notifapp.notifiers.gateway.receipts import TellsStatus
from notifapp.notifiers.sending import DELETED, Stopped, send_through
from notifapp.standby.routing import Key, Order, Place, has_standby, orders
from notifapp.traces import service as traces

LEASE = timedelta(seconds=45)
LONGEST_SEND = timedelta(seconds=30)  # that the backends' timeouts allow; no send starts with less of its lease left
FIRST_ASK = timedelta(seconds=15)  # after which the gateway is asked what became of a message
BACKOFF = (2, 5, 10, 20, 40)  # seconds after the first, second, … failure; the last one repeats
FRESH = timedelta(seconds=1)  # a claim that has waited for a sender for less
# Where others stand by: at least how long a gateway may take, and until what may be out already is sent once more.
SHORTEST_PATIENCE = timedelta(seconds=2)
SHORTEST_DEADLINE, LONGEST_DEADLINE = timedelta(seconds=4), timedelta(seconds=60)

_log = logging.getLogger("notifapp.delivery")
_table = table_of(Delivery)
_delivery = _table.c
_NOW = bindparam("now", type_=UtcDateTime)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to queue; `masked` is all that is kept of the recipient once it is sent."""

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
    challenge_id: str | None = None


@dataclass(frozen=True, slots=True)
class Pretended:
    """A message to a test recipient: it is never sent, so there is neither an address nor a text."""

    project_id: int
    channel: Channel
    masked: str
    outcome: FixedOutcome
    expires_at: datetime
    challenge_id: str


@dataclass(frozen=True, slots=True)
class Reported(Accepted):
    """A pretended acceptance, and what the carrier would report in a while."""

    status: DeliveryStatus
    reason: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery held by this worker; `attempt` fences off a worker whose lease has expired.

    With `has_standby` another notifier that works stands by for the one that is to send it.
    """

    id: int
    attempt: int
    lease_until: datetime
    expires_at: datetime
    project_id: int
    channel: Channel
    purpose: Purpose
    notifier_id: int | None
    notifier_name: str
    backend: str
    payload_id: str
    payload: str = field(repr=False)
    created_at: datetime
    has_standby: bool

    @property
    def is_movable(self) -> bool:
        """Whether another notifier may send it: it has a code for a customer."""
        return self.purpose is Purpose.OTP and self.notifier_id is not None

    @property
    def claimed_at(self) -> datetime:
        """When this worker took it."""
        return self.lease_until - LEASE

    def part_of_life(self, part: int, least: timedelta, most: timedelta) -> timedelta:
        """One of so many parts of its code's life, within these bounds."""
        return min(max((self.expires_at - self.created_at) / part, least), most)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attempt: the gateway's acceptance, the failure, or None if nothing was sent."""

    claim: Claim
    result: Accepted | SendFailed | None


def _is_due(delivery: Any) -> Any:
    is_waiting = and_(delivery.status == DeliveryStatus.QUEUED.value, delivery.next_attempt_at <= _NOW)
    is_abandoned = and_(delivery.status == DeliveryStatus.SENDING.value, delivery.lease_until <= _NOW)
    return and_(delivery.expires_at > _NOW, or_(is_waiting, is_abandoned))


def _claim_statement() -> Statement:
    candidate = _table.alias("candidate")
    due = (
        select(candidate.c.id)
        .where(_is_due(candidate.c))
        .order_by(candidate.c.next_attempt_at)
        .limit(bindparam("room"))
        .with_for_update(skip_locked=True)
        .cte("due")  # PostgreSQL might run a subquery twice, and lock twice as many rows
    )
    claimed = {
        "status": DeliveryStatus.SENDING.value,
        "lease_until": bindparam("lease_until"),
        "attempts": _delivery.attempts + 1,
        "started_at": func.coalesce(_delivery.started_at, _NOW),
    }
    return Statement(
        update(_table)
        .where(_delivery.id.in_(select(due.c.id)))
        .values(claimed)
        .returning(
            _delivery.id,
            _delivery.attempts,
            _delivery.lease_until,
            _delivery.expires_at,
            _delivery.project_id,
            _delivery.channel,
            _delivery.purpose,
            _delivery.notifier_id,
            _delivery.notifier_name,
            _delivery.backend,
            _delivery.payload_id,
            _delivery.payload,  # opened when it is sent: a bad one mustn't stop the rest
            _delivery.created_at,
            has_standby(_delivery.project_id, _delivery.channel).label("has_standby"),
        )
    )


def _withdraw_statement() -> Statement:
    """Lock in the order of ids, as `exchange` does, so that neither waits for the other."""
    candidate = _table.alias("candidate")
    unfinished = (
        select(candidate.c.id)
        .where(candidate.c.challenge_id == bindparam("challenge_id"), candidate.c.finished_at.is_(None))
        .order_by(candidate.c.id)
        .with_for_update()
        .cte("unfinished")
    )
    return Statement(update(_table).where(_delivery.id.in_(select(unfinished.c.id))).values(expires_at=_NOW))


_QUEUED = (
    "project_id", "notifier_id", "notifier_name", "backend", "channel", "recipient", "purpose",
    "payload_id", "payload", "next_attempt_at", "expires_at", "created_at", "challenge_id",
)  # fmt: skip
_ENQUEUE = Statement(insert(_table).values({name: bindparam(name) for name in _QUEUED}).returning(_delivery.id))
_WITHDRAW = _withdraw_statement()
_ANY_DUE = Statement(select(_delivery.id).where(_is_due(_delivery)).limit(1))
_CLAIM = _claim_statement()
_HELD = update(_table).where(
    _delivery.id == bindparam("delivery_id"),
    _delivery.status == DeliveryStatus.SENDING.value,
    _delivery.attempts == bindparam("attempt"),
)
# What is told of a delivery that has failed.
TOLD = [_delivery[name] for name in (
    "id", "project_id", "challenge_id", "notifier_name", "channel", "recipient", "purpose", "status", "error_reason",
)]  # fmt: skip
_RESULT: dict[str, Any] = {name: bindparam(name) for name in ("provider_id", "error_code", "error_reason")}
_FINISH = Statement(
    _HELD.values(
        status=bindparam("new_status"),
        payload=None,
        lease_until=None,
        finished_at=_NOW,
        next_ask_at=bindparam("next_ask_at"),
        reported_at=bindparam("reported_at", type_=UtcDateTime),
        **_RESULT,
    ).returning(*TOLD)
)
_IS_TOO_LATE = _delivery.expires_at <= bindparam("next_attempt_at")
_RETRY = Statement(
    _HELD.values(
        status=case((_IS_TOO_LATE, DeliveryStatus.FAILED.value), else_=DeliveryStatus.QUEUED.value),
        payload=case((_IS_TOO_LATE, None), else_=_delivery.payload),
        finished_at=case((_IS_TOO_LATE, _NOW), else_=None),
        next_attempt_at=bindparam("next_attempt_at"),
        lease_until=None,
        **_RESULT,
    ).returning(*TOLD)
)
# What it was queued for stays known until it goes back there.
_MOVE = Statement(
    update(_table)
    .where(_delivery.id == bindparam("delivery_id"))
    .values(
        notifier_id=bindparam("to_id"),
        notifier_name=bindparam("to_name"),
        backend=bindparam("to_backend"),
        instead_of=func.nullif(func.coalesce(_delivery.instead_of, _delivery.notifier_name), bindparam("to_name")),
    )
)
_RELEASE = Statement(
    _HELD.values(
        status=DeliveryStatus.QUEUED.value, attempts=_delivery.attempts - 1, lease_until=None, next_attempt_at=_NOW
    )
)


def enqueue(connection: Connection, outgoing: Outgoing) -> int:
    """Queue a message in the caller's transaction. Return the delivery's id."""
    payload = {
        "recipient": outgoing.recipient,
        "subject": outgoing.subject,
        "body": outgoing.body,
        "variables": dict(outgoing.variables),
    }
    return _enqueue(
        connection,
        payload,
        project_id=outgoing.project_id,
        notifier_id=outgoing.notifier_id,
        notifier_name=outgoing.notifier_name,
        backend=outgoing.backend,
        channel=outgoing.channel.value,
        recipient=outgoing.masked,
        purpose=outgoing.purpose.value,
        expires_at=outgoing.expires_at,
        challenge_id=outgoing.challenge_id,
    )


def pretend(connection: Connection, message: Pretended) -> int:
    """Queue a message that the worker will only pretend to send: a slow one after half of its code's life.

    Return the delivery's id.
    """
    is_slow = message.outcome is FixedOutcome.SLOW
    return _enqueue(
        connection,
        {"outcome": message.outcome.value},
        waits=(message.expires_at - clock.now()) / 2 if is_slow else timedelta(0),
        project_id=message.project_id,
        notifier_id=None,
        notifier_name=TEST_NOTIFIER,
        backend=TEST_BACKEND,
        channel=message.channel.value,
        recipient=message.masked,
        purpose=Purpose.OTP.value,
        expires_at=message.expires_at,
        challenge_id=message.challenge_id,
    )


def withdraw(connection: Connection, challenge_id: str, now: datetime) -> None:
    """Expire the unfinished messages of a challenge: their codes are void."""
    _WITHDRAW.execute(connection, challenge_id=challenge_id, now=now)


def record_test(connection: Connection, about: Mapping[str, object], result: Accepted | SendFailed) -> None:
    """Record a test message that has already been sent; `about` holds the table's other columns."""
    now = clock.now()
    is_sent = isinstance(result, Accepted)
    values = {
        "purpose": Purpose.TEST.value,
        "status": (DeliveryStatus.SENT if is_sent else DeliveryStatus.FAILED).value,
        "attempts": 1,
        **_result_columns(result),
        **dict.fromkeys(("next_attempt_at", "expires_at", "finished_at"), now),
    }
    connection.execute(insert(_table).values(**about, **values))


def is_any_due() -> bool:
    """Whether any delivery is due. Only reads, so that idle workers don't block writers."""
    with reading() as connection:
        return _ANY_DUE.first(connection, now=clock.now()) is not None


def exchange(outcomes: Sequence[Outcome], room: int) -> list[Claim]:
    """In one transaction, save the outcomes of attempts and claim up to `room` due deliveries."""
    with writing() as connection:
        onward = orders(connection, {_key(each.claim) for each in outcomes if _goes_on(each)})
        for outcome in sorted(outcomes, key=lambda each: each.claim.id):
            _write(connection, outcome, onward)
        breakers.note(connection, ((each.claim.notifier_id, each.result) for each in outcomes))
        return _claim(connection, room) if room else []


def send(claim: Claim) -> Outcome:
    """Send a claimed delivery. Never raises: a failure is part of the outcome."""
    if claim.lease_until - clock.now() < LONGEST_SEND or _is_overtaken(claim):
        return Outcome(claim, None)
    try:
        with time_limit(patience(claim).total_seconds()):
            outcome = Outcome(claim, _send(claim))
    except SendFailed as failed:
        outcome = Outcome(claim, failed)
    except Exception:
        _log.exception("unexpected error while sending a delivery")
        outcome = Outcome(claim, _internal())
    _log_attempt(outcome)
    return outcome


def unsent(claim: Claim) -> Outcome:
    """The outcome of a claim that is given back."""
    return Outcome(claim, None)


def tell_failed(connection: Connection, failed: Iterable[Any]) -> None:
    """Tell that these rows of deliveries have failed; tests are nobody's business but theirs who made them."""
    told = projects_told(connection, EventType.DELIVERY_FAILED)
    for row in failed:
        if row.project_id in told and row.purpose == Purpose.OTP.value:
            data = {
                "delivery": row.id,
                "challenge": row.challenge_id,
                "notifier": row.notifier_name,
                "channel": row.channel,
                "reason": row.error_reason,
            }
            publish(connection, Event(row.project_id, EventType.DELIVERY_FAILED, data, row.recipient))


def tell_undelivered(connection: Connection, row: Any) -> None:
    """Tell that a carrier could not deliver the message of this row, unless it was a test."""
    if row.purpose == Purpose.OTP.value:
        publish_undelivered(
            connection,
            row.project_id,
            delivery=row.id,
            challenge=row.challenge_id,
            recipient=row.recipient,
            reason=row.error_reason,
        )


def give_up_expired() -> int:
    """Fail the deliveries whose codes have expired, unless they are being sent. Return their number."""
    now = clock.now()
    is_queued = _delivery.status == DeliveryStatus.QUEUED.value
    is_abandoned = and_(_delivery.status == DeliveryStatus.SENDING.value, _delivery.lease_until <= now)
    is_over = and_(or_(is_queued, is_abandoned), _delivery.expires_at <= now)
    with reading() as connection:
        if connection.execute(select(_delivery.id).where(is_over).limit(1)).first() is None:
            return 0
    reason = "It could not be sent while its code was valid."
    statement = (
        update(_table)
        .where(is_over)
        .values(
            status=DeliveryStatus.FAILED.value,
            payload=None,
            lease_until=None,
            finished_at=now,
            error_code=func.coalesce(_delivery.error_code, "expired"),
            error_reason=func.coalesce(_delivery.error_reason, reason),
        )
        .returning(*TOLD)
    )
    with writing() as connection:
        failed = connection.execute(statement).all()
        tell_failed(connection, failed)
        return len(failed)


def _enqueue(
    connection: Connection,
    payload: Mapping[str, object],
    *,
    project_id: int,
    waits: timedelta = timedelta(0),
    **columns: object,
) -> int:
    """Queue what isn't to be sent before it has waited for so long."""
    now, payload_id = clock.now(), secrets.token_hex(16)
    queued = _ENQUEUE.first(
        connection,
        project_id=project_id,
        payload_id=payload_id,
        payload=seal(_delivery.payload, payload, project_id=project_id, payload_id=payload_id),
        next_attempt_at=now + waits,
        created_at=now,
        **columns,
    )
    return int(queued.id)


def _claim(connection: Connection, room: int) -> list[Claim]:
    now = clock.now()
    rows = _CLAIM.all(connection, now=now, lease_until=now + LEASE, room=room)
    claims = [
        Claim(
            id=row.id,
            attempt=row.attempts,
            lease_until=row.lease_until,
            expires_at=row.expires_at,
            project_id=row.project_id,
            channel=Channel(row.channel),
            purpose=Purpose(row.purpose),
            notifier_id=row.notifier_id,
            notifier_name=row.notifier_name,
            backend=row.backend,
            payload_id=row.payload_id,
            payload=row.payload,
            created_at=row.created_at,
            has_standby=row.has_standby,
        )
        for row in sorted(rows)
    ]
    known = orders(connection, {_key(claim) for claim in claims if claim.has_standby and claim.is_movable})
    return [_routed(connection, claim, known.get(_key(claim))) for claim in claims]


def _key(claim: Claim) -> Key:
    return claim.project_id, claim.channel


def _routed(connection: Connection, claim: Claim, order: Order | None) -> Claim:
    """The claim, for the notifier that is to send it; it is noted unless that is the first one's first attempt."""
    moved = replace(claim, has_standby=False) if claim.has_standby else claim
    if order is not None and claim.notifier_id is not None and claim.is_movable:
        place = order.for_claim(connection, claim.notifier_id, claim.id)
        if place is not None and place.id != claim.notifier_id:
            _move(connection, claim, place)
            moved = replace(claim, notifier_id=place.id, notifier_name=place.name, backend=place.backend)
        moved = replace(moved, has_standby=order.works_without(moved.notifier_id))
    instead_of = claim.notifier_name if moved.notifier_id != claim.notifier_id else None
    if claim.attempt > 1 or instead_of:
        traces.note_claim(connection, claim.id, claim.attempt, notifier=moved.notifier_name, instead_of=instead_of)
    return moved


def _move(connection: Connection, claim: Claim, place: Place) -> None:
    _MOVE.execute(connection, delivery_id=claim.id, to_id=place.id, to_name=place.name, to_backend=place.backend)


def _is_overtaken(claim: Claim) -> bool:
    """Whether its notifier has stopped working while the claim waited for a sender, so that another one is to send it.

    A claim that didn't wait needn't ask: what was known when it was taken still holds.
    """
    if not claim.has_standby or claim.notifier_id is None or clock.now() - claim.claimed_at < FRESH:
        return False
    return breakers.states([claim.notifier_id])[claim.notifier_id].state is BreakerState.OPEN


def patience(claim: Claim) -> timedelta:
    """How long its gateway may take: with others standing by, only as long as its code can wait."""
    return claim.part_of_life(40, SHORTEST_PATIENCE, LONGEST_SEND) if claim.has_standby else LONGEST_SEND


def _goes_on(outcome: Outcome) -> bool:
    """Whether a message failed in a way in which another notifier may do better."""
    failed = outcome.result
    return outcome.claim.has_standby and isinstance(failed, SendFailed) and failed.fault is Fault.NOTIFIER


def _onward_at(claim: Claim, failed: SendFailed, now: datetime) -> datetime:
    """When the next notifier is to send a message that failed: at once, unless the customer may still get it.

    Then only after a while that its code can spare, or every slow answer would send the message twice.
    """
    if not failed.may_have_gone:
        return now
    return max(now, claim.claimed_at + claim.part_of_life(24, SHORTEST_DEADLINE, LONGEST_DEADLINE))


def _send(claim: Claim) -> Accepted:
    if claim.backend == TEST_BACKEND:
        return _pretended(FixedOutcome(_opened(claim)["outcome"]))
    if claim.notifier_id is None:
        raise Stopped(DELETED)
    message = Message(
        id=claim.payload_id,
        project_id=claim.project_id,
        channel=claim.channel,
        expires_at=claim.expires_at,
        **_opened(claim),
    )
    return send_through(claim.notifier_id, message)


def _opened(claim: Claim) -> dict[str, Any]:
    """What to send. Raise `SendFailed` if it can't be read."""
    try:
        payload: dict[str, Any] = unseal(_delivery.payload, claim)
    except Unreadable:
        reason = "The message can't be decrypted: its key is missing, or it was written for another delivery."
        raise SendFailed(reason, code="key", retryable=False, fault=Fault.OURS) from None
    return payload


def _internal() -> SendFailed:
    reason = "Something went wrong on our side."
    return SendFailed(reason, code="internal", retryable=True, fault=Fault.OURS)


def _pretended(outcome: FixedOutcome) -> Reported:
    """What a gateway and a carrier would say of a test recipient. Raise `SendFailed` if it is to be refused."""
    if outcome is FixedOutcome.REFUSED:
        raise SendFailed("This test recipient is set to be refused.", code="test", retryable=False, fault=Fault.OURS)
    if outcome is FixedOutcome.UNDELIVERED:
        return Reported("", DeliveryStatus.UNDELIVERED, "This test recipient is set to be undelivered.")
    return Reported("", DeliveryStatus.DELIVERED, None)


def _write(connection: Connection, outcome: Outcome, known: Mapping[Key, Order]) -> None:
    claim, result, now = outcome.claim, outcome.result, clock.now()
    held = {"delivery_id": claim.id, "attempt": claim.attempt, "now": now}
    if result is None:
        _RELEASE.execute(connection, **held)
        return
    order = known.get(_key(claim)) if _goes_on(outcome) else None
    onward = order.after(claim.notifier_id) if order and claim.notifier_id is not None else None
    if isinstance(result, SendFailed) and (result.retryable or onward):
        wait = timedelta(seconds=BACKOFF[min(claim.attempt, len(BACKOFF)) - 1])
        next_attempt_at = _onward_at(claim, result, now) if onward else now + wait
        written = _RETRY.first(connection, **held, next_attempt_at=next_attempt_at, **_result_columns(result))
        if onward and written is not None and written.status == DeliveryStatus.QUEUED.value:
            _move(connection, claim, onward)
    else:
        columns = _result_columns(result) | {
            "new_status": _status_of(result).value,
            "next_ask_at": now + FIRST_ASK if _can_be_asked(claim, result) else None,
            "reported_at": now if isinstance(result, Reported) else None,
        }
        written = _FINISH.first(connection, **held, **columns)
    if written is None:
        return
    if isinstance(result, SendFailed):
        _note_failure(connection, claim, result, written, now)
    elif written.status == DeliveryStatus.UNDELIVERED.value:
        tell_undelivered(connection, written)


def _status_of(result: Accepted | SendFailed) -> DeliveryStatus:
    if isinstance(result, Reported):
        return result.status
    return DeliveryStatus.SENT if isinstance(result, Accepted) else DeliveryStatus.FAILED


def _can_be_asked(claim: Claim, result: Accepted | SendFailed) -> bool:
    """Whether the gateway can be asked later what became of the message."""
    return (
        isinstance(result, Accepted)
        and bool(result.provider_id)
        and isinstance(find_backend(claim.backend), TellsStatus)
    )


def _note_failure(connection: Connection, claim: Claim, failed: SendFailed, written: Any, now: datetime) -> None:
    """Note that an attempt failed, and tell it if it was the last."""
    columns = _result_columns(failed)
    why = (columns["error_code"], columns["error_reason"])
    traces.note_failure(connection, claim.id, claim.attempt, *why, notifier=claim.notifier_name, at=now)
    if written.status == DeliveryStatus.FAILED.value:
        tell_failed(connection, [written])


def _result_columns(result: Accepted | SendFailed) -> dict[str, Any]:
    """The gateway's result as column values, cut to the columns' lengths."""
    if isinstance(result, Accepted):
        reason = result.reason if isinstance(result, Reported) else None
        return {"provider_id": result.provider_id[:200] or None, "error_code": None, "error_reason": reason}
    return {"provider_id": None, "error_code": result.code[:60] or None, "error_reason": result.reason[:300]}


def _log_attempt(outcome: Outcome) -> None:
    """Log one line per attempt, without the recipient and the message."""
    failed = outcome.result if isinstance(outcome.result, SendFailed) else None
    fields = {
        "delivery": outcome.claim.id,
        "attempt": outcome.claim.attempt,
        "error_code": failed.code if failed else None,
    }
    _log.info("delivery failed" if failed else "delivery sent", extra={"fields": fields})
