"""How often codes may be sent and tried: rows in the database, so that every process and a restart see them.

The caller of each function here holds the recipient's row (`take`), so what is counted can't change under it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from notifapp.database import read_connection, table_of
from notifapp.errors import TooManyRequests
from notifapp.otp import models
from notifapp.otp.models import OtpChallenge, OtpLimits, OtpRecipient

FREE_FAILURES = 5  # as many tries as one challenge has; then each further failure makes the next one wait
FIRST_WAIT = 30  # seconds; doubled by each further failure
LONGEST_WAIT = 3600  # seconds

_recipient, _challenge = table_of(OtpRecipient), table_of(OtpChallenge)


@dataclass(frozen=True, slots=True)
class Limits:
    """A project's limits: tries a challenge, seconds between sends, sends an hour and a day, failures in a row."""

    max_attempts: int = models.MAX_ATTEMPTS
    resend_seconds: int = models.RESEND_SECONDS
    sends_per_hour: int = models.SENDS_PER_HOUR
    sends_per_day: int = models.SENDS_PER_DAY
    max_failures: int = models.MAX_FAILURES
    phone_region: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a code goes to, as far as the database knows: the MAC of the address."""

    project_id: int
    channel: str
    digest: str

    @property
    def key(self) -> dict[str, Any]:
        """The row's primary key."""
        return {"project_id": self.project_id, "channel": self.channel, "digest": self.digest}


def get_limits(project_id: int) -> Limits:
    """The project's limits, or the defaults."""
    table = table_of(OtpLimits)
    with read_connection() as connection:
        row = connection.execute(select(table).where(table.c.project_id == project_id)).one_or_none()
    if row is None:
        return Limits()
    return Limits(**{name: row._mapping[name] for name in Limits.__slots__})


def take(session: Session, recipient: Recipient, masked: str, now: datetime) -> None:
    """Take the recipient's row, so that calls for it come one after the other.

    Raise `TooManyRequests` while it has to wait, or has been stopped until an admin releases it.
    """
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = (
        insert(_recipient)
        .values(**recipient.key, masked=masked)
        .on_conflict_do_update(index_elements=["project_id", "channel", "digest"], set_={"masked": masked})
        .returning(_recipient.c.blocked_until, _recipient.c.stopped_at)
    )
    row = session.connection().execute(statement).one()
    if row.stopped_at is not None:
        raise TooManyRequests(
            86400, "Too many wrong codes for this recipient. An admin of the project must release it first."
        )
    if row.blocked_until is not None and row.blocked_until > now:
        wait = _seconds(row.blocked_until - now)
        raise TooManyRequests(wait, f"Too many wrong codes for this recipient. Try again in {wait} seconds.")


def check_sends(session: Session, recipient: Recipient, limits: Limits, now: datetime) -> None:
    """Raise `TooManyRequests` unless one more code may be sent now."""
    sent = _sent_since(session, recipient, now - timedelta(days=1))
    since_last = timedelta(seconds=limits.resend_seconds)
    _at_most(1, [at for at in sent if at > now - since_last], since_last, now, "A code was sent just now.")
    hour, day = timedelta(hours=1), timedelta(days=1)
    last_hour = [at for at in sent if at > now - hour]
    _at_most(limits.sends_per_hour, last_hour, hour, now, "Too many codes were sent in the last hour.")
    _at_most(limits.sends_per_day, sent, day, now, "Too many codes were sent in the last day.")


def count_failure(session: Session, recipient: Recipient, limits: Limits, now: datetime) -> None:
    """Count one wrong code, and make the next try wait: longer each time, and at last for an admin."""
    failures = (
        session.connection()
        .execute(
            update(_recipient)
            .filter_by(**recipient.key)
            .values(failures=_recipient.c.failures + 1)
            .returning(_recipient.c.failures)
        )
        .scalar_one()
    )
    session.connection().execute(
        update(_recipient)
        .filter_by(**recipient.key)
        .values(
            blocked_until=now + timedelta(seconds=wait_after(failures)),
            stopped_at=now if failures >= limits.max_failures else None,
        )
    )


def forget_failures(session: Session, recipient: Recipient) -> None:
    """A right code ends the row of failures (NIST counts consecutive ones); a new challenge never does."""
    session.connection().execute(update(_recipient).filter_by(**recipient.key).values(failures=0, blocked_until=None))


def wait_after(failures: int) -> int:
    """Seconds to wait after so many failures in a row."""
    if failures < FREE_FAILURES:
        return 0
    return int(min(FIRST_WAIT * 2 ** min(failures - FREE_FAILURES, 20), LONGEST_WAIT))


def _sent_since(session: Session, recipient: Recipient, since: datetime) -> list[datetime]:
    challenge = _challenge.c
    statement = (
        select(challenge.created_at)
        .where(
            challenge.project_id == recipient.project_id,
            challenge.channel == recipient.channel,
            challenge.recipient_digest == recipient.digest,
            challenge.created_at > since,
        )
        .order_by(challenge.created_at)
    )
    return list(session.connection().execute(statement).scalars())


def _at_most(limit: int, sent: list[datetime], window: timedelta, now: datetime, what: str) -> None:
    if len(sent) >= limit:
        wait = _seconds(sent[len(sent) - limit] + window - now)
        raise TooManyRequests(wait, f"{what} Try again in {wait} seconds.")


def _seconds(duration: timedelta) -> int:
    return max(ceil(duration.total_seconds()), 1)
