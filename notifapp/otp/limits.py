"""How often codes may be sent and tried: rows in the database, so that every process and a restart see them.

The caller of each function here holds the recipient's row (`take`), so what is counted can't change under it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import Update, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from notifapp import clock
from notifapp.database import read_connection, table_of
from notifapp.errors import TooManyRequests
from notifapp.otp import models
from notifapp.otp.models import OtpChallenge, OtpLimits, OtpRecipient

FREE_FAILURES = 5  # as many tries as one challenge has; then each further failure makes the next one wait
FIRST_WAIT = 30  # seconds; doubled by each further failure
LONGEST_WAIT = 3600  # seconds
STOPPED_RETRY = 86400  # seconds; nobody knows when an admin will come
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

_recipient, _challenge = table_of(OtpRecipient), table_of(OtpChallenge)


def _take(insert: Any) -> Any:
    """Insert the row, or write what it holds already: either way it is locked."""
    new = insert(_recipient)
    return new.on_conflict_do_update(
        index_elements=["project_id", "channel", "digest"], set_={"masked": new.excluded.masked}
    ).returning(_recipient.c.blocked_until, _recipient.c.stopped_at)


_TAKE = {"sqlite": _take(sqlite.insert), "postgresql": _take(postgresql.insert)}


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


def take(session: Session, recipient: Recipient, masked: str) -> datetime:
    """Take the recipient's row, so that calls for it come one after the other. Return the time of its turn.

    Raise `TooManyRequests` while it has to wait, or has been stopped until an admin releases it.
    """
    connection = session.connection()
    row = connection.execute(_TAKE[connection.dialect.name], {**recipient.key, "masked": masked}).one()
    now = clock.now()  # not before: waiting for the row must not make a code live longer
    if row.stopped_at is not None:
        raise TooManyRequests(
            STOPPED_RETRY, "Too many wrong codes for this recipient. An admin of the project must release it first."
        )
    if row.blocked_until is not None and row.blocked_until > now:
        raise _wait(row.blocked_until - now, "Too many wrong codes for this recipient.")
    return now


def check_sends(session: Session, recipient: Recipient, limits: Limits, now: datetime) -> None:
    """Raise `TooManyRequests` unless one more code may be sent now; it says when every limit allows it again."""
    sent = _sent_since(session, recipient, now - DAY)
    rules = (
        (1, timedelta(seconds=limits.resend_seconds), "A code was sent just now."),
        (limits.sends_per_hour, HOUR, "Too many codes were sent in the last hour."),
        (limits.sends_per_day, DAY, "Too many codes were sent in the last day."),
    )
    waits = [
        (_until_free(limit, [at for at in sent if at > now - window], window, now), what)
        for limit, window, what in rules
    ]
    longest, what = max(waits, key=lambda wait: wait[0])
    if longest > timedelta(0):
        raise _wait(longest, what)


def count_failure(session: Session, recipient: Recipient, limits: Limits, now: datetime) -> None:
    """Count one wrong code, and make the next try wait: longer each time, and at last for an admin."""
    connection = session.connection()
    one_more = _row(recipient).values(failures=_recipient.c.failures + 1).returning(_recipient.c.failures)
    failures = connection.execute(one_more).scalar_one()
    wait = wait_after(failures)
    connection.execute(
        _row(recipient).values(
            blocked_until=now + timedelta(seconds=wait) if wait else None,
            stopped_at=now if failures >= limits.max_failures else None,
        )
    )


def forget_failures(session: Session, recipient: Recipient) -> None:
    """A right code ends the row of failures (NIST counts consecutive ones); a new challenge never does."""
    session.connection().execute(_row(recipient).values(failures=0, blocked_until=None))


def wait_after(failures: int) -> int:
    """Seconds to wait after so many failures in a row."""
    if failures < FREE_FAILURES:
        return 0
    return int(min(FIRST_WAIT * 2 ** min(failures - FREE_FAILURES, 20), LONGEST_WAIT))


def _row(recipient: Recipient) -> Update:
    return update(_recipient).filter_by(**recipient.key)


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


def _until_free(limit: int, sent: list[datetime], window: timedelta, now: datetime) -> timedelta:
    """How long until fewer than `limit` of these sends, oldest first, are younger than `window`."""
    return sent[len(sent) - limit] + window - now if len(sent) >= limit else timedelta(0)


def _wait(duration: timedelta, why: str) -> TooManyRequests:
    seconds = max(ceil(duration.total_seconds()), 1)
    return TooManyRequests(seconds, f"{why} Try again in {in_words(seconds)}.")


def in_words(seconds: int) -> str:
    """A number of seconds as a person says it, rounded up: "45 seconds", "12 minutes", "3 hours"."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{ceil(seconds / size)} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
