"""The one source of the time, so that a test can set it, and the one way to write it down."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def iso(time: datetime) -> str:
    """A time in UTC as answers and files carry it: 2025-12-28T15:36:45.235667Z."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")
