"""Looks up what happened to one recipient, by the HMAC of the address, so that nobody can list customers; audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.engine import Connection

from notifapp import clock, recipients
from notifapp.access import Principal, ProjectRef
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import MAX_ID, AnyRow, reading, table_of, writing
from notifapp.delivery.heartbeat import is_worker_running
from notifapp.delivery.models import ACCEPTED, TEST_BACKEND, Delivery, DeliveryStatus
from notifapp.errors import NotFound
from notifapp.notifiers.backends import find_backend
from notifapp.otp import codes
from notifapp.otp.models import ChallengeStatus, OtpChallenge
from notifapp.timeline.diagnosis import diagnose
from notifapp.timeline.events import Event, events_of
from notifapp.timeline.facts import AskedFor, Facts, RefusedCode, RefusedRequest, SentMessage
from notifapp.timeline.verdicts import Verdict
from notifapp.traces.models import Trace, TraceKind

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
MOST_ROWS = 500  # of challenges and of traces that one look reads; far more than a page shows

_challenge, _delivery, _trace = table_of(OtpChallenge).c, table_of(Delivery).c, table_of(Trace).c
_MESSAGE = [column for column in _delivery if column.name != "payload"]


@dataclass(frozen=True, slots=True)
class Whose:
    """A recipient as rows know it: on a channel, by the digests under every key, and masked."""

    channel: Channel
    digests: tuple[str, ...]
    masked: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is most likely, and what happened, newest first; `before` is where older events begin, if there are any."""

    masked: str
    verdict: Verdict
    events: list[Event]
    before: datetime | None


@dataclass(frozen=True, slots=True)
class _Rows:
    challenges: Sequence[AnyRow]
    deliveries: Sequence[AnyRow]
    traces: Sequence[AnyRow]


def of_address(
    project: ProjectRef,
    address: str,
    *,
    principal: Principal,
    limit: int = DEFAULT_LIMIT,
    before: datetime | None = None,
) -> Timeline:
    """The timeline of a phone number or, with an @, an email address. Raise `ValidationFailed` on `recipient`."""
    channel = Channel.EMAIL if "@" in address else Channel.SMS
    normal = recipients.normalise(channel, address, phone_region=project.phone_region)
    counted_as = recipients.counted_as(channel, normal)
    digests = tuple(codes.recipient_digests(project.id, channel.value, counted_as))
    return _look(project, Whose(channel, digests, recipients.mask(channel, normal)), principal, limit, before)


def of_delivery(
    project: ProjectRef, delivery_id: int, *, principal: Principal, before: datetime | None = None
) -> Timeline:
    """The timeline of the recipient whom this message was for. Raise `NotFound` if it isn't known any more."""
    statement = (
        select(_challenge.channel, _challenge.counted_as, _challenge.recipient)
        .join_from(table_of(Delivery), table_of(OtpChallenge), _challenge.id == _delivery.challenge_id)
        .where(_challenge.project_id == project.id, _delivery.id == min(delivery_id, MAX_ID))
    )
    with reading() as connection:
        found = connection.execute(statement).first()
    if found is None:
        raise NotFound
    whose = Whose(Channel(found.channel), (found.counted_as,), found.recipient)
    return _look(project, whose, principal, DEFAULT_LIMIT, before)


def _look(project: ProjectRef, whose: Whose, principal: Principal, limit: int, before: datetime | None) -> Timeline:
    now = clock.now()
    with writing() as connection:
        record(
            connection,
            Action.TIMELINE_SEEN,
            principal=principal,
            project_id=project.id,
            subject=whose.masked,
            detail={"channel": whose.channel.value},
        )
    with reading() as connection:
        newest = _read(connection, project, whose, None)
        shown = newest if before is None else _read(connection, project, whose, before)
    events = events_of(shown.challenges, shown.deliveries, shown.traces, now)
    if before is not None:
        events = [event for event in events if event.at < before]
    part = _part(events, limit)
    more = part[-1].at if len(part) < len(events) else None
    return Timeline(whose.masked, diagnose(_facts(newest, now)), part, more)


def _part(events: list[Event], limit: int) -> list[Event]:
    """The first `limit` events, and those of the same moment as the last, so that a page never parts them."""
    if len(events) <= limit:
        return events
    return [event for event in events if event.at >= events[limit - 1].at]


def _read(connection: Connection, project: ProjectRef, whose: Whose, before: datetime | None) -> _Rows:
    is_theirs = [
        _challenge.project_id == project.id,
        _challenge.channel == whose.channel.value,
        _challenge.counted_as.in_(whose.digests),
    ]
    is_noted: ColumnElement[bool] = _trace.digest.in_(whose.digests)
    if before is not None:
        is_theirs.append(_challenge.created_at < before)
        is_noted = and_(is_noted, _trace.at < before)
    newest = select(table_of(OtpChallenge)).where(*is_theirs).order_by(_challenge.created_at.desc()).limit(MOST_ROWS)
    challenges = connection.execute(newest).all()
    deliveries = _deliveries(connection, challenges)
    return _Rows(challenges, deliveries, _traces(connection, is_noted, deliveries))


def _deliveries(connection: Connection, challenges: Sequence[AnyRow]) -> Sequence[AnyRow]:
    """The messages of these challenges, newest first."""
    are_theirs = _delivery.challenge_id.in_([challenge.id for challenge in challenges])
    return connection.execute(select(*_MESSAGE).where(are_theirs).order_by(_delivery.id.desc())).all()


def _traces(connection: Connection, is_noted: ColumnElement[bool], deliveries: Sequence[AnyRow]) -> Sequence[AnyRow]:
    """The newest notes about the recipient and about these messages. Each is found by an index of its own."""
    of_recipient = select(table_of(Trace)).where(is_noted).order_by(_trace.at.desc()).limit(MOST_ROWS)
    of_messages = select(table_of(Trace)).where(_trace.delivery_id.in_([delivery.id for delivery in deliveries]))
    found = [*connection.execute(of_recipient).all(), *connection.execute(of_messages).all()]
    return sorted(found, key=lambda trace: trace.at, reverse=True)[:MOST_ROWS]


def _facts(rows: _Rows, now: datetime) -> Facts:
    refused = next((trace for trace in rows.traces if trace.kind == TraceKind.REFUSED), None)
    asked = _asked(rows, now)
    tries = (TraceKind.WRONG_CODE, TraceKind.LATE_CODE)
    return Facts(
        now=now,
        is_worker_running=is_worker_running(),
        asked=asked,
        refused=RefusedRequest(code=refused.code, reason=refused.reason, at=refused.at) if refused else None,
        tries=tuple(
            RefusedCode(code=trace.code, at=trace.at, is_right=trace.kind == TraceKind.LATE_CODE)
            for trace in rows.traces
            if trace.kind in tries and asked and trace.at >= asked.created_at
        ),
    )


def _asked(rows: _Rows, now: datetime) -> AskedFor | None:
    if not rows.challenges:
        return None
    newest = rows.challenges[0]
    is_expired = newest.status == ChallengeStatus.PENDING and newest.expires_at <= now
    message = next((delivery for delivery in rows.deliveries if delivery.challenge_id == newest.id), None)
    return AskedFor(
        status=ChallengeStatus.EXPIRED if is_expired else ChallengeStatus(newest.status),
        created_at=newest.created_at,
        sent_at=newest.created_at if message is None else message.created_at,
        expires_at=newest.expires_at,
        approved_at=newest.approved_at,
        message=None if message is None else _message(message),
    )


def _message(delivery: AnyRow) -> SentMessage:
    return SentMessage(
        status=DeliveryStatus(delivery.status),
        is_test=delivery.backend == TEST_BACKEND,
        reaches_people=delivery.backend == TEST_BACKEND or find_backend(delivery.backend).reaches_people,
        error_code=delivery.error_code,
        reason=delivery.error_reason,
        accepted_at=delivery.finished_at if delivery.status in ACCEPTED else None,
        delivered_at=delivery.reported_at if delivery.status == DeliveryStatus.DELIVERED else None,
    )
