"""Lists blocked recipients, and releases them: from the page, the API and the command line alike.

A release resets what wrong codes have led to, and never how many codes were sent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, tuple_, update
from sqlalchemy.engine import Connection

from notifapp import clock, recipients, wording
from notifapp.access import Principal, ProjectRef
from notifapp.access.archived import keep_open
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import keyset, reading, table_of, writing
from notifapp.otp import codes
from notifapp.otp.models import OtpRecipient

MAX_NAMED = 100  # recipients that one event of the audit trail lists

_table = table_of(OtpRecipient)
_recipient = _table.c


@dataclass(frozen=True, slots=True)
class Blocked:
    """One blocked recipient by its key, which stands for the address without telling it."""

    channel: Channel
    digest: str


def list_blocked(project: ProjectRef, cursor: keyset.Cursor | None) -> keyset.Slice:
    """The recipients blocked after too many wrong codes in a row, last blocked first."""
    columns = (
        _recipient.channel,
        _recipient.digest,
        _recipient.masked,
        _recipient.failures,
        _recipient.stopped_at,
        _recipient.blocked_until,
    )
    statement = select(*columns).where(*_are_blocked(project, clock.now()))
    return keyset.fetch(
        statement, [_recipient.stopped_at, _recipient.channel, _recipient.digest], cursor, descending=True
    )


def count_blocked(project: ProjectRef) -> int:
    """How many recipients are blocked."""
    statement = select(func.count()).select_from(_table).where(*_are_blocked(project, clock.now()))
    with reading() as connection:
        return int(connection.execute(statement).scalar_one())


def masked(project: ProjectRef, chosen: Collection[Blocked]) -> list[str]:
    """Those of the chosen that are still blocked, masked."""
    statement = select(_recipient.masked).where(*_are_blocked(project, clock.now()), _is_among(chosen))
    with reading() as connection:
        return list(connection.execute(statement.order_by(_recipient.masked)).scalars())


def release_chosen(project: ProjectRef, chosen: Collection[Blocked], *, principal: Principal) -> list[str]:
    """Release those of the chosen that are still blocked. Return them masked."""
    return _release(project, principal, *_are_blocked(project, clock.now()), _is_among(chosen))


def release_all(project: ProjectRef, *, principal: Principal) -> list[str]:
    """Release every blocked recipient of the project. Return them masked."""
    return _release(project, principal, *_are_blocked(project, clock.now()))


def release_address(
    project: ProjectRef, address: str, *, principal: Principal, channel: Channel | None = None
) -> list[str]:
    """Release one recipient, from a wait as well as from a block. Return it masked, or nothing if it was free.

    Without a channel, an address with an @ is an email address and any other one a phone number. Raise
    `ValidationFailed` on `recipient`.
    """
    channel = channel or (Channel.EMAIL if "@" in address else Channel.SMS)
    normal = recipients.normalise(channel, address, phone_region=project.phone_region)
    counted_as = recipients.counted_as(channel, normal)
    is_it = (
        _recipient.project_id == project.id,
        _recipient.channel == channel.value,
        _recipient.digest.in_(codes.recipient_digests(project.id, channel.value, counted_as)),
        or_(_recipient.failures > 0, _recipient.stopped_at.is_not(None)),
    )
    return _release(project, principal, *is_it)


def _are_blocked(project: ProjectRef, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        _recipient.project_id == project.id,
        _recipient.stopped_at.is_not(None),
        or_(_recipient.blocked_until.is_(None), _recipient.blocked_until > now),
    )


def _is_among(chosen: Collection[Blocked]) -> ColumnElement[bool]:
    keys = [(recipient.channel.value, recipient.digest) for recipient in chosen]
    return tuple_(_recipient.channel, _recipient.digest).in_(keys)


def _release(project: ProjectRef, principal: Principal, *which: ColumnElement[bool]) -> list[str]:
    statement = update(_table).where(*which).values(failures=0, blocked_until=None, stopped_at=None)
    with writing() as connection:
        keep_open(connection, project.id)
        released = sorted(connection.execute(statement.returning(_recipient.masked)).scalars())
        if released:
            _record(connection, project, principal, released)
    return released


def _record(connection: Connection, project: ProjectRef, principal: Principal, released: list[str]) -> None:
    """One event for all, which names them masked."""
    is_one = len(released) == 1
    record(
        connection,
        Action.RECIPIENT_RELEASED,
        principal=principal,
        project_id=project.id,
        subject=released[0] if is_one else wording.count(len(released), "recipient"),
        detail={} if is_one else {"recipients": released[:MAX_NAMED]},
    )
