"""The current time, from one place so that tests can set it, time zones, and the one format for times."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

UTC_ZONE = ZoneInfo("UTC")

_REGIONS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip


def now() -> datetime:
    """The current time, timezone-aware, in UTC."""
    return datetime.now(UTC)


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Its first moment in `zone`. Raise `OverflowError` for a day at the end of the calendar."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """Its last moment in `zone`. Raise `OverflowError` for a day at the end of the calendar."""
    return datetime.combine(day, time.max, zone).astimezone(UTC)


@cache
def zone_names() -> tuple[str, ...]:
    """The time zones to choose from, sorted: UTC and those named after a place, such as Asia/Tehran."""
    places = (name for name in available_timezones() if name.partition("/")[0] in _REGIONS and "/" in name)
    return ("UTC", *sorted(places))


def zone(name: str | None) -> ZoneInfo | None:
    """The time zone of this name; None if it isn't among `zone_names`."""
    return ZoneInfo(name) if name in zone_names() else None


def iso(moment: datetime) -> str:
    """A time in UTC as responses and files have it: 2025-12-28T15:36:45.235667Z."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
