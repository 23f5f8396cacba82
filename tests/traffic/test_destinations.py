"""Codes go where a project's customers are: not to other countries, and not to expensive numbers."""

from __future__ import annotations

import pytest

from notifapp.traffic.models import Scope
from tests.otp.caller import PHONE
from tests.traffic.caller import CountedCaller

TURKISH, AMERICAN = "+905321234567", "+14155552671"
PREMIUM, SHARED_COST, SATELLITE, LANDLINE = "+19005550123", "+979123456789", "+881612345678", "+982122345678"
NOT_THERE = {"recipient": ["Codes are not sent to this country."], "code": "invalid"}
NOT_SUCH = {"recipient": ["Codes are not sent to this type of number."], "code": "invalid"}


def test_pumping_numbers_abroad_is_refused_by_country(caller: CountedCaller) -> None:
    caller.allow(countries="IR,TR")
    assert caller.send(PHONE).status_code == 201
    assert caller.send(TURKISH).status_code == 201
    for number in (AMERICAN, SHARED_COST, SATELLITE):
        answer = caller.send(number)
        assert (answer.status_code, answer.json) == (400, NOT_THERE)
    assert caller.challenges() == 2
    assert caller.total(Scope.REFUSAL, "refused", key="country") == 3


@pytest.mark.parametrize("number", [PREMIUM, SHARED_COST, SATELLITE, LANDLINE])
def test_pumping_premium_and_satellite_numbers_is_refused_in_every_country(caller: CountedCaller, number: str) -> None:
    """All of +1900, +979 and +881 got their codes."""
    caller.allow(countries="")
    answer = caller.send(number)
    if number == SATELLITE:  # these are mobile phones: a list of countries keeps them out
        assert answer.status_code == 201
        assert caller.total(Scope.COUNTRY, key="001") == 1
        return
    assert (answer.status_code, answer.json) == (400, NOT_SUCH)
    caller.allow(countries="", mobile_only=False)
    assert caller.send(number).status_code == 201


def test_a_number_that_may_be_a_landline_or_mobile_gets_its_code(caller: CountedCaller) -> None:
    assert caller.send(AMERICAN).status_code == 201


def test_a_new_project_sends_to_the_country_of_its_phone_region_alone(caller: CountedCaller) -> None:
    assert caller.send(TURKISH).status_code == 201
    caller.set_phone_region("IR")
    assert caller.send(AMERICAN).json == NOT_THERE
    assert caller.send("0912 123 4567").status_code == 201
