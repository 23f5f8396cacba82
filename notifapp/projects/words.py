"""Numbers as people read them."""

from __future__ import annotations


def duration(seconds: int) -> str:
    """120 as "2 minutes", 90 as "1 minute 30 seconds"."""
    minutes, rest = divmod(seconds, 60)
    parts = [_count(minutes, "minute"), _count(rest, "second")]
    return " ".join(part for part in parts if part)


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}" if number else ""
