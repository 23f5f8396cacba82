"""Nobody runs up the bill: codes are capped over all recipients, to the last one, however many ask at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from notifapp.access import Permission
from notifapp.traffic.models import Scope
from tests.clock import Clock
from tests.otp.caller import EMAIL
from tests.traffic.caller import CountedCaller, iranian
from tests.world import World

THREADS = 8


@pytest.mark.parametrize(
    ("cap", "recipients"), [(300, 500), pytest.param(9_000, 10_000, marks=pytest.mark.slow, id="ten thousand")]
)
def test_pumping_distinct_recipients_from_one_token_ends_at_the_cap_and_never_one_over(
    caller: CountedCaller, time: Clock, cap: int, recipients: int
) -> None:
    caller.allow(token_codes_per_hour=cap, token_codes_per_day=20_000, codes_per_hour=20_000, codes_per_day=20_000,
               breaker="record")  # fmt: skip
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: caller.send(f"c{n}@example.com", "email"), range(recipients)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (cap, recipients - cap)
    assert caller.challenges() == cap
    assert caller.total(Scope.TOKEN) == caller.total(Scope.PROJECT) == cap
    assert caller.total(Scope.REFUSAL, "refused", key="token_limit") == recipients - cap
    assert caller.events("codes_refused") == ["Limit of the token reached"]


@pytest.mark.parametrize("scope", ["", "token_"])
def test_an_hours_cap_ends_with_the_hour_and_a_days_cap_does_not(
    caller: CountedCaller, time: Clock, scope: str
) -> None:
    caller.allow(**{f"{scope}codes_per_hour": 2, f"{scope}codes_per_day": 3})
    code = "token_limit" if scope else "project_limit"
    assert [caller.send(iranian(n)).status_code for n in range(3)] == [201, 201, 429]
    refused = caller.send(iranian(3))
    assert refused.get_json()["code"] == code
    assert "limit of codes in an hour. Try again in 60 minutes." in refused.get_json()["detail"]
    assert refused.headers["Retry-After"] == "3600"
    time.advance(3600)
    assert [caller.send(iranian(n)).status_code for n in range(4, 6)] == [201, 429]
    assert "limit of codes in a day" in caller.send(iranian(7)).get_json()["detail"]
    time.advance(26 * 3600)
    assert caller.send(iranian(8)).status_code == 201


def test_another_token_has_a_cap_of_its_own(caller: CountedCaller, world: World) -> None:
    caller.allow(token_codes_per_hour=1)
    assert [caller.send(iranian(n)).status_code for n in range(2)] == [201, 429]
    caller.token = world.staff_token(caller.project, Permission.OTP_SEND, email="other@shop.example")
    assert [caller.send(iranian(n)).status_code for n in range(2, 4)] == [201, 429]


def test_a_refused_code_leaves_nothing_behind_but_its_count(caller: CountedCaller) -> None:
    caller.allow(codes_per_hour=1)
    caller.send(iranian(0))
    caller.send(iranian(1))
    assert caller.challenges() == 1
    assert caller.recipient().masked.startswith("+98")  # the one recipient: the other's row was rolled back
    assert caller.total(Scope.PROJECT) == 1


def test_the_first_refusal_of_each_kind_a_day_is_an_audit_event(caller: CountedCaller, time: Clock) -> None:
    caller.allow(codes_per_hour=1, countries="IR")
    caller.send(iranian(0))
    for _ in range(3):
        for number in (1, 2):
            caller.send(iranian(number))
        caller.send("+905321234567")
        time.advance(3600)
    one_day = ["Country not allowed", "Limit of the project reached"]
    assert sorted(caller.events("codes_refused")) == one_day
    time.advance(24 * 3600)
    caller.send("+905321234567")
    assert sorted(caller.events("codes_refused")) == ["Country not allowed", *one_day]


def test_a_flood_of_simultaneous_refusals_is_one_audit_event(caller: CountedCaller, time: Clock) -> None:
    caller.allow(countries="TR")
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda n: caller.send(iranian(n)), range(40)))
    assert caller.events("codes_refused") == ["Country not allowed"]
    assert caller.total(Scope.REFUSAL, "refused", key="country") == 40


def test_tags_and_dots_give_nobody_more_codes_to_one_mailbox(caller: CountedCaller) -> None:
    """30 of 30 went to victim+N@gmail.com."""
    spellings = ["victim@gmail.com", "victim+1@gmail.com", "v.i.c.tim@gmail.com", "v.ictim+2@googlemail.com"]
    assert [caller.send(each, "email").status_code for each in spellings] == [201, 429, 429, 429]
    others = ["a@example.com", "a+1@example.com", "a.b@example.com", "ab@example.com"]
    assert [caller.send(each, "email").status_code for each in others] == [201, 429, 201, 201]


def test_a_message_goes_to_the_address_as_typed_and_its_challenge_is_its_own(
    caller: CountedCaller, time: Clock
) -> None:
    first, code = caller.open("Vic.Tim+shop@gmail.com", "email")
    assert caller.last_message()["recipient"] == "vic.tim+shop@gmail.com"
    time.advance(61)
    caller.open("victim+other@gmail.com", "email")
    assert caller.verify(first, code).status_code == 200


def test_codes_of_email_are_counted_too_and_have_no_country(caller: CountedCaller) -> None:
    caller.allow(codes_per_hour=1, countries="IR")
    assert caller.send(EMAIL, "email").status_code == 201
    assert caller.send("other@example.com", "email").get_json()["code"] == "project_limit"
    assert caller.total(Scope.COUNTRY) == 0
    assert "IR" not in json.dumps(caller.events("codes_refused"))
