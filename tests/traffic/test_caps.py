"""Nobody runs up the bill: codes are capped over all recipients, to the last one, however many ask at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from notifapp.access import Permission
from notifapp.traffic.models import Scope
from tests.otp.caller import EMAIL, Clock
from tests.traffic.shop import Shop, iranian
from tests.world import World

THREADS = 8


@pytest.mark.parametrize(
    ("cap", "recipients"), [(300, 500), pytest.param(9_000, 10_000, marks=pytest.mark.slow, id="ten thousand")]
)
def test_pumping_distinct_recipients_from_one_token_ends_at_the_cap_and_never_one_over(
    shop: Shop, time: Clock, cap: int, recipients: int
) -> None:
    shop.allow(token_codes_per_hour=cap, token_codes_per_day=20_000, codes_per_hour=20_000, codes_per_day=20_000,
               breaker="record")  # fmt: skip
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: shop.send(f"c{n}@example.com", "email"), range(recipients)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (cap, recipients - cap)
    assert shop.challenges() == cap
    assert shop.total(Scope.TOKEN) == shop.total(Scope.PROJECT) == cap
    assert shop.total(Scope.REFUSAL, "refused", key="token_limit") == recipients - cap
    assert shop.events("codes_refused") == ["Limit of the token reached"]


@pytest.mark.parametrize("scope", ["", "token_"])
def test_an_hours_cap_ends_with_the_hour_and_a_days_cap_does_not(shop: Shop, time: Clock, scope: str) -> None:
    shop.allow(**{f"{scope}codes_per_hour": 2, f"{scope}codes_per_day": 3})
    code = "token_limit" if scope else "project_limit"
    assert [shop.send(iranian(n)).status_code for n in range(3)] == [201, 201, 429]
    refused = shop.send(iranian(3))
    assert refused.get_json()["code"] == code
    assert "limit of codes in an hour. Try again in 60 minutes." in refused.get_json()["detail"]
    assert refused.headers["Retry-After"] == "3600"
    time.advance(3600)
    assert [shop.send(iranian(n)).status_code for n in range(4, 6)] == [201, 429]
    assert "limit of codes in a day" in shop.send(iranian(7)).get_json()["detail"]
    time.advance(26 * 3600)
    assert shop.send(iranian(8)).status_code == 201


def test_another_token_has_a_cap_of_its_own(shop: Shop, world: World) -> None:
    shop.allow(token_codes_per_hour=1)
    assert [shop.send(iranian(n)).status_code for n in range(2)] == [201, 429]
    shop.token = world.staff_token(shop.project, Permission.OTP_SEND, email="other@shop.example")
    assert [shop.send(iranian(n)).status_code for n in range(2, 4)] == [201, 429]


def test_a_refused_code_leaves_nothing_behind_but_its_count(shop: Shop) -> None:
    shop.allow(codes_per_hour=1)
    shop.send(iranian(0))
    shop.send(iranian(1))
    assert shop.challenges() == 1
    assert shop.recipient().masked.startswith("+98")  # the one recipient: the other's row was rolled back
    assert shop.total(Scope.PROJECT) == 1


def test_the_first_refusal_of_each_kind_a_day_is_an_audit_event(shop: Shop, time: Clock) -> None:
    shop.allow(codes_per_hour=1, countries="IR")
    shop.send(iranian(0))
    for _ in range(3):
        for number in (1, 2):
            shop.send(iranian(number))
        shop.send("+905321234567")
        time.advance(3600)
    one_day = ["Country not allowed", "Limit of the project reached"]
    assert sorted(shop.events("codes_refused")) == one_day
    time.advance(24 * 3600)
    shop.send("+905321234567")
    assert sorted(shop.events("codes_refused")) == ["Country not allowed", *one_day]


def test_a_flood_of_simultaneous_refusals_is_one_audit_event(shop: Shop, time: Clock) -> None:
    shop.allow(countries="TR")
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda n: shop.send(iranian(n)), range(40)))
    assert shop.events("codes_refused") == ["Country not allowed"]
    assert shop.total(Scope.REFUSAL, "refused", key="country") == 40


def test_tags_and_dots_give_nobody_more_codes_to_one_mailbox(shop: Shop) -> None:
    """30 of 30 went to victim+N@gmail.com."""
    spellings = ["victim@gmail.com", "victim+1@gmail.com", "v.i.c.tim@gmail.com", "v.ictim+2@googlemail.com"]
    assert [shop.send(each, "email").status_code for each in spellings] == [201, 429, 429, 429]
    others = ["a@example.com", "a+1@example.com", "a.b@example.com", "ab@example.com"]
    assert [shop.send(each, "email").status_code for each in others] == [201, 429, 201, 201]


def test_a_message_goes_to_the_address_as_typed_and_its_challenge_is_its_own(shop: Shop, time: Clock) -> None:
    first, code = shop.open("Vic.Tim+shop@gmail.com", "email")
    assert shop.last_message()["recipient"] == "vic.tim+shop@gmail.com"
    time.advance(61)
    shop.open("victim+other@gmail.com", "email")
    assert shop.verify(first, code).status_code == 200


def test_codes_of_email_are_counted_too_and_have_no_country(shop: Shop) -> None:
    shop.allow(codes_per_hour=1, countries="IR")
    assert shop.send(EMAIL, "email").status_code == 201
    assert shop.send("other@example.com", "email").get_json()["code"] == "project_limit"
    assert shop.total(Scope.COUNTRY) == 0
    assert "IR" not in json.dumps(shop.events("codes_refused"))
