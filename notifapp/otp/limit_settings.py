"""Changing a project's limits, and releasing a recipient that they have stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import phonenumbers
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from notifapp import paging
from notifapp.access import Principal, ProjectRef
from notifapp.audit.service import Action, record
from notifapp.database import table_of, write_transaction
from notifapp.errors import Conflict, ValidationFailed
from notifapp.notifiers.channels import Channel
from notifapp.otp.limits import Limits
from notifapp.otp.models import BOUNDS, OtpLimits, OtpRecipient

PHONE_REGION = "phone_region"
LABELS = {
    "max_attempts": "Tries a code",
    "resend_seconds": "Seconds between two codes",
    "sends_per_hour": "Codes an hour",
    "sends_per_day": "Codes a day",
    "max_failures": "Wrong codes in a row",
    PHONE_REGION: "Phone region",
}
_recipient = table_of(OtpRecipient).c


def set_limits(project: ProjectRef, posted: Mapping[str, str], *, principal: Principal) -> None:
    """Save a project's limits, all of them, as a form posts them. Raise `ValidationFailed`."""
    after = _parse(posted)
    with write_transaction() as session:
        before = _locked(session, project.id)
        changes = _changes(before, after)
        if not changes:
            return
        session.merge(OtpLimits(project_id=project.id, **_values(after)))
        record(
            session,
            Action.OTP_LIMITS_CHANGED,
            principal=principal,
            project_id=project.id,
            subject="limits",
            detail={"changes": changes},
        )


def list_stopped(project: ProjectRef, cursor: paging.Cursor | None) -> paging.Slice:
    """The recipients that wait for an admin, last stopped first."""
    statement = select(
        _recipient.channel, _recipient.digest, _recipient.masked, _recipient.failures, _recipient.stopped_at
    ).where(_recipient.project_id == project.id, _recipient.stopped_at.is_not(None))
    return paging.fetch(
        statement, [_recipient.stopped_at, _recipient.channel, _recipient.digest], cursor, descending=True
    )


def release(project: ProjectRef, channel: Channel, digest: str, *, principal: Principal) -> str:
    """Let a stopped recipient receive and try codes again, its failures forgotten. Return it masked.

    Raise `Conflict` when it isn't stopped (any more).
    """
    statement = (
        update(table_of(OtpRecipient))
        .where(
            _recipient.project_id == project.id,
            _recipient.channel == channel.value,
            _recipient.digest == digest,
            _recipient.stopped_at.is_not(None),
        )
        .values(failures=0, blocked_until=None, stopped_at=None)
        .returning(_recipient.masked)
    )
    with write_transaction() as session:
        masked = session.connection().execute(statement).scalar_one_or_none()
        if masked is None:
            raise Conflict("This recipient isn't stopped any more.")
        record(session, Action.RECIPIENT_RELEASED, principal=principal, project_id=project.id, subject=f"{masked}")
    return str(masked)


def _parse(posted: Mapping[str, str]) -> Limits:
    errors: dict[str, list[str]] = {}
    numbers: dict[str, int] = {}
    for name, (least, most) in BOUNDS.items():
        text = posted.get(name, "").strip()
        if text.isdecimal() and len(text) < 6 and least <= int(text) <= most:
            numbers[name] = int(text)
        else:
            errors[name] = [f"Enter a whole number from {least} to {most}."]
    region = posted.get(PHONE_REGION, "").strip().upper() or None
    if region and region not in phonenumbers.SUPPORTED_REGIONS:
        errors[PHONE_REGION] = ["Enter the two letters of a country, such as IR or DE, or nothing."]
    if numbers.get("sends_per_hour", 0) > numbers.get("sends_per_day", 1000):
        errors["sends_per_day"] = ["Allow at least as many codes a day as an hour."]
    if errors:
        raise ValidationFailed(errors)
    return Limits(**numbers, phone_region=region)


def _locked(session: Session, project_id: int) -> Limits:
    row = session.get(OtpLimits, project_id, with_for_update=True)
    return Limits(**{field.name: getattr(row, field.name) for field in fields(Limits)}) if row else Limits()


def _values(limits: Limits) -> dict[str, object]:
    return {field.name: getattr(limits, field.name) for field in fields(Limits)}


def _changes(before: Limits, after: Limits) -> list[list[str]]:
    old, new = _values(before), _values(after)
    return [[label, _word(old[name]), _word(new[name])] for name, label in LABELS.items() if old[name] != new[name]]


def _word(value: object) -> str:
    return "None" if value is None else str(value)
