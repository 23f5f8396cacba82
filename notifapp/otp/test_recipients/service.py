"""Adds, lists and removes a project's test recipients, for app-store reviewers and integration tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, func, select
from sqlalchemy.engine import Connection

from notifapp import clock, inputs, recipients
from notifapp.access import Principal, ProjectArchived, ProjectRef
from notifapp.access.archived import keep_open
from notifapp.access.models import Project
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import MAX_ID, AnyRow, Unreadable, insert_sealed, reading, table_of, unseal, writing
from notifapp.delivery.models import FixedOutcome
from notifapp.errors import Conflict, NotFound
from notifapp.inputs import FieldErrors
from notifapp.otp import codes
from notifapp.otp.test_recipients.models import OtpTestRecipient
from notifapp.settings.models import MAX_OTP_CODE_LEN, MIN_OTP_CODE_LEN

MOST = 20  # in a project, so that they stay what they are for
MAX_DAYS = 365

_table = table_of(OtpTestRecipient)
_test = _table.c
_MAX_ADDRESS_LENGTH = 254


@dataclass(frozen=True, slots=True)
class Listed:
    """A test recipient as admins see it; address or code is None if its key is missing."""

    id: int
    channel: Channel
    address: str | None = field(repr=False)
    code: str | None = field(repr=False)
    outcome: FixedOutcome
    ends_at: datetime
    is_active: bool
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class InForce:
    """How many test recipients are in force, and when the last of them ends."""

    count: int
    until: datetime


@dataclass(frozen=True, slots=True)
class _New:
    channel: Channel
    address: str = field(repr=False)
    code: str = field(repr=False)
    outcome: str
    ends_at: datetime


def add_test_recipient(project: ProjectRef, fields: Mapping[str, str], *, zone: ZoneInfo, principal: Principal) -> str:
    """Fix the code of a recipient until the end of a day in `zone`. Return the recipient, masked.

    `fields` are a form's raw values: `recipient`, `code`, `outcome` and `ends_on`. Raise `ValidationFailed` with every
    failing field, and `Conflict` if the project has as many as it may.
    """
    new = _parse(project, fields, zone)
    digests = codes.recipient_digests(project.id, new.channel.value, new.address)
    with writing() as connection:
        _lock(connection, project)
        _check_room(connection, project, new.channel, digests)
        values = {
            "project_id": project.id,
            "channel": new.channel.value,
            "digest": digests[0],
            "address": new.address,
            "code": new.code,
            "outcome": new.outcome,
            "ends_at": new.ends_at,
            "created_at": clock.now(),
            "created_by": principal.email,
        }
        insert_sealed(connection, _table, values)
        masked = recipients.mask(new.channel, new.address)
        detail = {"channel": new.channel.value, "outcome": new.outcome, "ends_at": clock.iso(new.ends_at)}
        record(
            connection,
            Action.TEST_RECIPIENT_ADDED,
            principal=principal,
            project_id=project.id,
            subject=masked,
            detail=detail,
        )
    return masked


def remove_test_recipient(project: ProjectRef, test_id: int, *, principal: Principal) -> None:
    """Remove one: from then on it is a recipient like any other. Raise `NotFound`."""
    found = get_test_recipient(project, test_id)
    with writing() as connection:
        keep_open(connection, project.id)
        if connection.execute(_table.delete().where(_test.id == found.id)).rowcount == 0:
            raise NotFound
        record(
            connection,
            Action.TEST_RECIPIENT_REMOVED,
            principal=principal,
            project_id=project.id,
            subject=recipients.mask(found.channel, found.address) if found.address else found.channel.label,
            detail={"channel": found.channel.value, "outcome": found.outcome.value},
        )


def list_test_recipients(project: ProjectRef) -> list[Listed]:
    """All of the project's, those that end last first; ended ones for as long as they are kept."""
    statement = select(_table).where(_test.project_id == project.id).order_by(_test.ends_at.desc(), _test.id)
    with reading() as connection:
        return [_listed(row) for row in connection.execute(statement)]


def get_test_recipient(project: ProjectRef, test_id: int) -> Listed:
    """One of the project's. Raise `NotFound`."""
    statement = select(_table).where(_test.project_id == project.id, _test.id == min(test_id, MAX_ID))
    with reading() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound
    return _listed(row)


def in_force(project: ProjectRef) -> InForce | None:
    """What the project's pages tell everybody about its test recipients; None if it has none."""
    statement = select(func.count(), func.max(_test.ends_at)).where(
        _test.project_id == project.id, _test.ends_at > clock.now()
    )
    with reading() as connection:
        count, until = connection.execute(statement).one()
    return InForce(count, until) if count else None


def _parse(project: ProjectRef, fields: Mapping[str, str], zone: ZoneInfo) -> _New:
    errors = FieldErrors()
    channel, address, code, outcome, ends_at = Channel.SMS, "", "", "", clock.now()
    with errors.of("recipient"):
        typed = inputs.text(fields.get("recipient", ""), max_length=_MAX_ADDRESS_LENGTH)
        channel = Channel.EMAIL if "@" in typed else Channel.SMS
        address = recipients.normalise(channel, typed, phone_region=project.phone_region)
    with errors.of("code"):
        code = _code(fields.get("code", ""))
    with errors.of("outcome"):
        outcome = inputs.choice(fields.get("outcome"), list(FixedOutcome))
    with errors.of("ends_on"):
        ends_at = _end(fields.get("ends_on", ""), zone)
    errors.raise_any()
    return _New(channel, address, code, outcome, ends_at)


def _code(typed: str) -> str:
    code = codes.normalise(typed)
    if not (code.isascii() and code.isdigit() and MIN_OTP_CODE_LEN <= len(code) <= MAX_OTP_CODE_LEN):
        raise ValueError(f"Enter {MIN_OTP_CODE_LEN} to {MAX_OTP_CODE_LEN} digits.")
    return code


def _end(typed: str, zone: ZoneInfo) -> datetime:
    """The last moment of a day, such as "2026-11-28"."""
    today = clock.now().astimezone(zone).date()
    last = today + timedelta(days=MAX_DAYS)
    try:
        day = date.fromisoformat(typed.strip())
    except ValueError:
        raise ValueError("Enter a day as YYYY-MM-DD.") from None
    if not today <= day <= last:
        raise ValueError(f"Enter a day from {today} to {last}.")
    return clock.end_of(day, zone)


def _lock(connection: Connection, project: ProjectRef) -> None:
    """Let others wait who add one to this project, or archive it. Raise `ProjectArchived`."""
    archived_at = select(Project.archived_at).where(Project.id == project.id).with_for_update(key_share=True)
    if connection.execute(archived_at).scalar_one() is not None:
        raise ProjectArchived


def _check_room(connection: Connection, project: ProjectRef, channel: Channel, digests: list[str]) -> None:
    """Raise `ValidationFailed` if the recipient is there already, and `Conflict` if there are as many as may be."""
    of_project = _test.project_id == project.id
    is_it = of_project, _test.channel == channel.value, _test.digest.in_(digests)
    errors = FieldErrors()
    with errors.of("recipient"):
        if connection.execute(select(_test.id).where(*is_it)).first():
            raise ValueError("This is a test recipient already. Remove it first to change it.")
    errors.raise_any()
    in_use = select(func.count()).where(of_project, _test.ends_at > clock.now())
    if connection.execute(in_use).scalar_one() >= MOST:
        raise Conflict(f"This project has {MOST} test recipients already. Remove one first.")


def _listed(row: AnyRow) -> Listed:
    return Listed(
        id=row.id,
        channel=Channel(row.channel),
        address=_opened(_test.address, row),
        code=_opened(_test.code, row),
        outcome=FixedOutcome(row.outcome),
        ends_at=row.ends_at,
        is_active=row.ends_at > clock.now(),
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _opened(column: Column[Any], row: AnyRow) -> str | None:
    try:
        text: str = unseal(column, row)
    except Unreadable:
        return None
    return text
