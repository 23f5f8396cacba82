"""How long customers took to enter their codes, and whom another lifetime would have lost.

Only codes that were accepted can be counted: how many came too late before, nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import Connection

from notifapp.database import Statement, table_of
from notifapp.otp.models import OtpChallenge, OtpResend
from notifapp.settings.models import MAX_OTP_TTL, MIN_OTP_TTL

MOST = 1000  # verified codes that are looked at, the last ones
LOST_PERCENT = 1
FEW_PERCENT = 5

_challenge, _resend = table_of(OtpChallenge).c, table_of(OtpResend).c
_LAST = Statement(
    select(
        _challenge.created_at,
        _challenge.ttl,
        _challenge.approved_at,
        select(func.min(_resend.created_at))
        .where(_resend.challenge_id == _challenge.id, _resend.expires_at > _challenge.approved_at)
        .scalar_subquery()
        .label("resent_at"),
    )
    .where(
        _challenge.project_id == bindparam("project_id"),
        _challenge.approved_at.is_not(None),
        _challenge.unsettled > 0,  # test recipients know their codes
    )
    .order_by(_challenge.approved_at.desc())
    .limit(MOST)
)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The last verified codes: how many, how many a lifetime would have lost, and the shortest good one.

    That is the shortest lifetime allowed, in seconds, that would have lost one in a hundred at most. `percentile_95` is
    the number of whole seconds within which 95 in a hundred were entered. Both are None without any.
    """

    verified: int
    too_late: int
    shortest_ttl: int | None
    percentile_95: int | None


def arrivals(connection: Connection, project_id: int, ttl: int) -> Arrivals:
    """What a lifetime of `ttl` seconds would have meant for the project's last verified codes."""
    return measure([_seconds(row) for row in _LAST.all(connection, project_id=project_id)], ttl)


def measure(seconds: Sequence[float], ttl: int) -> Arrivals:
    """The same, for codes that were entered after so many seconds. A code ends when `ttl` seconds are over."""
    if not seconds:
        return Arrivals(0, 0, None, None)
    slowest_first = sorted(seconds, reverse=True)
    shortest, usual = (_keeping_all_but(percent, slowest_first) for percent in (LOST_PERCENT, FEW_PERCENT))
    too_late = sum(each >= ttl for each in seconds)
    return Arrivals(len(seconds), too_late, min(max(shortest, MIN_OTP_TTL), MAX_OTP_TTL), usual)


def _keeping_all_but(percent: int, slowest_first: Sequence[float]) -> int:
    """The shortest lifetime in whole seconds that would have lost so many percent at most."""
    return int(slowest_first[len(slowest_first) * percent // 100]) + 1


def _seconds(row: Any) -> float:
    """From when the first of a challenge's codes that was still valid was sent until one of them was accepted.

    Which one of several was entered isn't stored. Customers enter the one that came first, and counting from the later
    ones would make a slow gateway look fast.
    """
    is_first_over = row.created_at + timedelta(seconds=row.ttl) <= row.approved_at
    sent_at = row.resent_at if is_first_over and row.resent_at else row.created_at
    return float((row.approved_at - sent_at).total_seconds())
