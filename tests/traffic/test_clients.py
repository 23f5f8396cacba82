"""A stranger's flood uses up the stranger's own allowance, if the backend tells who is asking."""

from __future__ import annotations

import pytest

from notifapp.traffic.models import OtpTraffic, Scope
from tests.clock import Clock
from tests.otp.caller import EMAIL, PHONE
from tests.traffic.caller import CountedCaller, iranian


def test_a_stranger_with_one_client_cannot_use_up_a_victims_codes(caller: CountedCaller, time: Clock) -> None:
    """With ten requests a day a victim got no code."""
    answers = []
    for _ in range(20):
        answers.append(caller.send(PHONE, client="203.0.113.9").status_code)
        time.advance(66 * 60)
    assert answers.count(201) == 8
    assert caller.send(PHONE, client="198.51.100.7").status_code == 201


def test_a_client_over_its_limit_is_told_so_before_the_recipients_limits(caller: CountedCaller, time: Clock) -> None:
    caller.allow(client_codes_per_hour=1)
    assert caller.send(PHONE, client="device-1").status_code == 201
    answer = caller.send(PHONE, client="device-1")  # too soon for the recipient as well
    assert (answer.status_code, answer.get_json()["code"]) == (429, "client_limit")
    assert caller.send(PHONE).get_json()["code"] == "too_soon"
    assert caller.send(EMAIL, "email", client="device-1").get_json()["code"] == "client_limit"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("203.0.113.9", "::ffff:203.0.113.9", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("device", " device ", True),
    ],
)
def test_addresses_of_one_network_are_one_client(caller: CountedCaller, one: str, other: str, is_same: bool) -> None:
    caller.allow(client_codes_per_hour=1)
    assert caller.send(iranian(1), client=one).status_code == 201
    assert caller.send(iranian(2), client=other).status_code == (429 if is_same else 201)


def test_a_client_is_kept_as_a_mac_alone(caller: CountedCaller) -> None:
    caller.send(PHONE, client="203.0.113.9")
    assert caller.count(OtpTraffic, scope=Scope.CLIENT.value, key="203.0.113.9") == 0
    assert caller.total(Scope.CLIENT) == 1


@pytest.mark.parametrize(
    ("client", "message"),
    [
        ("x" * 201, "Ensure this field has no more than 200 characters."),
        ("", "This field may not be blank."),
        (None, "This field may not be null."),
        (["a"], "Not a valid string."),
    ],
)
def test_a_bad_client_is_refused_and_named(caller: CountedCaller, client: object, message: str) -> None:
    answer = caller.send(PHONE, client=client)
    assert (answer.status_code, answer.json) == (400, {"client": [message], "code": "invalid"})
