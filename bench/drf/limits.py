"""How often codes may be sent and tried. Callers hold the recipient's row."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from rest_framework.exceptions import APIException

from bench.drf.models import OtpChallenge, OtpLimits, OtpRecipient

FREE_FAILURES = 5  # then each further failure makes the next try wait
FIRST_WAIT, LONGEST_WAIT = 30, 3600  # seconds
STOPPED_RETRY = 86400  # seconds
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class TooManyRequests(APIException):
    """A limit is reached; DRF makes `wait` the Retry-After header."""

    status_code = 429

    def __init__(self, wait: float, why: str) -> None:
        self.wait = max(ceil(wait), 1)
        super().__init__(f"{why} Try again in {_in_words(self.wait)}.")


class Stopped(APIException):
    """The recipient must be released by an admin first."""

    status_code = 429
    wait = STOPPED_RETRY
    default_detail = "Too many wrong codes for this recipient. An admin of the project must release it first."


def check_recipient(recipient: OtpRecipient, now: datetime) -> None:
    """Raise while the recipient has to wait, or is stopped."""
    if recipient.stopped_at:
        raise Stopped
    if recipient.blocked_until and recipient.blocked_until > now:
        raise TooManyRequests(
            (recipient.blocked_until - now).total_seconds(), "Too many wrong codes for this recipient."
        )


def check_sends(recipient: OtpRecipient, limits: OtpLimits, now: datetime) -> None:
    """Raise unless one more code may be sent now."""
    sent = list(
        OtpChallenge.objects.filter(
            project_id=recipient.project_id,
            channel=recipient.channel,
            counted_as=recipient.digest,
            created_at__gt=now - DAY,
        )
        .order_by("created_at")
        .values_list("created_at", flat=True)
    )
    rules = (
        (1, timedelta(seconds=limits.resend_seconds), "A code was sent just now."),
        (limits.sends_per_hour, HOUR, "Too many codes were sent in the last hour."),
        (limits.sends_per_day, DAY, "Too many codes were sent in the last day."),
    )
    waits = [
        (_until_free(limit, [at for at in sent if at > now - window], window, now), why) for limit, window, why in rules
    ]
    wait, why = max(waits, key=lambda rule: rule[0])
    if wait > 0:
        raise TooManyRequests(wait, why)


def count_failure(recipient: OtpRecipient, limits: OtpLimits, now: datetime) -> None:
    """Count one wrong code, and make the next try wait."""
    recipient.failures += 1
    wait = 0
    if recipient.failures >= FREE_FAILURES:
        wait = min(FIRST_WAIT * 2 ** min(recipient.failures - FREE_FAILURES, 20), LONGEST_WAIT)
    recipient.blocked_until = now + timedelta(seconds=wait) if wait else None
    recipient.stopped_at = now if recipient.failures >= limits.max_failures else None
    recipient.save(update_fields=["failures", "blocked_until", "stopped_at"])


def forget_failures(recipient: OtpRecipient) -> None:
    """A right code ends the row of failures."""
    recipient.failures = 0
    recipient.blocked_until = None
    recipient.save(update_fields=["failures", "blocked_until"])


def _until_free(limit: int, sent: list[datetime], window: timedelta, now: datetime) -> float:
    """Seconds until fewer than `limit` of these sends, oldest first, are younger than `window`."""
    return (sent[len(sent) - limit] + window - now).total_seconds() if len(sent) >= limit else 0


def _in_words(seconds: int) -> str:
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{ceil(seconds / size)} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
