"""The current time, from one place so that tests can set it, and the one format for times."""

from datetime import UTC, date, datetime, time


def now() -> datetime:
    """The current time, timezone-aware, in UTC."""
    return datetime.now(UTC)


def start_of(day: date) -> datetime:
    """Its first moment in UTC."""
    return datetime.combine(day, time.min, UTC)


def end_of(day: date) -> datetime:
    """Its last moment in UTC."""
    return datetime.combine(day, time.max, UTC)


def iso(moment: datetime) -> str:
    """A time in UTC as answers and files carry it: 2025-12-28T15:36:45.235667Z."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
