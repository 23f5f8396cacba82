"""A thief who tries to guess codes, and the rules as docs/otp.md tells them, written down anew.

Nothing here is taken from the application, so that its odds can be held against what becomes of a thief.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

HOUR, DAY = 3600, 86400  # seconds
WAITS = (30, 60, 120, 240, 480, 960, 1920, 3600)  # seconds, from the fifth wrong code on
MOST_ALIVE = 3


class Challenge(NamedTuple):
    """What the thief makes of a challenge: when it began, its codes that were valid at once, and the tries used."""

    began: int
    codes: int
    tries: int


class Plan(NamedTuple):
    """What the thief wants of the next challenge: codes valid at once, tries, and seconds to wait before it."""

    codes: int
    tries: int
    wait: int = 0


@dataclass(frozen=True)
class Rules:
    """What a customer's codes are limited by."""

    ttl: int = 120
    attempts: int = 5
    seconds_between: int = 60
    per_hour: int = 5
    per_day: int = 10
    block_after: int = 100

    def may_send(self, sent: list[int], now: int) -> bool:
        """Whether one more code is sent now, after those that were sent."""
        windows = (self.seconds_between, 1), (HOUR, self.per_hour), (DAY, self.per_day)
        return all(sum(at > now - window for at in sent[-most:]) < most for window, most in windows)


def attack(rules: Rules, plan: Callable[[int], Plan]) -> Iterator[Challenge]:
    """A day of a thief who never guesses right; `plan` is asked before each challenge, with the wrong codes so far."""
    sent: list[int] = []
    now = wrong = 0
    while wrong < rules.block_after:
        codes, tries, wait = plan(wrong)
        now = _next_send(rules, sent, now + wait)
        if now >= DAY:
            return
        began, alive = now, 0
        while alive < min(codes, MOST_ALIVE) and now < min(began + rules.ttl, DAY):
            sent.append(now)
            alive, guesses_at = alive + 1, now
            now = _next_send(rules, sent, now)
        tries = min(tries, rules.attempts)
        yield Challenge(began, alive, tries)
        wrong += tries
        now = guesses_at + (0 if wrong < 5 else WAITS[min(wrong - 5, len(WAITS) - 1)])


def greedy(rules: Rules) -> Callable[[int], Plan]:
    """All that can be had; before the block as many tries as it takes to stay just below it, then all of the last."""

    def plan(wrong: int) -> Plan:
        left = rules.block_after - 1 - wrong
        return Plan(MOST_ALIVE, left if 0 < left < rules.attempts else rules.attempts)

    return plan


def aimless(rules: Rules, random: Random) -> Callable[[int], Plan]:
    """Any way of going about it, mostly a good one."""
    often, seldom = random.random() ** 0.5, random.random() / 2

    def plan(_wrong: int) -> Plan:
        return Plan(
            MOST_ALIVE if random.random() < often else random.randint(1, MOST_ALIVE),
            rules.attempts if random.random() < often else random.randint(1, rules.attempts),
            random.choice((60, 600, 1800, 3600)) if random.random() < seldom else 0,
        )

    return plan


def _next_send(rules: Rules, sent: list[int], now: int) -> int:
    """The first second from now on at which a code is sent; a day ends whatever is asked."""
    if not sent or rules.may_send(sent, now):
        return now
    ends = [sent[-1] + rules.seconds_between]
    ends += [sent[-rules.per_hour] + HOUR] if len(sent) >= rules.per_hour else []
    ends += [sent[-rules.per_day] + DAY] if len(sent) >= rules.per_day else []
    return next((at for at in sorted(ends) if at >= now and rules.may_send(sent, at)), DAY)
