"""Limits how often codes may be sent and tried, counted in the database so that all processes share the counts.

Issuing and verifying lock the recipient's row first (`take`, `count_failure`, `forget_failures`), so calls for one
recipient are serialised and their counts can't change meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, or_, select, update
from sqlalchemy.engine import Connection

from notifapp import clock, wording
from notifapp.database import Statement, UtcDateTime, reading, table_of, upsert
from notifapp.errors import ErrorCode, TooManyRequests
from notifapp.otp import models
from notifapp.otp.models import OtpChallenge, OtpLimits, OtpRecipient

FREE_FAILURES = 5  # the default attempts of one challenge; from then on each failure imposes a wait
FIRST_WAIT = 30  # seconds; doubled with each further failure
LONGEST_WAIT = 3600  # seconds
STOPPED_RETRY = 86400  # seconds; there is no telling when an admin will unblock the recipient
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_WHY = {
    ErrorCode.TOO_SOON: "A code was sent just now.",
    ErrorCode.HOURLY_LIMIT: "Too many codes were sent in the last hour.",
    ErrorCode.DAILY_LIMIT: "Too many codes were sent in the last day.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """A project's limits: attempts per challenge, seconds between sends, sends per hour and day, failures in a row."""

    max_attempts: int = models.MAX_ATTEMPTS
    resend_seconds: int = models.RESEND_SECONDS
    sends_per_hour: int = models.SENDS_PER_HOUR
    sends_per_day: int = models.SENDS_PER_DAY
    max_failures: int = models.MAX_FAILURES

    @property
    def seconds_between(self) -> int:
        """The shortest time, in seconds, between two codes to one recipient."""
        now = clock.now()
        return int((next_send([], self, now) - now).total_seconds())


@dataclass(frozen=True, slots=True)
class Block:
    """Why a recipient can neither receive nor try codes: until a time, or until an admin unblocks them."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A code's recipient as stored: the MAC that it is counted under, the address masked, and the address's own MAC."""

    project_id: int
    channel: str
    digest: str
    masked: str
    address_digest: str

    @property
    def key(self) -> dict[str, Any]:
        """The row's primary key."""
        return {"project_id": self.project_id, "channel": self.channel, "digest": self.digest}


def wait_after(failures: int) -> int:
    """The seconds to wait after this many failures in a row."""
    if failures < FREE_FAILURES:
        return 0
    return int(min(FIRST_WAIT * 2 ** min(failures - FREE_FAILURES, 20), LONGEST_WAIT))


# The numbers of failures at which the wait changes.
_STEPS = [n for n in range(FREE_FAILURES, FREE_FAILURES + 20) if wait_after(n) != wait_after(n - 1)]

_limits = table_of(OtpLimits)
_table = table_of(OtpRecipient)
_recipient = _table.c
_IS_IT = [_recipient[name] == bindparam(name) for name in ("project_id", "channel", "digest")]
_NOW = bindparam("now", type_=UtcDateTime)
_MAY_TRY = [_recipient.stopped_at.is_(None), or_(_recipient.blocked_until.is_(None), _recipient.blocked_until <= _NOW)]


def _take(insert: Any) -> Any:
    """Insert the row, or update it to the same values: either way it is locked."""
    new = insert.values({name: bindparam(name) for name in ("project_id", "channel", "digest", "masked")})
    return new.on_conflict_do_update(
        index_elements=["project_id", "channel", "digest"], set_={"masked": new.excluded.masked}
    ).returning(_recipient.blocked_until, _recipient.stopped_at)


def _blocked_until(failures: ColumnElement[int]) -> ColumnElement[Any]:
    steps = [(failures >= step, bindparam(f"after_{step}", type_=UtcDateTime)) for step in reversed(_STEPS)]
    return case(*steps, else_=None)


_TAKE = Statement(upsert(_table, _take))
_COUNT_FAILURE = Statement(
    update(_table)
    .where(*_IS_IT, *_MAY_TRY)
    .values(
        failures=_recipient.failures + 1,
        blocked_until=_blocked_until(_recipient.failures + 1),
        stopped_at=case((_recipient.failures + 1 >= bindparam("max_failures"), _NOW), else_=None),
    )
)
_FORGET_FAILURES = Statement(update(_table).where(*_IS_IT, *_MAY_TRY).values(failures=0, blocked_until=None))
_challenge = table_of(OtpChallenge).c
_BLOCK = Statement(
    select(_recipient.blocked_until, _recipient.stopped_at)
    .join(
        table_of(OtpChallenge),
        and_(
            _challenge.project_id == _recipient.project_id,
            _challenge.channel == _recipient.channel,
            _challenge.counted_as == _recipient.digest,
        ),
    )
    .where(_challenge.id == bindparam("challenge_id"))
)
_GET = Statement(select(_limits).where(_limits.c.project_id == bindparam("project_id")))


def with_limits(statement: Select[Any], project_id: ColumnElement[int]) -> Select[Any]:
    """The statement with the project's limits added to its rows, for `limits_of`."""
    columns = [_limits.c[name] for name in Limits.__slots__]
    return statement.add_columns(*columns).outerjoin(_limits, _limits.c.project_id == project_id)


def limits_of(row: Any) -> Limits:
    """The limits in a row, or the defaults."""
    if row is None or row.max_attempts is None:
        return Limits()
    return Limits(**{name: getattr(row, name) for name in Limits.__slots__})


def get_limits(project_id: int) -> Limits:
    """The project's limits, or the defaults."""
    with reading() as connection:
        return limits_of(_GET.first(connection, project_id=project_id))


def block_of(challenge_id: str) -> Block | None:
    """The block that the recipient of this challenge is under, or None."""
    with reading() as connection:
        row = _BLOCK.first(connection, challenge_id=challenge_id)
    if row is None or not (row.stopped_at or (row.blocked_until and row.blocked_until > clock.now())):
        return None
    return Block(None if row.stopped_at else row.blocked_until)


def take(connection: Connection, recipient: Recipient) -> datetime:
    """Lock the recipient's row, so that calls for it are serialised. Return the time at which it was locked.

    Raise `TooManyRequests` while the recipient has to wait, or is blocked until an admin unblocks them.
    """
    row = _TAKE.first(connection, **recipient.key, masked=recipient.masked)
    now = clock.now()  # after waiting for the lock, which must not affect a code's lifetime
    if row.stopped_at is not None:
        raise TooManyRequests(
            STOPPED_RETRY,
            "Too many wrong codes for this recipient. An admin must unblock them first.",
            code=ErrorCode.RECIPIENT_BLOCKED,
        )
    if row.blocked_until is not None and row.blocked_until > now:
        why = "Too many wrong codes for this recipient."
        raise _wait(row.blocked_until - now, why, ErrorCode.TOO_MANY_WRONG_CODES)
    return now


def check_sends(sent: Sequence[datetime], limits: Limits, now: datetime) -> None:
    """Raise `TooManyRequests`, with the wait until every limit allows it, unless one more code may be sent now.

    `sent` holds the times of the last day's sends to the recipient, oldest first.
    """
    longest, code = _longest_wait(sent, limits, now)
    if longest > timedelta(0):
        raise _wait(longest, _WHY[code], code)


def next_send(sent: Sequence[datetime], limits: Limits, now: datetime) -> datetime:
    """When every limit allows the next code, after these sends of the last day (oldest first) and one more now."""
    longest, _code = _longest_wait([*sent, now], limits, now)
    return now + longest


def count_failure(connection: Connection, recipient: Recipient, limits: Limits) -> datetime:
    """Lock the recipient's row and count a wrong code, which imposes a growing wait and finally stops the recipient.

    Return the time at which the row was locked. Raise what `take` raises; then nothing is counted.
    """
    now = clock.now()
    waits = {f"after_{step}": now + timedelta(seconds=wait_after(step)) for step in _STEPS}
    return _take_to(_COUNT_FAILURE, connection, recipient, now=now, max_failures=limits.max_failures, **waits)


def forget_failures(connection: Connection, recipient: Recipient) -> datetime:
    """Lock the recipient's row and reset its failures, for a right code but never for a new challenge.

    NIST SP 800-63B-4, 3.2.2, counts consecutive failures. Return the time at which the row was locked. Raise what
    `take` raises.
    """
    return _take_to(_FORGET_FAILURES, connection, recipient, now=clock.now())


def _take_to(statement: Statement, connection: Connection, recipient: Recipient, **values: Any) -> datetime:
    """Execute a conditional UPDATE of the row. If none matches, the row is missing or has to wait: `take` decides."""
    if statement.execute(connection, **recipient.key, **values) == 0:
        take(connection, recipient)
        statement.execute(connection, **recipient.key, **values)
    return clock.now()


def _longest_wait(sent: Sequence[datetime], limits: Limits, now: datetime) -> tuple[timedelta, ErrorCode]:
    """The time until every limit allows a code, and the error code of the limit that is the last to."""
    rules = (
        (1, timedelta(seconds=limits.resend_seconds), ErrorCode.TOO_SOON),
        (limits.sends_per_hour, HOUR, ErrorCode.HOURLY_LIMIT),
        (limits.sends_per_day, DAY, ErrorCode.DAILY_LIMIT),
    )
    waits = [
        (_until_free(limit, [at for at in sent if at > now - window], window, now), code)
        for limit, window, code in rules
    ]
    return max(waits, key=lambda wait: wait[0])


def _until_free(limit: int, sent: list[datetime], window: timedelta, now: datetime) -> timedelta:
    """The time until fewer than `limit` of these sends, sorted oldest first, are within `window`."""
    return sent[len(sent) - limit] + window - now if len(sent) >= limit else timedelta(0)


def _wait(duration: timedelta, why: str, code: ErrorCode) -> TooManyRequests:
    seconds = max(ceil(duration.total_seconds()), 1)
    return TooManyRequests(seconds, f"{why} Try again in {wording.wait(seconds)}.", code=code)
