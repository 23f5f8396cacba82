"""A notifier's state follows from what became of its codes."""

from __future__ import annotations

from collections import Counter

import pytest

from notifapp.breakers.models import BreakerState, Cause
from notifapp.breakers.service import CLOSED, Breaker
from notifapp.health.arriving.judging import Lately, State, Verdict, judge
from notifapp.health.arriving.tally import Tally


def lately(hour: Tally, day: Tally | None = None, fresh: Tally | None = None) -> Lately:
    return Lately(hour, day or hour, fresh or Tally())


def judged(found: Lately, *, is_enabled: bool = True, is_proven: bool = False, breaker: Breaker = CLOSED) -> Verdict:
    return judge(found, 120, is_enabled=is_enabled, is_proven=is_proven, breaker=breaker)


def verified(number: int, seconds: float = 8) -> Tally:
    times = Counter({str(int(seconds * 1000)): number})
    return Tally(number, sent=number, verified=number, times=times)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (lately(Tally()), State.UNTESTED),
        (lately(Tally(1, sent=1)), State.UNTESTED),
        (lately(Tally(2)), State.UNTESTED),  # they wait
        (lately(Tally(2, failed=2)), State.UNTESTED),
        (lately(Tally(3, failed=3)), State.FAILING),
        (lately(Tally(1, sent=1, delivered=1)), State.WORKS),
        (lately(verified(1)), State.WORKS),
        (lately(Tally(), verified(1)), State.WORKS),
        (lately(Tally(12, sent=7, failed=5, verified=7)), State.WORKS),
        (lately(Tally(12, sent=6, failed=6, verified=6)), State.FAILING),
        (lately(Tally(12, sent=12, undelivered=6, verified=6)), State.FAILING),
        (lately(verified(10), Tally(1000, failed=990, sent=10, verified=10)), State.WORKS),  # again, since an hour
        (lately(Tally(10, sent=10, verified=1)), State.FAILING),
        (lately(Tally(10, sent=10, verified=2)), State.WORKS),
        (lately(Tally(10, sent=10), fresh=Tally(1, sent=1)), State.UNTESTED),  # the rest may yet be entered
        (lately(Tally(11, sent=11), fresh=Tally(1, sent=1)), State.FAILING),
        (lately(verified(10, 90)), State.WORKS),
        (lately(verified(10, 91)), State.SLOW),
        (lately(verified(9, 91)), State.WORKS),
        (lately(Tally(), verified(10, 91)), State.WORKS),
    ],
)
def test_a_state_follows_from_the_figures(found: Lately, state: State) -> None:
    verdict = judged(found)
    assert verdict.state == state
    assert verdict.reason


def test_a_disabled_notifier_fails() -> None:
    assert judged(lately(verified(10)), is_enabled=False).state == State.FAILING


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (lately(Tally()), State.NOBODY_ASKED),
        (lately(Tally(2, sent=2)), State.WORKS),
        (lately(Tally(3, sent=3)), State.UNTESTED),
        (lately(Tally(3, failed=3)), State.FAILING),
    ],
)
def test_a_proven_notifier_gets_some_trust(found: Lately, state: State) -> None:
    assert judged(found, is_proven=True).state == state


@pytest.mark.parametrize("state", [BreakerState.OPEN, BreakerState.HALF_OPEN])
@pytest.mark.parametrize("cause", list(Cause))
def test_a_breaker_that_is_not_closed_decides(state: BreakerState, cause: Cause) -> None:
    verdict = judged(lately(verified(10)), breaker=Breaker(state, cause))
    assert verdict.state == State(cause.value)


def test_the_reason_says_how_many() -> None:
    found = lately(Tally(20, sent=8, failed=12, verified=8))
    assert judged(found).reason == "12 of 20 codes in the last hour failed or were not delivered."
    found = lately(Tally(10, sent=10))
    assert judged(found).reason == "None of 10 codes sent in the last hour were verified."
    found = lately(Tally(10, sent=10, verified=1))
    assert judged(found).reason == "Only 1 of 10 codes sent in the last hour were verified."


def test_percentiles_are_the_nearest_ranks() -> None:
    tally = Tally(times=Counter({"1000": 94, "2000": 1, "3000": 5}))
    assert (tally.median, tally.p95, tally.percentile(96)) == (1, 2, 3)
    assert Tally().median is None
