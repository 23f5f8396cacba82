"""What happened, as a list in words: made from the rows that tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from notifapp.database import AnyRow
from notifapp.delivery.models import DeliveryStatus
from notifapp.errors import ErrorCode
from notifapp.otp.models import ChallengeStatus
from notifapp.traces.models import TraceKind

_TRIES: dict[str, str] = {
    ErrorCode.INVALID_CODE: "A wrong code was entered.",
    ErrorCode.INCOMPLETE_CODE: "A code with too few or too many digits was entered.",
    ErrorCode.EXPIRED_CODE: "A code was entered after its time.",
}
_LATE: dict[str, str] = {
    ErrorCode.EXPIRED_CODE: "The right code was entered, but it had expired.",
    ErrorCode.USED_CODE: "The right code was entered again. It had been accepted before.",
}


class Kind(StrEnum):
    """What happened. The values are a part of the API."""

    REQUESTED = "requested"
    RESENT = "resent"
    REFUSED = "refused"
    TAKEN = "taken"
    TAKEN_AGAIN = "taken_again"
    REROUTED = "rerouted"
    ATTEMPT_FAILED = "attempt_failed"
    ACCEPTED = "accepted"
    GIVEN_UP = "given_up"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    WRONG_CODE = "wrong_code"
    LATE_CODE = "late_code"
    APPROVED = "approved"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened; `code` and `reason` say why it failed, if it did."""

    at: datetime
    kind: Kind
    text: str
    challenge: str | None = None
    notifier: str | None = None
    code: str | None = None
    reason: str | None = None


def events_of(
    challenges: Sequence[AnyRow], deliveries: Sequence[AnyRow], traces: Sequence[AnyRow], now: datetime
) -> list[Event]:
    """All of it, newest first."""
    by_id = {delivery.id: delivery for delivery in deliveries}
    firsts = {challenge.delivery_id for challenge in challenges}
    failed = {(trace.delivery_id, trace.attempt) for trace in traces if trace.kind == TraceKind.FAILED}
    found = [event for challenge in challenges for event in _of_challenge(challenge, now)]
    found += [_of_resend(delivery) for delivery in deliveries if delivery.id not in firsts]
    found += [event for delivery in deliveries for event in _of_delivery(delivery)]
    found += [_of_trace(trace, by_id, failed) for trace in traces]
    order = list(Kind)
    return sorted(found, key=lambda event: (event.at, order.index(event.kind)), reverse=True)


def _of_challenge(challenge: AnyRow, now: datetime) -> Iterator[Event]:
    ends = {
        ChallengeStatus.REPLACED: " A newer code has replaced it.",
        ChallengeStatus.FAILED: " Too many wrong codes have ended it.",
    }
    text = f"A code was made.{ends.get(challenge.status, '')}"
    yield Event(at=challenge.created_at, kind=Kind.REQUESTED, text=text, challenge=challenge.id)
    if challenge.approved_at:
        text = "The right code was entered and approved."
        yield Event(at=challenge.approved_at, kind=Kind.APPROVED, text=text, challenge=challenge.id)
    elif challenge.status == ChallengeStatus.PENDING and challenge.expires_at <= now:
        text = "The code expired."
        yield Event(at=challenge.expires_at, kind=Kind.EXPIRED, text=text, challenge=challenge.id)


def _of_resend(delivery: AnyRow) -> Event:
    text = "One more code was made. Those before it stay valid until they expire."
    return Event(at=delivery.created_at, kind=Kind.RESENT, text=text, challenge=delivery.challenge_id)


def _of_delivery(delivery: AnyRow) -> Iterator[Event]:
    common: dict[str, Any] = {"challenge": delivery.challenge_id, "notifier": delivery.notifier_name}
    first = common | {"notifier": delivery.instead_of or delivery.notifier_name}
    why = {"code": delivery.error_code, "reason": delivery.error_reason}
    if delivery.started_at:
        yield Event(at=delivery.started_at, kind=Kind.TAKEN, text="A worker took the message.", **first)
    if delivery.finished_at is None:
        return
    if delivery.status == DeliveryStatus.FAILED:
        yield Event(at=delivery.finished_at, kind=Kind.GIVEN_UP, text="The message was given up.", **common, **why)
        return
    instead = f" in place of {delivery.instead_of}" if delivery.instead_of else ""
    text = f"{delivery.notifier_name} accepted the message{instead}."
    yield Event(at=delivery.finished_at, kind=Kind.ACCEPTED, text=text, **common)
    if delivery.status == DeliveryStatus.DELIVERED:
        yield Event(at=delivery.reported_at, kind=Kind.DELIVERED, text="The message was delivered.", **common)
    elif delivery.status == DeliveryStatus.UNDELIVERED:
        text = "The carrier could not deliver the message."
        yield Event(at=delivery.reported_at, kind=Kind.UNDELIVERED, text=text, **common, **why)


def _of_trace(trace: AnyRow, deliveries: dict[int, AnyRow], failed: set[tuple[int | None, int | None]]) -> Event:
    if trace.delivery_id is None:
        return _of_recipient(trace)
    delivery = deliveries[trace.delivery_id]
    notifier = trace.notifier or delivery.notifier_name
    common: dict[str, Any] = {"at": trace.at, "challenge": delivery.challenge_id, "notifier": notifier}
    if trace.kind == TraceKind.FAILED:
        text = f"Attempt {trace.attempt} failed."
        return Event(kind=Kind.ATTEMPT_FAILED, text=text, code=trace.code, reason=trace.reason, **common)
    if trace.reason:
        text = f"{trace.reason} The message goes through {notifier}, which stands by."
        return Event(kind=Kind.REROUTED, text=text, **common)
    text = f"A worker took the message again, for attempt {trace.attempt}."
    if (trace.delivery_id, trace.attempt - 1) not in failed:
        text += " The worker before it ended without a word, so the message may arrive twice."
    return Event(kind=Kind.TAKEN_AGAIN, text=text, **common)


def _of_recipient(trace: AnyRow) -> Event:
    why = {"code": trace.code, "challenge": trace.challenge_id}
    if trace.kind == TraceKind.REFUSED:
        text = "A code was asked for and refused."
        return Event(at=trace.at, kind=Kind.REFUSED, text=text, reason=trace.reason, **why)
    if trace.kind == TraceKind.LATE_CODE:
        text = _LATE.get(trace.code, "The right code was entered, but it is not valid any more.")
        return Event(at=trace.at, kind=Kind.LATE_CODE, text=text, **why)
    text = _TRIES.get(trace.code, "A code was entered and not accepted.")
    return Event(at=trace.at, kind=Kind.WRONG_CODE, text=text, **why)
