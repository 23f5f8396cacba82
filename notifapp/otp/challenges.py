"""Challenges as they are found: a row with its codes, and what its project may see of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.channels import Channel
from notifapp.database import Statement, reading, table_of
from notifapp.errors import NotFound, Quota
from notifapp.events.models import EventType
from notifapp.events.publishing import is_told
from notifapp.otp import codes
from notifapp.otp.codes import Code
from notifapp.otp.limits import service as limits
from notifapp.otp.models import ChallengeStatus, OtpChallenge, OtpResend

_challenge, _resend = table_of(OtpChallenge).c, table_of(OtpResend).c
_PROJECT = bindparam("project_id", type_=_challenge.project_id.type)
# A challenge and its first code, in a row for each of its resends.
_FIND = Statement(
    limits.with_limits(select(table_of(OtpChallenge)), _challenge.project_id)
    .add_columns(
        _resend.number,
        _resend.code_mac.label("resend_mac"),
        _resend.code_length.label("resend_length"),
        _resend.expires_at.label("resend_expires_at"),
        _resend.delivery_id.label("resend_delivery_id"),
        is_told(_PROJECT, EventType.CODE_APPROVED).label("is_approval_told"),
    )
    .outerjoin(table_of(OtpResend), _resend.challenge_id == _challenge.id)
    .where(_challenge.id == bindparam("challenge_id"), _challenge.project_id == _PROJECT)
    .order_by(_resend.number)
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as its project may see it: without its codes, and with the recipient masked.

    `lengths` are those of the codes that are valid, or of the newest if none is. `delivery_ids` are the messages that
    are still known, oldest first; `quotas` is what is left of the limits after a code that was sent just now.
    """

    id: str
    channel: Channel
    recipient: str
    status: ChallengeStatus
    code_length: int
    lengths: list[int]
    codes_alive: int
    attempts_left: int
    created_at: datetime
    expires_at: datetime
    resend_at: datetime
    approved_at: datetime | None
    delivery_ids: list[int]
    quotas: Sequence[Quota]


def find(connection: Connection, project: ProjectRef, challenge_id: str) -> tuple[Any, list[Code]]:
    """The challenge's row with the project's limits, and its codes, oldest first. Raise `NotFound`."""
    rows = []
    if codes.is_challenge_id(challenge_id):
        rows = _FIND.all(connection, challenge_id=challenge_id, project_id=project.id)
    if not rows:
        raise NotFound
    found = rows[0]
    ends = found.created_at + timedelta(seconds=found.ttl)
    known = [Code(1, found.code_mac, found.code_length, ends, found.delivery_id)]
    for row in rows:
        if row.number:
            mac, length, ends = row.resend_mac, row.resend_length, row.resend_expires_at
            known.append(Code(row.number, mac, length, ends, row.resend_delivery_id))
    return found, known


def alive(known: Sequence[Code], now: datetime) -> list[Code]:
    """Those of a challenge's codes that are still valid."""
    return [code for code in known if code.expires_at > now]


def shown(row: Mapping[str, Any], known: Sequence[Code], now: datetime, quotas: Sequence[Quota] = ()) -> Challenge:
    """A challenge's row with its codes, oldest first, as of now."""
    status, newest = _status_at(row["status"], row["expires_at"], now), known[-1]
    valid = alive(known, now) if status is ChallengeStatus.PENDING else []
    return Challenge(
        id=row["id"],
        channel=Channel(row["channel"]),
        recipient=row["recipient"],
        status=status,
        code_length=newest.length,
        lengths=[code.length for code in valid or [newest]],
        codes_alive=len(valid),
        attempts_left=row["attempts_left"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        resend_at=row["resend_at"],
        approved_at=row["approved_at"],
        delivery_ids=[code.delivery_id for code in known if code.delivery_id],
        quotas=quotas,
    )


def statuses(challenge_ids: Collection[str]) -> dict[str, ChallengeStatus]:
    """The status of each of these challenges that is still known."""
    if not challenge_ids:
        return {}
    columns, now = (_challenge.id, _challenge.status, _challenge.expires_at), clock.now()
    with reading() as connection:
        rows = connection.execute(select(*columns).where(_challenge.id.in_(challenge_ids))).all()
    return {row.id: _status_at(row.status, row.expires_at, now) for row in rows}


def _status_at(status: str, expires_at: datetime, now: datetime) -> ChallengeStatus:
    is_expired = status == ChallengeStatus.PENDING.value and expires_at <= now
    return ChallengeStatus.EXPIRED if is_expired else ChallengeStatus(status)
