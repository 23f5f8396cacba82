"""How often codes may be sent to a recipient and tried. Callers hold the recipient's row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bench.drf.models import OtpChallenge, OtpLimits, OtpRecipient
from bench.drf.otp.errors import Stopped, TooManyRequests

FREE_FAILURES = 5  # then each further failure makes the next code wait
FIRST_WAIT, LONGEST_WAIT = 30, 3600  # seconds
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def check_recipient(recipient: OtpRecipient, now: datetime) -> None:
    """Raise while the recipient has to wait, or is stopped."""
    if recipient.blocked_until is None:
        if recipient.stopped_at:
            raise Stopped
    elif recipient.blocked_until > now:
        code = "recipient_blocked" if recipient.stopped_at else "too_many_wrong_codes"
        wait = (recipient.blocked_until - now).total_seconds()
        raise TooManyRequests(wait, "Too many wrong codes for this recipient.", code)


def sends_of(recipient: OtpRecipient, now: datetime) -> list[OtpChallenge]:
    """The codes that were sent to the recipient within a day, oldest first."""
    sent = OtpChallenge.objects.filter(
        project_id=recipient.project_id,
        channel=recipient.channel,
        counted_as=recipient.digest,
        created_at__gt=now - DAY,
    )
    return list(sent.order_by("created_at").only("created_at", "status"))


def check_sends(sent: Sequence[datetime], limits: OtpLimits, now: datetime) -> None:
    """Raise unless one more code may be sent now."""
    wait, why, code = _longest_wait(sent, limits, now)
    if wait > timedelta(0):
        raise TooManyRequests(wait.total_seconds(), why, code)


def next_send(sent: Sequence[datetime], limits: OtpLimits, now: datetime) -> datetime:
    """When a code may be sent again after one that is sent now."""
    return now + _longest_wait([*sent, now], limits, now)[0]


def count_failure(recipient: OtpRecipient, limits: OtpLimits, now: datetime) -> None:
    """Count one wrong code, and make the next code wait. A block that is in force stays as it is."""
    is_stopped = recipient.stopped_at and (recipient.blocked_until is None or recipient.blocked_until > now)
    recipient.failures = 1 if recipient.stopped_at and not is_stopped else recipient.failures + 1
    if not is_stopped:
        recipient.stopped_at = now if recipient.failures >= limits.max_failures else None
        recipient.blocked_until = _blocked_until(recipient, limits, now)
    recipient.save(update_fields=["failures", "blocked_until", "stopped_at"])


def forget_failures(recipient: OtpRecipient) -> None:
    """A right code ends the row of failures, and the wait or block with it."""
    recipient.failures = 0
    recipient.blocked_until = recipient.stopped_at = None
    recipient.save(update_fields=["failures", "blocked_until", "stopped_at"])


def _blocked_until(recipient: OtpRecipient, limits: OtpLimits, now: datetime) -> datetime | None:
    if recipient.stopped_at:
        return now + timedelta(hours=limits.stop_hours) if limits.stop_hours else None
    if recipient.failures < FREE_FAILURES:
        return None
    return now + timedelta(seconds=min(FIRST_WAIT * 2 ** min(recipient.failures - FREE_FAILURES, 20), LONGEST_WAIT))


def _longest_wait(sent: Sequence[datetime], limits: OtpLimits, now: datetime) -> tuple[timedelta, str, str]:
    rules = (
        (1, timedelta(seconds=limits.resend_seconds), "A code was sent just now.", "too_soon"),
        (limits.sends_per_hour, HOUR, "Too many codes were sent in the last hour.", "hourly_limit"),
        (limits.sends_per_day, DAY, "Too many codes were sent in the last day.", "daily_limit"),
    )
    waits = [
        (_until_free(limit, [at for at in sent if at > now - window], window, now), why, code)
        for limit, window, why, code in rules
    ]
    return max(waits, key=lambda rule: rule[0])


def _until_free(limit: int, sent: list[datetime], window: timedelta, now: datetime) -> timedelta:
    """The time until fewer than `limit` of these sends, oldest first, are younger than `window`."""
    return sent[len(sent) - limit] + window - now if len(sent) >= limit else timedelta(0)
