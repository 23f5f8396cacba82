"""How long customers took to enter their codes, and whom another lifetime would have lost.

Only codes that were accepted can be counted: how many came too late before, nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from notifapp.database import Statement, table_of
from notifapp.otp.models import OtpChallenge, OtpResend
from notifapp.settings.models import MAX_OTP_TTL, MIN_OTP_TTL

MOST = 1000  # verified codes that are looked at, the last ones
LOST_PERCENT = 1

_challenge, _resend = table_of(OtpChallenge).c, table_of(OtpResend).c
_last = (
    select(_challenge.id, _challenge.created_at, _challenge.ttl, _challenge.approved_at)
    .where(_challenge.project_id == bindparam("project_id"), _challenge.approved_at.is_not(None))
    .order_by(_challenge.approved_at.desc())
    .limit(MOST)
    .subquery("last")
)
# A row for each challenge, or for each of its resends.
_LAST = Statement(
    select(
        *_last.c, _resend.created_at.label("resent_at"), _resend.expires_at.label("resend_expires_at")
    ).outerjoin_from(_last, table_of(OtpResend), _resend.challenge_id == _last.c.id)
)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The last verified codes: how many, how many a lifetime would have lost, and the shortest good one.

    That is the shortest lifetime allowed, in seconds, that would have lost one in a hundred at most; None without any.
    """

    verified: int
    too_late: int
    shortest_ttl: int | None


def arrivals(connection: Connection, project_id: int, ttl: int) -> Arrivals:
    """What a lifetime of `ttl` seconds would have meant for the project's last verified codes."""
    return measure(_seconds(_LAST.all(connection, project_id=project_id)), ttl)


def measure(seconds: Sequence[float], ttl: int) -> Arrivals:
    """The same, for codes that were entered after so many seconds. A code ends when `ttl` seconds are over."""
    if not seconds:
        return Arrivals(0, 0, None)
    may_be_lost = len(seconds) * LOST_PERCENT // 100
    slowest_kept = sorted(seconds, reverse=True)[may_be_lost]
    shortest = min(max(int(slowest_kept) + 1, MIN_OTP_TTL), MAX_OTP_TTL)
    return Arrivals(len(seconds), sum(each >= ttl for each in seconds), shortest)


def _seconds(rows: Iterable[Any]) -> list[float]:
    """From when the first of a challenge's codes that was still valid was sent until one of them was accepted.

    Which one of several was entered isn't stored. Customers enter the one that came first, and counting from the later
    ones would make a slow gateway look fast.
    """
    longest: dict[str, float] = {}
    for row in rows:
        codes = (row.created_at, row.created_at + timedelta(seconds=row.ttl)), (row.resent_at, row.resend_expires_at)
        taken = [(row.approved_at - sent).total_seconds() for sent, ends in codes if sent and ends > row.approved_at]
        longest[row.id] = max([longest.get(row.id, 0.0), *taken])
    return list(longest.values())
