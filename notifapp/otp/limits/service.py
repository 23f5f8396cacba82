"""Limits how often codes may be sent and tried, counted in the database so that all processes share the counts.

Issuing and verifying lock the recipient's row first (`take`, `count_failure`, `forget_failures`), so calls for one
recipient are serialised and their counts can't change meanwhile. A wait and a block keep new codes from being sent, and
never a right code from being accepted: guesses at an open challenge are bounded by its attempts, and a stranger who
fails on purpose can't lock its owner out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, delete, or_, select, update
from sqlalchemy.engine import Connection

from notifapp import clock, wording
from notifapp.database import Statement, UtcDateTime, reading, table_of, upsert
from notifapp.errors import ErrorCode, Quota, TooManyRequests
from notifapp.otp import models
from notifapp.otp.models import OtpChallenge, OtpLimits, OtpRecipient

FREE_FAILURES = 5  # the default attempts of one challenge; from then on each failure imposes a wait
FIRST_WAIT = 30  # seconds; doubled with each further failure
LONGEST_WAIT = 3600  # seconds
STOPPED_RETRY = 86400  # seconds; there is no telling when somebody will release the recipient
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST_ALIVE = 3  # codes of one challenge: each is one more that a guess may hit
_WHY: dict[str, str] = {
    ErrorCode.TOO_SOON: "A code was sent just now.",
    ErrorCode.HOURLY_LIMIT: "Too many codes were sent in the last hour.",
    ErrorCode.DAILY_LIMIT: "Too many codes were sent in the last day.",
    ErrorCode.TOO_MANY_CODES: f"{MOST_ALIVE} codes are still valid.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """A project's limits: attempts per challenge, seconds between sends, sends per hour and day, failures in a row.

    A recipient with that many failures is blocked for `stop_hours`, or until it is released if that is None.
    """

    max_attempts: int = models.MAX_ATTEMPTS
    resend_seconds: int = models.RESEND_SECONDS
    sends_per_hour: int = models.SENDS_PER_HOUR
    sends_per_day: int = models.SENDS_PER_DAY
    max_failures: int = models.MAX_FAILURES
    stop_hours: int | None = models.STOP_HOURS

    @property
    def seconds_between(self) -> int:
        """The shortest time, in seconds, between two codes to one recipient."""
        now = clock.now()
        return int((next_send(quotas([now], self, now), now) - now).total_seconds())


@dataclass(frozen=True, slots=True)
class Block:
    """Why no code is sent to a recipient: until a time, or until they are released if that is None.

    `is_stop` tells the block after too many failures in a row from the waits before it.
    """

    until: datetime | None
    is_stop: bool


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
_stop_ended = and_(_recipient.stopped_at.is_not(None), _recipient.blocked_until <= _NOW)
_failures_then = case(
    (_stop_ended, 1), else_=_recipient.failures + 1
)  # after one more; those before a stop are done with
_is_stopped = and_(
    _recipient.stopped_at.is_not(None), or_(_recipient.blocked_until.is_(None), _recipient.blocked_until > _NOW)
)
_stops = _failures_then >= bindparam("max_failures")


def _take(insert: Any) -> Any:
    """Insert the row, or update it to the same values: either way it is locked."""
    new = insert.values({name: bindparam(name) for name in ("project_id", "channel", "digest", "masked")})
    return new.on_conflict_do_update(
        index_elements=["project_id", "channel", "digest"], set_={"masked": new.excluded.masked}
    ).returning(_recipient.blocked_until, _recipient.stopped_at)


def _blocked_until() -> ColumnElement[Any]:
    steps = [(_failures_then >= step, bindparam(f"after_{step}", type_=UtcDateTime)) for step in reversed(_STEPS)]
    stop = (_stops, bindparam("stopped_until", type_=UtcDateTime))
    return case((_is_stopped, _recipient.blocked_until), stop, *steps, else_=None)


_TAKE = Statement(upsert(_table, _take))
_COUNT_FAILURE = Statement(
    update(_table)
    .where(*_IS_IT)
    .values(
        failures=_failures_then,
        blocked_until=_blocked_until(),
        stopped_at=case((_is_stopped, _recipient.stopped_at), (_stops, _NOW), else_=None),
    )
)
_FORGET_FAILURES = Statement(update(_table).where(*_IS_IT).values(failures=0, blocked_until=None, stopped_at=None))
_COUNTED = Statement(
    select(_recipient.failures, _recipient.blocked_until, _recipient.stopped_at).where(*_IS_IT).with_for_update()
)
_RECOUNT = Statement(
    update(_table)
    .where(*_IS_IT)
    .values(
        failures=bindparam("sum_of_failures"),
        blocked_until=bindparam("until", type_=UtcDateTime),
        stopped_at=bindparam("since", type_=UtcDateTime),
    )
)
_RENAME = Statement(update(_table).where(*_IS_IT).values(digest=bindparam("new_digest")))
_DROP = Statement(delete(_table).where(*_IS_IT))
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
    return None if row is None else _block_in(row, clock.now())


def _block_in(row: Any, now: datetime) -> Block | None:
    if row.blocked_until is None:
        return Block(None, is_stop=True) if row.stopped_at else None
    return Block(row.blocked_until, is_stop=bool(row.stopped_at)) if row.blocked_until > now else None


def take(connection: Connection, recipient: Recipient) -> datetime:
    """Lock the recipient's row, so that calls for it are serialised. Return the time at which it was locked.

    Raise `TooManyRequests` while no code is sent to the recipient.
    """
    row = _TAKE.first(connection, **recipient.key, masked=recipient.masked)
    now = clock.now()  # after waiting for the lock, which must not affect a code's lifetime
    block = _block_in(row, now)
    if block is None:
        return now
    why = "Too many wrong codes for this recipient."
    if block.until is None:
        detail = f"{why} An admin must unblock them first."
        code = ErrorCode.RECIPIENT_BLOCKED
        raise TooManyRequests(
            STOPPED_RETRY, detail, code=code, quotas=[no_quota(code, timedelta(seconds=STOPPED_RETRY))]
        )
    code = ErrorCode.RECIPIENT_BLOCKED if block.is_stop else ErrorCode.TOO_MANY_WRONG_CODES
    raise _wait(block.until - now, why, code, [no_quota(code, block.until - now)])


def carry_over(connection: Connection, former: Recipient, recipient: Recipient) -> bool:
    """Count on as `recipient` what was counted as `former`, the same one under an older key; say if there was anything.

    So a new key lets nobody escape a wait or a stop. Both have a row only if a process with other keys wrote meanwhile.
    """
    before = _COUNTED.first(connection, **former.key)
    if before is None:
        return False
    now = _COUNTED.first(connection, **recipient.key)
    if now is None:
        _RENAME.execute(connection, **former.key, new_digest=recipient.digest)
    else:
        ends = [each.blocked_until for each in (before, now)]
        is_endless = any(each.stopped_at and each.blocked_until is None for each in (before, now))
        until = None if is_endless else max((end for end in ends if end), default=None)
        both = {"sum_of_failures": before.failures + now.failures, "until": until}
        _RECOUNT.execute(connection, **recipient.key, **both, since=before.stopped_at or now.stopped_at)
        _DROP.execute(connection, **former.key)
    return True


def quotas(sent: Sequence[datetime], limits: Limits, now: datetime, ends: Sequence[datetime] = ()) -> list[Quota]:
    """What is left of each limit after codes that were `sent` to the recipient at these times, oldest first.

    `ends` are the times, soonest first, at which the codes of the challenge end that are valid now.
    """
    windows = (
        (ErrorCode.TOO_SOON, 1, timedelta(seconds=limits.resend_seconds)),
        (ErrorCode.HOURLY_LIMIT, limits.sends_per_hour, HOUR),
        (ErrorCode.DAILY_LIMIT, limits.sends_per_day, DAY),
    )
    found = [
        _quota(code, most, window, [at + window for at in sent if at > now - window], now)
        for code, most, window in windows
        if window
    ]
    return [*found, _quota(ErrorCode.TOO_MANY_CODES, MOST_ALIVE, None, ends, now)]


def check(left: Sequence[Quota]) -> None:
    """Raise `TooManyRequests`, with the wait until every limit allows it, unless one more code may be sent now."""
    used_up = max((quota for quota in left if not quota.left), key=lambda quota: quota.grows_in, default=None)
    if used_up:
        raise _wait(used_up.grows_in, _WHY[used_up.name], ErrorCode(used_up.name), left)


def next_send(left: Sequence[Quota], now: datetime) -> datetime:
    """When every limit allows the next code."""
    return now + max((quota.grows_in for quota in left if not quota.left), default=timedelta(0))


def no_quota(code: ErrorCode, duration: timedelta) -> Quota:
    """What is left while no codes are sent at all, for as long as this."""
    return Quota(code, 0, None, 0, duration)


def count_failure(connection: Connection, recipient: Recipient, limits: Limits) -> datetime:
    """Lock the recipient's row and count a wrong code, which imposes a growing wait and finally blocks the recipient.

    A block that is in force stays as it is, so that it can't be prolonged. Return the time at which the row was locked.
    """
    now = clock.now()
    waits = {f"after_{step}": now + timedelta(seconds=wait_after(step)) for step in _STEPS}
    stopped_until = None if limits.stop_hours is None else now + timedelta(hours=limits.stop_hours)
    values = {**waits, "now": now, "max_failures": limits.max_failures, "stopped_until": stopped_until}
    if _COUNT_FAILURE.execute(connection, **recipient.key, **values) == 0:  # its row has been purged meanwhile
        take(connection, recipient)
        _COUNT_FAILURE.execute(connection, **recipient.key, **values)
    return clock.now()


def forget_failures(connection: Connection, recipient: Recipient) -> datetime:
    """Lock the recipient's row and reset its failures, for a right code but never for a new challenge.

    NIST SP 800-63B-4, 3.2.2, counts consecutive failures. Return the time at which the row was locked.
    """
    _FORGET_FAILURES.execute(connection, **recipient.key)
    return clock.now()


def _quota(code: ErrorCode, most: int, window: timedelta | None, free_at: Sequence[datetime], now: datetime) -> Quota:
    """What is left of a limit of which one place each is free again at these times, soonest first."""
    left = most - len(free_at)
    grows_in = free_at[max(-left, 0)] - now if free_at else window or timedelta(0)
    return Quota(code, most, window, max(left, 0), grows_in)


def _wait(duration: timedelta, why: str, code: ErrorCode, left: Sequence[Quota]) -> TooManyRequests:
    seconds = max(ceil(duration.total_seconds()), 1)
    return TooManyRequests(seconds, f"{why} Try again in {wording.wait(seconds)}.", code=code, quotas=left)
