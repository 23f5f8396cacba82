"""The current time, from one place so that tests can set it, and the one format for times."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, timezone-aware, in UTC."""
    return datetime.now(UTC)


def iso(time: datetime) -> str:
    """Format a UTC time for responses and files: 2025-12-28T15:36:45.235667Z."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")
