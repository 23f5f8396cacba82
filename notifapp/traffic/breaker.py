"""When the codes for a country or a prefix that nobody verifies are too many."""

from __future__ import annotations

SHARE = 0.3
LEAST_A_DAY = 20
LEAST_AN_HOUR = 10
BEST_OF_DAYS = 14
DAYS_TO_COMPARE = 7  # a project younger than this has no habits yet


def most_a_day(best_day: int, verified_today: int) -> float:
    """How many codes may stay unverified within 24 hours.

    `best_day` is the most verified on one of the last 14 days, `verified_today` what was verified in the last 24 hours.
    """
    return max(LEAST_A_DAY, SHARE * best_day, SHARE * verified_today)


def most_an_hour(best_day: int, verified_today: int, verified_this_hour: int) -> float:
    """How many codes may stay unverified in an hour: a sixth of the day's, because days have busy hours."""
    return max(LEAST_AN_HOUR, most_a_day(best_day, verified_today) / 6, SHARE * verified_this_hour)
