"""When a notifier counts as slow: a pure comparison of how many codes arrived in time, now and before."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

LEAST, LEAST_BEFORE = 20, 50  # codes; fewer tell nothing
FAR = 4.0  # standard deviations below what is usual; chance alone comes to that once in 30,000 times
_ALMOST_ALL = 0.98  # as if at least one in fifty were late, so that few late ones are no proof where none was before


@dataclass(frozen=True, slots=True)
class Arrived:
    """So many codes, and those of them that arrived in time."""

    codes: int
    in_time: int

    @property
    def share(self) -> float:
        """The share that arrived in time."""
        return self.in_time / self.codes if self.codes else 0.0


def is_slow(now: Arrived, before: Arrived) -> bool:
    """Whether less than half of the usual share arrives in time, and that can't be by chance."""
    if now.codes < LEAST or before.codes < LEAST_BEFORE:
        return False
    usual = min(before.share, _ALMOST_ALL)
    deviation = sqrt(usual * (1 - usual) / now.codes)
    return now.share < usual / 2 and usual - now.share > FAR * deviation


def is_usual_again(now: Arrived, before: Arrived) -> bool:
    """Whether most of the usual share arrives in time."""
    return now.codes >= LEAST and now.share >= before.share * 3 / 4
