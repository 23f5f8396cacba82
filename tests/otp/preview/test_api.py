"""`GET /api/settings/notifications/preview`: the figures for what is asked, or in force, and nothing is saved."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from notifapp.access import Permission, Principal
from notifapp.channels import Channel
from notifapp.message_templates.service import set_template
from notifapp.message_templates.values import Template
from notifapp.otp.limits.service import Limits
from notifapp.otp.preview.clauses import clauses
from tests.client import ApiClient
from tests.otp.caller import Caller
from tests.statements import sent
from tests.world import World

PATH = "/api/settings/notifications/preview"
NOT_MET_BY_DEFAULT = {"NIST SP 800-63B-4, 3.2.2", "NIST SP 800-63B-4, 3.1.3.1"}


@pytest.fixture
def token(caller: Caller, world: World) -> str:
    return world.staff_token(caller.project, Permission.NOTIFICATIONS_SETTINGS_READ)


def get(api: ApiClient, token: str, **query: object) -> TestResponse:
    return api.call("GET", PATH, token, query_string=query)


def not_met(body: Any) -> set[str]:
    return {place for clause in body["clauses"] if clause["is_met"] is False for place in clause["clauses"]}


def test_it_tells_the_figures_of_what_is_asked(api: ApiClient, token: str) -> None:
    answer = get(api, token, otp_code_len=6, otp_ttl=120)
    assert answer.status_code == 200
    body = answer.get_json()
    assert (body["otp_code_len"], body["otp_ttl"]) == (6, 120)
    one, every = body["odds"]["one_customer"], body["odds"]["all_customers"]
    assert one.pop("probability") == pytest.approx(1 / 20_000, rel=0.001)
    assert one == {"codes": 10, "tries": 50, "codes_alive": 2}
    assert every.pop("probability") == pytest.approx(0.0488, rel=0.001)
    assert every == {"codes": 10_000, "tries": 50_000, "codes_alive": 1}
    assert body["arrivals"] == {"verified": 0, "too_late": 0, "shortest_ttl": None, "percentile_95": None}
    assert body["sms"] == {"encoding": "GSM-7", "length": 56, "segments": 1}


def test_what_is_not_asked_is_as_in_force(api: ApiClient, caller: Caller, token: str) -> None:
    caller.change_settings(otp_code_len=7, otp_ttl=300)
    for query, shown in (({}, (7, 300)), ({"otp_ttl": "60"}, (7, 60)), ({"otp_code_len": "4"}, (4, 300))):
        body = get(api, token, **query).get_json()
        assert (body["otp_code_len"], body["otp_ttl"]) == shown


def test_what_cannot_be_saved_is_refused_by_the_parameters_name(api: ApiClient, token: str) -> None:
    answer = get(api, token, otp_code_len="3", otp_ttl="soon", other="x")
    assert answer.status_code == 400
    assert answer.get_json() == {
        "otp_code_len": ["Ensure this value is greater than or equal to 4."],
        "otp_ttl": ["A valid integer is required."],
    }
    assert get(api, token, otp_ttl="3601").get_json() == {
        "otp_ttl": ["Ensure this value is less than or equal to 3600."]
    }
    assert get(api, token, otp_ttl="").status_code == 400


def test_the_projects_own_limits_count(api: ApiClient, caller: Caller, token: str) -> None:
    caller.set_limits(max_attempts=1, sends_per_day=5, resend_seconds=120)
    one = get(api, token, otp_code_len=6).get_json()["odds"]["one_customer"]
    assert one == {"probability": pytest.approx(5e-6, rel=0.001), "codes": 5, "tries": 5, "codes_alive": 1}


def test_of_a_long_message_the_segments_are_told(api: ApiClient, caller: Caller, token: str) -> None:
    template = Template("{code} " + "x" * 150)
    with caller.app.app_context():
        set_template(caller.project, Channel.SMS, template, principal=Principal.operator())
    assert get(api, token, otp_code_len=9).get_json()["sms"]["segments"] == 1
    assert get(api, token, otp_code_len=10).get_json()["sms"] == {"encoding": "GSM-7", "length": 161, "segments": 2}


@pytest.mark.parametrize(
    ("length", "ttl", "more"),
    [
        (6, 600, set()),
        (5, 600, {"NIST SP 800-63B-4, 3.1.3.2", "ASVS 5, 6.5.4"}),
        (6, 601, {"NIST SP 800-63B-4, 3.1.3.2", "ASVS 5, 6.5.5"}),
    ],
)
def test_it_tells_which_clauses_are_not_met(api: ApiClient, token: str, length: int, ttl: int, more: set[str]) -> None:
    body = get(api, token, otp_code_len=length, otp_ttl=ttl).get_json()
    assert not_met(body) == NOT_MET_BY_DEFAULT | more
    assert all(clause["why"] for clause in body["clauses"])


@pytest.mark.parametrize(
    ("limits", "is_met"),
    [
        (Limits(), False),
        (Limits(stop_hours=None), False),  # the last code before the block keeps its tries
        (Limits(max_failures=96), False),  # the block ends by itself
        (Limits(max_failures=96, stop_hours=None), True),
        (Limits(max_failures=97, stop_hours=None), False),
        (Limits(max_attempts=1, stop_hours=None), True),
    ],
)
def test_nist_wants_a_hundred_wrong_codes_at_most_and_somebody_who_sees_to_it(limits: Limits, is_met: bool) -> None:
    [clause] = [each for each in clauses(6, 120, limits, []) if "NIST SP 800-63B-4, 3.2.2" in each.places]
    assert clause.is_met == is_met


def test_what_the_channels_ask_for_counts_only_if_they_are_used() -> None:
    def of(*channels: Channel) -> dict[str, bool | None]:
        return {clause.places[0]: clause.is_met for clause in clauses(6, 120, Limits(), channels)}

    email, sms = "NIST SP 800-63B-4, 3.1.3.1", "NIST SP 800-63B-4, 3.1.3.3"
    assert (of()[email], of()[sms]) == (True, True)
    assert (of(Channel.EMAIL)[email], of(Channel.SMS)[sms]) == (False, None)


def test_nothing_is_written(api: ApiClient, token: str) -> None:
    get(api, token)
    with sent() as statements:
        assert get(api, token, otp_code_len=6).status_code == 200
    assert len(statements) == 4  # who is calling; the rules; the last codes; the messages
    assert all(statement.lstrip().startswith("SELECT") for statement, _ in statements)
