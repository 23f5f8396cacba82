"""Whether a notifier's codes arrive, in a word and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from notifapp.breakers.models import Cause
from notifapp.breakers.service import Breaker
from notifapp.health.arriving.tally import Tally
from notifapp.wording import count

ENOUGH = 10  # codes, to judge the last hour by; else the last day is
FEW = 3  # codes that tell something of a notifier which isn't used much
FAILING_SHARE = 0.5  # of messages that failed or weren't delivered
UNANSWERED_SHARE = 0.2  # of codes verified, below which they can't have arrived
SLOW_SHARE = 0.75  # of a code's life, after which one in twenty customers gives up


class State(StrEnum):
    """How sending through a notifier goes."""

    WORKS = "works"
    SLOW = "slow"
    FAILING = "failing"
    UNTESTED = "untested"
    NOBODY_ASKED = "nobody_asked"

    @property
    def label(self) -> str:
        """The name to show."""
        return self.value.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state, and why."""

    state: State
    reason: str


_TROUBLE = {
    Cause.FAILING: Verdict(State.FAILING, "The gateway took none of the last messages."),
    Cause.SLOW: Verdict(State.SLOW, "The last codes were not delivered or verified in time."),
}


@dataclass(slots=True)
class Lately:
    """A notifier's codes of the last hour and the last day, and those that customers may still enter."""

    hour: Tally
    day: Tally
    fresh: Tally


def judge(lately: Lately, ttl: int, *, is_enabled: bool, is_proven: bool, breaker: Breaker) -> Verdict:
    """How sending goes through a notifier of this use, with codes that live for `ttl` seconds."""
    if not is_enabled:
        return Verdict(State.FAILING, "It is disabled, so it sends nothing.")
    if breaker.cause:
        return _TROUBLE[breaker.cause]
    if not lately.day.asked:
        if is_proven:
            return Verdict(State.NOBODY_ASKED, "Nobody asked for a code in the last 24 hours.")
        return Verdict(State.UNTESTED, "Nobody asked for a code in the last 24 hours, and it isn't proven.")
    return _failing(lately) or _slow(lately.hour, ttl) or _working(lately.day, is_proven)


def _failing(lately: Lately) -> Verdict | None:
    is_busy = lately.hour.done >= ENOUGH
    recent, period = (lately.hour, "hour") if is_busy else (lately.day, "24 hours")
    if recent.done >= FEW and recent.lost >= FAILING_SHARE * recent.done:
        lost = f"{recent.lost} of {count(recent.done, 'code')} in the last {period}"
        return Verdict(State.FAILING, f"{lost} failed or were not delivered.")
    due = recent.sent - lately.fresh.sent
    verified = recent.verified - lately.fresh.verified
    if due >= ENOUGH and verified < UNANSWERED_SHARE * due:
        some = f"Only {verified}" if verified else "None"
        return Verdict(State.FAILING, f"{some} of {due} codes sent in the last {period} were verified.")
    return None


def _slow(hour: Tally, ttl: int) -> Verdict | None:
    if hour.verified >= ENOUGH and hour.p95 is not None and hour.p95 > SLOW_SHARE * ttl:
        took = f"1 in 20 codes took more than {hour.p95:.0f} seconds until it was verified"
        return Verdict(State.SLOW, f"{took}. A code is valid for {ttl} seconds.")
    return None


def _working(day: Tally, is_proven: bool) -> Verdict:
    if day.verified:
        return Verdict(State.WORKS, f"{count(day.verified, 'code')} verified in the last 24 hours.")
    if day.delivered:
        return Verdict(State.WORKS, f"{count(day.delivered, 'code')} delivered in the last 24 hours, none verified.")
    if is_proven and day.asked < FEW:
        return Verdict(State.WORKS, "It is proven. None of its codes was verified in the last 24 hours.")
    return Verdict(State.UNTESTED, "None of its codes was verified in the last 24 hours.")
