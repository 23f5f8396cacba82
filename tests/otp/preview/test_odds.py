"""The odds of guessing a code, held against a million thieves, and against the server itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from math import isclose
from random import Random

import pytest

from notifapp import wording
from notifapp.otp.limits.service import Limits
from notifapp.otp.preview import odds
from notifapp.traffic.limits import TrafficLimits
from tests.clock import Clock
from tests.otp.caller import Caller
from tests.otp.preview.thief import DAY, Challenge, Rules, aimless, attack, greedy

ATTACKS = 1_000_000
SEED = 20261128
BY_SENDING = Rules()  # the defaults: ten codes a day are what holds a thief back
BY_BLOCKING = Rules(ttl=600, attempts=10, seconds_between=1, per_hour=1000, per_day=1000, block_after=20)
BY_WAITING = Rules(ttl=30, attempts=1, seconds_between=30, per_hour=1000, per_day=1000)
ONE_AT_A_TIME = Rules(ttl=60, attempts=7, per_day=1000, per_hour=20, block_after=50)


def limits_of(rules: Rules) -> Limits:
    return Limits(
        max_attempts=rules.attempts,
        resend_seconds=rules.seconds_between,
        sends_per_hour=rules.per_hour,
        sends_per_day=rules.per_day,
        max_failures=rules.block_after,
    )


def predicted(rules: Rules, length: int) -> odds.Guessing:
    return odds.one_customer(length, rules.ttl, limits_of(rules), TrafficLimits())


def pairs(challenges: Iterable[Challenge]) -> int:
    """How often a try met a valid code."""
    return sum(challenge.codes * challenge.tries for challenge in challenges)


def simulated(challenges: Iterable[Challenge], length: int) -> float:
    """The share of thieves who guess one of the random codes, by trying 0, 1, 2, … in each of these challenges."""
    codes: Counter[int] = Counter()
    for challenge in challenges:
        codes[challenge.tries] += challenge.codes
    draw, numbers = Random(SEED).choices, range(10**length)
    hits = sum(any(min(draw(numbers, k=many)) < tries for tries, many in codes.items()) for _ in range(ATTACKS))
    return hits / ATTACKS


def test_with_the_defaults_six_digits_are_1_in_20000_for_a_customer_and_five_1_in_2000() -> None:
    chances = [predicted(BY_SENDING, length).probability for length in (5, 6)]
    assert [wording.odds(chance) for chance in chances] == ["1 in 2,000", "1 in 20,000"]


def test_it_tells_what_a_thief_can_reach() -> None:
    assert asdict(predicted(BY_SENDING, 6)).items() >= {"codes": 10, "tries": 50, "codes_alive": 2}.items()
    assert asdict(predicted(BY_BLOCKING, 6)).items() >= {"codes": 1000, "tries": 29, "codes_alive": 3}.items()


@pytest.mark.slow
@pytest.mark.parametrize("rules", [BY_SENDING, BY_BLOCKING, BY_WAITING, ONE_AT_A_TIME])
def test_a_million_thieves_succeed_as_often_as_it_says_within_two_percent(rules: Rules) -> None:
    length = 3  # so that enough of them do: the share's standard error is about half a percent
    share = simulated(attack(rules, greedy(rules)), length)
    assert share * ATTACKS > 30_000
    assert isclose(predicted(rules, length).probability, share, rel_tol=0.02)


@pytest.mark.slow
def test_a_million_thieves_who_try_every_customer_succeed_as_often_as_it_says_within_two_percent() -> None:
    a_day, an_hour = 10, 3
    traffic = TrafficLimits(codes_per_hour=an_hour, codes_per_day=a_day)
    customers = [Challenge(hour * 3600, 1, 5) for hour in range(25) for _code in range(an_hour)][:a_day]
    share = simulated(customers, 3)
    assert share * ATTACKS > 30_000
    assert isclose(odds.all_customers(3, Limits(), traffic).probability, share, rel_tol=0.02)


def test_the_hours_cap_counts_where_it_allows_less_than_the_days() -> None:
    assert odds.all_customers(6, Limits(), TrafficLimits(codes_per_hour=2, codes_per_day=1000)).codes == 50


def test_the_projects_caps_hold_for_one_customer_too() -> None:
    guessing = odds.one_customer(6, 120, Limits(), TrafficLimits(codes_per_hour=2, codes_per_day=3))
    assert (guessing.codes, guessing.codes_alive) == (3, 2)


def test_no_way_of_going_about_it_gets_further_than_it_says_and_most_get_as_far() -> None:
    random = Random(SEED)
    reached = 0
    for _ in range(60):
        rules = Rules(
            ttl=random.choice((30, 120, 600, 3600)),
            attempts=random.choice((1, 2, 3, 5, 7, 10)),
            seconds_between=random.choice((1, 30, 60, 300, 1000, 3600)),
            per_hour=random.choice((1, 2, 4, 5, 7, 20)),
            per_day=random.choice((5, 10, 20, 40, 100)),
            block_after=random.choice((1, 2, 5, 10, 50, 93, 100)),
        )
        said = predicted(rules, 6)
        most = min(said.codes * rules.attempts, said.tries * said.codes_alive)
        ways = [greedy(rules), *(aimless(rules, random) for _ in range(40))]
        best = max(pairs(attack(rules, way)) for way in ways)
        assert best <= most, rules
        reached += best == most
    assert reached >= 45


@pytest.mark.parametrize(
    ("rules", "codes", "tries"),
    [
        (BY_SENDING, 10, 30),
        (Rules(ttl=600, attempts=3, seconds_between=30, per_hour=20, per_day=20, block_after=8), 12, 10),
    ],
)
def test_the_server_lets_a_thief_get_exactly_as_far(
    caller: Caller, time: Clock, rules: Rules, codes: int, tries: int
) -> None:
    """A thief who asks for codes and tries wrong ones for a whole day, as planned, gets that and nothing more."""
    limits = limits_of(rules)
    caller.set_limits(**{name: getattr(limits, name) for name in Limits.__slots__})
    caller.change_settings(otp_ttl=rules.ttl, otp_code_len=6)
    start, sent, wrong = time.time, 0, 0
    challenges = list(attack(rules, greedy(rules)))
    for began, wanted, tried in challenges:
        assert (time.time - start).total_seconds() <= began
        while (time.time - start).total_seconds() < began:
            assert caller.send().status_code == 429
            time.advance(began - (time.time - start).total_seconds())
        challenge, code = caller.open()
        for _ in range(wanted - 1):
            time.advance(rules.seconds_between)
            caller.resent(challenge)
        sent += wanted
        assert caller.state(challenge)["codes_alive"] == wanted
        for _ in range(tried):
            answer = caller.verify(challenge, "x" * len(code))
            wrong += answer.get_json()["code"] == ["Invalid code."]
    assert (sent, wrong) == (codes, tries)
    time.time = max(time.time, start)
    while (time.time - start).total_seconds() < DAY - 600:
        assert caller.send().status_code == 429
        time.advance(600)
    assert pairs(challenges) == min(codes * rules.attempts, tries * predicted(rules, 6).codes_alive)
