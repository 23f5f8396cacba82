"""Counts of codes, and how long it took until they were verified."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil

COUNTS = ("asked", "sent", "failed", "delivered", "undelivered", "verified")


@dataclass(slots=True)
class Tally:
    """How many codes were asked of a notifier, and what became of them.

    `sent` are those that the gateway accepted, `delivered` and `undelivered` those of them that the carrier reported.
    `times` says how many were verified after so many milliseconds, from the call to the right code; in digits, as it is
    stored, because a busy day has tens of thousands of them to add up.
    """

    asked: int = 0
    sent: int = 0
    failed: int = 0
    delivered: int = 0
    undelivered: int = 0
    verified: int = 0
    times: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count the other one's codes, too."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.times.update(other.times)

    @property
    def done(self) -> int:
        """The codes that a gateway accepted or refused."""
        return self.sent + self.failed

    @property
    def lost(self) -> int:
        """The codes of which it is known that they did not arrive."""
        return self.failed + self.undelivered

    @property
    def median(self) -> float | None:
        """The seconds within which half of the verified codes were verified; None without any."""
        return self.percentile(50)

    @property
    def p95(self) -> float | None:
        """The seconds within which 95 % of the verified codes were verified; None without any."""
        return self.percentile(95)

    def percentile(self, percent: int) -> float | None:
        """The seconds within which so many percent of the verified codes were verified, off by a hundredth at most."""
        left = ceil(self.times.total() * percent / 100)
        for milliseconds, number in sorted((int(digits), number) for digits, number in self.times.items()):
            left -= number
            if left <= 0:
                return milliseconds / 1000
        return None
