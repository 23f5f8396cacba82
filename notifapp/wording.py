"""Numbers, durations and values as text for people."""

from __future__ import annotations

from datetime import datetime
from math import ceil

from notifapp import clock

_UNITS = (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))


def count(number: int, noun: str, plural: str = "") -> str:
    """A number of things: "1 token", "2 tokens"; `plural` is for a noun that takes more than an s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def duration(seconds: int) -> str:
    """120 as "2 minutes", 90 as "1 minute 30 seconds"."""
    minutes, rest = divmod(seconds, 60)
    return " ".join(count(number, unit) for number, unit in ((minutes, "minute"), (rest, "second")) if number)


def validity(seconds: int) -> str:
    """How long a code is valid, in words and exact: "45 seconds", "90 seconds", "2 minutes", "2 minutes 30 seconds".

    Below two minutes only whole minutes are told in minutes, because "90 seconds" reads faster.
    """
    return count(seconds, "second") if seconds < 120 and seconds % 60 else duration(seconds)


def minutes(number: int) -> str:
    """So many minutes, exact: "90 minutes", "2 hours"."""
    return count(number, "minute") if number % 60 else count(number // 60, "hour")


def wait(seconds: int) -> str:
    """How long to wait, rounded up: "45 seconds", "12 minutes", "3 hours"."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return count(ceil(seconds / size), unit)
    return count(seconds, "second")


def relative(moment: datetime) -> str:
    """How long ago, or how long until then: "3 minutes ago", "in 2 days", "just now"."""
    seconds = (clock.now() - moment).total_seconds()
    for unit, size in _UNITS:
        if abs(seconds) >= size:
            length = count(int(abs(seconds) // size), unit)
            return f"{length} ago" if seconds > 0 else f"in {length}"
    return "just now" if seconds >= 0 else "in less than a minute"


def odds(probability: float) -> str:
    """A chance, in two digits: "1 in 20,000", or from ten percent on "39 %"."""
    if probability >= 0.1:
        return f"{probability:.0%}".replace("%", " %")
    return f"1 in {int(float(f'{1 / probability:.1e}')):,}"


def value(of: object) -> str:
    """A stored value as text: "yes" or "no", a list with commas, nothing for None."""
    if isinstance(of, bool):
        return "yes" if of else "no"
    if isinstance(of, list):
        return ", ".join(value(item) for item in of)
    return "" if of is None else str(of)
