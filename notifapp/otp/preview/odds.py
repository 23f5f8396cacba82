"""The odds that a thief guesses a code, under the limits as they are enforced (otp/limits.py, traffic/service.py).

The thief can ask for codes as a customer would, and reads none. A try hits each code of its challenge that is valid
then with 1 in 10^length, so the odds are bounded by the number of such pairs, a try and a code:

- One customer: each code is one of those that a recipient is sent in a day, and is tried no more often than its
  challenge has tries. Each try counts as a wrong code, for which the next code has to wait, until the recipient is
  blocked; what is open then is still tried. It is compared with as many codes as can be valid at once. Whichever
  product is smaller counts. The customer doesn't sign in meanwhile, which would end the row of wrong codes.
- All customers: as many codes as the project sends in a day, each to another customer, and all tries for each. An
  hour's codes can be asked for before the first is tried, so the stop after too many wrong codes in an hour comes too
  late.

What depends on others can only lower the odds and is left out: limits by client and token, countries, the breaker.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, log1p

from notifapp.otp.limits.service import DAY, HOUR, MOST_ALIVE, Limits, wait_after
from notifapp.traffic.counts import HOURS_A_DAY
from notifapp.traffic.limits import TrafficLimits

_DAY, _HOUR = int(DAY.total_seconds()), int(HOUR.total_seconds())


@dataclass(frozen=True, slots=True)
class Guessing:
    """How probable a hit is in a day, and what a thief can reach: codes sent, tries compared, codes valid at once."""

    probability: float
    codes: int
    tries: int
    codes_alive: int


def one_customer(length: int, ttl: int, limits: Limits, traffic: TrafficLimits) -> Guessing:
    """The odds of getting into one customer's account in a day; codes have `length` digits, and live `ttl` seconds."""
    per_hour = min(limits.sends_per_hour, traffic.codes_per_hour)
    per_day = min(limits.sends_per_day, traffic.codes_per_day)
    codes = min(per_day, HOURS_A_DAY * per_hour, _quotient_up(_DAY, limits.resend_seconds))
    alive = min(MOST_ALIVE, per_hour, per_day, _quotient_up(ttl, limits.resend_seconds))
    tries = min(codes * limits.max_attempts, _most_tries(limits))
    pairs = min(codes * limits.max_attempts, tries * alive)
    return Guessing(_probability(length, pairs, limits), codes, tries, alive)


def all_customers(length: int, limits: Limits, traffic: TrafficLimits) -> Guessing:
    """The odds of getting into at least one account within a day by trying every customer."""
    hours = HOURS_A_DAY + 1  # by the clock: a day may begin and end within one
    codes = min(traffic.codes_per_day, hours * traffic.codes_per_hour)
    tries = codes * limits.max_attempts
    return Guessing(_probability(length, tries, limits), codes, tries, 1)


def _probability(length: int, pairs: int, limits: Limits) -> float:
    """1 - (1 - tries / 10^length)^codes, exact for small odds as well."""
    return -expm1(pairs / limits.max_attempts * log1p(-limits.max_attempts / 10**length))


def _most_tries(limits: Limits) -> int:
    """How many wrong codes of one recipient can be compared in a day, whatever the limits of sending."""
    most = limits.max_failures - 1 + limits.max_attempts  # the last challenge before the block keeps its tries
    free_at = [0]  # the second from which the next code may be sent, after so many wrong ones
    while len(free_at) <= most and (begun := free_at[max(0, len(free_at) - limits.max_attempts)]) < _DAY:
        free_at.append(begun + wait_after(len(free_at)))
    rows = 1 if limits.stop_hours is None else _quotient_up(HOURS_A_DAY, limits.stop_hours)
    return rows * (len(free_at) - 1)


def _quotient_up(number: int, by: int) -> int:
    return -(-number // by)
