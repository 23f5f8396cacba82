"""Erases a recipient: afterwards no row has the address, plain, masked or as a digest.

Rows that are only about the recipient are deleted. Where just the mask is left, which others may share, or where a row
also says something else, the address is blanked: in deliveries whose challenge is gone, and in the audit trail.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, delete, exists, or_, select, update
from sqlalchemy.engine import Connection

from notifapp.access import Principal, credentials, held_secrets
from notifapp.access.models import HeldSecret, Project, Throttle, User
from notifapp.alerts.service import forget_email
from notifapp.audit.models import AuditEvent
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import AnyRow, reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.events.models import EventMessage
from notifapp.idempotency.models import IdempotentRequest
from notifapp.notifiers.models import OutboxMessage
from notifapp.otp import codes
from notifapp.otp.models import OtpChallenge, OtpRecipient, OtpResend
from notifapp.otp.test_recipients.models import OtpTestRecipient
from notifapp.recipients import counted_as, mask, normalise
from notifapp.retention.rules import COUNTED_AS
from notifapp.traces.models import Trace

ERASED = "(erased)"
BATCH = 500  # rows in a transaction

_challenge, _recipient, _delivery = table_of(OtpChallenge).c, table_of(OtpRecipient).c, table_of(Delivery).c
_resend, _test = table_of(OtpResend).c, table_of(OtpTestRecipient).c
_event, _outbox = table_of(AuditEvent).c, table_of(OutboxMessage).c


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows were deleted or blanked, and whether the address is a user's, whose own rows stay."""

    rows: int
    is_user: bool


def erase_recipient(address: str, *, principal: Principal) -> Erased:
    """Erase everything about this phone number or email address, in every project, and record that without it.

    Raise `ValidationFailed` on `recipient` for anything else, and for a number without its country. It can be repeated:
    what comes in meanwhile is found then.
    """
    channel = Channel.EMAIL if "@" in address else Channel.SMS
    address = normalise(channel, address, phone_region=None)
    masked = mask(channel, address)
    with reading() as connection:
        projects = connection.execute(select(Project.id)).scalars().all()
        is_user = connection.execute(select(User.id).where(User.email == address)).first() is not None
    rows = sum(_delete(project_id, channel, address) for project_id in projects)
    rows += _blank_deliveries(channel, masked)
    rows += _blank_told(masked)
    rows += _blank_events((masked,) if is_user else (masked, address))
    with writing() as connection:
        rows += _forget_forms_tries_and_replies(connection, address)
        rows += 0 if is_user else forget_email(connection, address)
        subject, detail = f"{channel.label} recipient", {"rows": rows}
        record(connection, Action.RECIPIENT_ERASED, principal=principal, subject=subject, detail=detail)
    return Erased(rows, is_user)


def _delete(project_id: int, channel: Channel, address: str) -> int:
    """Delete what a project has about the recipient. The counters are locked first, as issuing and verifying do."""
    digests = _digests(project_id, channel, address)
    is_counter = (
        _recipient.project_id == project_id,
        _recipient.channel == channel.value,
        _recipient.digest.in_(digests),
    )
    is_theirs = (
        _challenge.project_id == project_id,
        _challenge.channel == channel.value,
        COUNTED_AS.in_(digests),
    )
    is_test = _test.project_id == project_id, _test.channel == channel.value, _test.digest.in_(digests)
    is_kept_message = _outbox.project_id == project_id, _outbox.recipient == address
    with writing() as connection:
        connection.execute(select(_recipient.digest).where(*is_counter).with_for_update())
        # Taken first, as resends go with their challenges.
        resent = select(_resend.delivery_id).join(OtpChallenge).where(*is_theirs)
        resends = connection.execute(resent).scalars().all()
        challenges = delete(table_of(OtpChallenge)).where(*is_theirs).returning(_challenge.delivery_id)
        deliveries = [*connection.execute(challenges).scalars().all(), *resends]
        others = (
            delete(table_of(Delivery)).where(_delivery.id.in_([number for number in deliveries if number])),
            delete(table_of(OtpRecipient)).where(*is_counter),
            delete(table_of(Trace)).where(table_of(Trace).c.digest.in_(digests)),
            delete(table_of(OtpTestRecipient)).where(*is_test),
            delete(table_of(OutboxMessage)).where(*is_kept_message),
        )
        return len(deliveries) + sum(connection.execute(statement).rowcount for statement in others)


def _digests(project_id: int, channel: Channel, address: str) -> list[str]:
    """All under which a project may count the recipient."""
    forms = sorted({address, counted_as(channel, address)})
    return [digest for form in forms for digest in codes.recipient_digests(project_id, channel.value, form)]


def _blank_deliveries(channel: Channel, masked: str) -> int:
    """Blank the mask in deliveries of which no challenge says whose they were."""
    has_challenge = or_(
        exists().where(_challenge.delivery_id == _delivery.id), exists().where(_resend.delivery_id == _delivery.id)
    )
    anyones = select(_delivery.id).where(
        _delivery.channel == channel.value, _delivery.recipient == masked, ~has_challenge
    )
    with reading() as connection:
        found = connection.execute(anyones).scalars().all()
    for start in range(0, len(found), BATCH):
        are_they = _delivery.id.in_(found[start : start + BATCH])
        with writing() as connection:
            # What was never sent still holds its text; long after its code expired, nobody misses it.
            connection.execute(delete(table_of(Delivery)).where(are_they, _delivery.payload.is_not(None)))
            connection.execute(update(table_of(Delivery)).where(are_they).values(recipient=ERASED))
    return len(found)


def _blank_told(masked: str) -> int:
    """Blank the mask in what is told to projects' endpoints; what still waits is told without it."""
    with writing() as connection:
        told = update(EventMessage).where(EventMessage.recipient == masked).values(recipient=ERASED)
        return connection.execute(told).rowcount


def _blank_events(forms: tuple[str, ...]) -> int:
    """Blank these forms of the address wherever the audit trail names them; the events themselves stay."""
    detail = cast(_event.detail, Text)
    names_it: list[ColumnElement[bool]] = [_event.subject.in_(forms), _event.actor.in_(forms)]
    for form in forms:
        names_it += [detail.contains(written, autoescape=True) for written in {form, json.dumps(form)[1:-1]}]
    with reading() as connection:
        found = connection.execute(
            select(_event.id, _event.subject, _event.actor, _event.detail).where(or_(*names_it))
        ).all()
    for start in range(0, len(found), BATCH):
        with writing() as connection:
            for event in found[start : start + BATCH]:
                connection.execute(update(AuditEvent).where(_event.id == event.id).values(_blanked(event, forms)))
    return len(found)


def _blanked(event: AnyRow, forms: tuple[str, ...]) -> dict[str, Any]:
    columns = ("subject", "actor", "detail")
    return {column: _without(getattr(event, column), forms) for column in columns}


def _without(value: Any, forms: tuple[str, ...]) -> Any:
    """A JSON value without these forms of the address in any of its texts."""
    if isinstance(value, str):
        for form in forms:
            value = value.replace(form, ERASED)
        return value
    if isinstance(value, dict):
        return {key: _without(inner, forms) for key, inner in value.items()}
    return [_without(inner, forms) for inner in value] if isinstance(value, list) else value


def _forget_forms_tries_and_replies(connection: Connection, address: str) -> int:
    """Erase the count of sign-ins with the address, and what may name anybody: forms that wait, and kept replies."""
    statements = (
        delete(HeldSecret).where(HeldSecret.purpose == held_secrets.FORM),
        delete(Throttle).where(Throttle.key.contains(credentials.digest(address))),
        delete(IdempotentRequest).where(IdempotentRequest.reply.is_not(None)),  # one under way names nobody
    )
    return sum(connection.execute(statement).rowcount for statement in statements)
