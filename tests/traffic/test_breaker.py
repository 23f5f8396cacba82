"""The breaker: codes that nobody verifies stop where they go, and ordinary days go on."""

from __future__ import annotations

import heapq
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from notifapp.traffic.models import Scope
from tests.clock import Clock
from tests.traffic.caller import CountedCaller, iranian

HABIT = 100  # codes verified on each of the last days: 30 may stay unverified in a day, 10 in an hour
A_DAY, AN_HOUR, AT_LEAST = 30, 10, 20
# How much of the day's codes come in each hour.
RHYTHM = (2, 1, 1, 1, 1, 2, 4, 7, 10, 13, 15, 16, 16, 15, 14, 14, 15, 16, 18, 20, 20, 16, 10, 5)
# How each country's numbers begin, seven digits before their end, and its codes a day.
COUNTRIES = ((("+98912", "+98935", "+98919"), 60), (("+90532", "+90542"), 40), (("+97150", "+97155"), 30))


def test_a_burst_to_one_prefix_trips_it(caller: CountedCaller, time: Clock) -> None:
    caller.have_habits(HABIT)
    with ThreadPoolExecutor(8) as pool:
        sent = sum(pool.map(lambda n: caller.order(iranian(n)), range(200)))
    assert AN_HOUR < sent <= 2 * AN_HOUR
    assert caller.total(Scope.PREFIX, key="989121") == HABIT * 14 + sent


def test_pumping_one_prefix_trips_it_alone(caller: CountedCaller, time: Clock) -> None:
    caller.have_habits(10 * HABIT)
    sent = sum(caller.order(f"+98935111{n:04d}") for n in range(100))
    assert sent == AN_HOUR + 1
    assert caller.order(iranian(1))


def test_a_slow_drip_to_one_prefix_trips_it(caller: CountedCaller, time: Clock) -> None:
    caller.have_habits(HABIT)
    sent = 0
    for number in range(2 * AT_LEAST + 10):
        sent += caller.order(f"+98935111{number:04d}")
        time.advance(20 * 60)
    assert AT_LEAST < sent <= 2 * AT_LEAST


def test_a_spray_over_prefixes_trips_their_country(caller: CountedCaller, time: Clock) -> None:
    caller.have_habits(HABIT)
    sent = 0
    for number in range(100):
        sent += caller.order(f"+98{910 + number % 10}{number % 7}123{number:03d}")
        time.advance(15 * 60)
    assert sent <= 2 * A_DAY


def test_a_tripped_breaker_answers_429_with_its_code_and_lets_go_when_codes_are_verified(
    caller: CountedCaller, time: Clock
) -> None:
    caller.have_habits(HABIT)
    open_codes = [(iranian(n), caller.open(iranian(n))) for n in range(AN_HOUR + 1)]
    answer = caller.send(iranian(50))
    assert (answer.status_code, answer.get_json()["code"]) == (429, "unusual_traffic")
    assert answer.headers["Retry-After"] == "3600"
    assert caller.events("codes_refused") == ["Unusual traffic"]
    for _number, (challenge, code) in open_codes[:3]:
        assert caller.verify(challenge, code).status_code == 200
    assert caller.send(iranian(50)).status_code == 201


def test_a_customer_who_asks_again_and_then_succeeds_leaves_no_unverified_code(
    caller: CountedCaller, time: Clock
) -> None:
    for _ in range(3):
        challenge, code = caller.open(iranian(1))
        time.advance(61)
    assert (caller.total(Scope.PREFIX), caller.total(Scope.PREFIX, "verified")) == (3, 0)
    assert caller.verify(challenge, code).status_code == 200
    assert caller.total(Scope.PREFIX, "verified") == 3
    challenge, code = caller.open(iranian(1))
    caller.verify(challenge, code)
    assert caller.total(Scope.PREFIX, "verified") == caller.total(Scope.COUNTRY, "verified") == 4


@pytest.mark.parametrize(("days", "breaker"), [(6, "deny"), (14, "record")])
def test_without_seven_days_to_compare_or_when_told_so_it_only_records(
    caller: CountedCaller, time: Clock, days: int, breaker: str
) -> None:
    caller.allow(countries="", breaker=breaker)
    caller.have_habits(HABIT, days=days)
    assert sum(caller.order(iranian(n)) for n in range(40)) == 40
    assert caller.total(Scope.REFUSAL, "refused", key="unusual_recorded") == 40 - AN_HOUR - 1
    assert caller.events("codes_refused") == ["Unusual traffic, sent and recorded"]


@pytest.mark.slow
@pytest.mark.parametrize("verified", [0.7, 0.95])
def test_two_ordinary_weeks_trip_nothing(caller: CountedCaller, time: Clock, verified: float) -> None:
    """Customers in three countries by the rhythm of a day; most who get no code or mistype it ask once more."""
    random = Random(8)
    start = time.time
    coming: list[tuple[float, int, str, str, int]] = []
    for prefixes, a_day in COUNTRIES:
        for day in range(14):
            for hour, weight in enumerate(RHYTHM):
                for _ in range(round(random.gauss(1, 0.2) * a_day * weight / sum(RHYTHM) + random.random() - 0.5)):
                    number = random.choice(prefixes)
                    number += f"{random.randrange(10**7):07d}"
                    at = (day * 24 + hour + random.random()) * 3600
                    heapq.heappush(coming, (at, len(coming), "asks", number, 1))
    asked = 0
    while coming:
        at, place, what, number, codes = heapq.heappop(coming)
        time.time = start
        time.advance(at)
        if what == "enters":
            caller.approve(number, codes)
            continue
        assert caller.order(number), f"{number} after {at / 86400:.1f} days"
        asked += 1
        if random.random() < verified:
            heapq.heappush(coming, (at + random.uniform(5, 110), place, "enters", number, codes))
        elif random.random() < 0.7:
            heapq.heappush(coming, (at + random.uniform(60, 180), place, "asks", number, codes + 1))
    assert asked > 1_500
    assert caller.total(Scope.REFUSAL, "refused", key="unusual") == 0
