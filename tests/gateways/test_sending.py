"""What the gateways get: fields against doubles and late codes, places of patterns, keys as people paste them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import trustme

from notifapp import inputs
from notifapp.notifiers.backends.melipayamak import console_key
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.gateways.kinds import KINDS, MESSAGE, TEXT, living, sender
from tests.gateways.stand_ins.twilio import SERVICE, TwilioStandIn

pytestmark = pytest.mark.usefixtures("loopback_allowed")
PASTED = "01234567-89ab-cdef-0123-456789abcdef"


def test_kavenegar_and_the_webhook_send_a_message_once_however_often_it_is_tried(
    http: HttpClient, ca: trustme.CA
) -> None:
    for key in ("kavenegar", "webhook"):
        with KINDS[key].stand_in(ca) as server:
            ids = {sender(key, server, http).send().provider_id for _ in range(3)}
            assert (len(ids), len(server.messages), len(server.requests)) == (1, 1, 3)
            sender(key, server, http).send(replace(MESSAGE, id="0e" * 16))
            assert len(server.messages) == 2


def test_kavenegars_pattern_has_no_local_id(http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["kavenegar"].stand_in(ca) as server:
        sender("kavenegar", server, http).send(**KINDS["kavenegar"].pattern)
        assert "localid" not in server.messages[0]


@pytest.mark.parametrize(
    ("seconds", "told"), [(120, range(118, 121)), (90_000, range(36_000, 36_001)), (-5, range(1, 2))]
)
def test_twilio_gives_up_when_the_code_has_expired(http: HttpClient, ca: trustme.CA, seconds: int, told: range) -> None:
    with KINDS["twilio"].stand_in(ca) as server:
        sender("twilio", server, http).send(living(seconds))
        assert int(server.messages[0]["ValidityPeriod"]) in told


def test_a_message_that_does_not_expire_has_no_validity(http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["twilio"].stand_in(ca) as server:
        sender("twilio", server, http).send(TEXT)
        assert "ValidityPeriod" not in server.messages[0]


def test_twilio_sends_through_a_service_with_an_api_key(http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["twilio"].stand_in(ca) as server:
        sender("twilio", server, http).send(from_number=SERVICE, api_key_sid=TwilioStandIn.api_key)
        assert server.messages[0]["MessagingServiceSid"] == SERVICE
        assert "From" not in server.messages[0]


def test_twilio_fills_in_a_content_template(http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["twilio"].stand_in(ca) as server:
        sender("twilio", server, http).send(**KINDS["twilio"].pattern)
        assert json.loads(server.messages[0]["ContentVariables"]) == {"1": "01234", "2": "My Shop"}
        assert "Body" not in server.messages[0]


def test_ippanel_fills_in_the_places_by_their_names(http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["ippanel"].stand_in(ca) as server:
        sender("ippanel", server, http).send(**KINDS["ippanel"].pattern)
        assert server.messages[0]["params"] == {"verification-code": "01234", "shop": "My Shop"}


def test_kavenegar_fills_in_the_chosen_tokens(http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["kavenegar"].stand_in(ca) as server:
        variables = {"pattern_code": "login", "pattern_variables": "project=token10, code, minutes=token3"}
        sender("kavenegar", server, http).send(**variables)
        sent = {name: value for name, value in server.messages[0].items() if name.startswith("token")}
        assert sent == {"token": "01234", "token10": "My Shop", "token3": "2"}


@pytest.mark.parametrize("project", ["a b c d e f g h i j", "x" * 101])
def test_a_project_name_that_kavenegar_refuses_is_told_before(http: HttpClient, ca: trustme.CA, project: str) -> None:
    message = replace(MESSAGE, variables={**MESSAGE.variables, "project": project})
    with KINDS["kavenegar"].stand_in(ca) as server:
        with pytest.raises(SendFailed) as failed:
            sender("kavenegar", server, http).send(message, **KINDS["kavenegar"].pattern)
        assert "If it is the project's name, shorten that." in failed.value.reason
        assert (failed.value.code, failed.value.retryable, server.requests) == ("431", False, [])


def test_a_project_name_of_eight_blanks_and_a_hundred_characters_fits(http: HttpClient, ca: trustme.CA) -> None:
    project = "a b c d e f g h i".ljust(100, "x")
    message = replace(MESSAGE, variables={**MESSAGE.variables, "project": project})
    with KINDS["kavenegar"].stand_in(ca) as server:
        sender("kavenegar", server, http).send(message, **KINDS["kavenegar"].pattern)
        assert server.messages[0]["token20"] == project


@pytest.mark.parametrize(
    "pasted",
    [PASTED, PASTED.replace("-", ""), f"https://console.melipayamak.com/api/send/simple/{PASTED.replace('-', '')}"],
)
def test_melipayamaks_key_is_taken_as_people_paste_it(http: HttpClient, ca: trustme.CA, pasted: str) -> None:
    assert console_key(pasted) == PASTED.replace("-", "")
    with KINDS["melipayamak"].stand_in(ca) as server:
        assert sender("melipayamak", server, http).send(token=pasted).provider_id


def test_melipayamaks_pattern_needs_no_line(http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["melipayamak"].stand_in(ca) as server:
        sender("melipayamak", server, http).send(number="", **KINDS["melipayamak"].pattern)
        assert server.messages[0] == {"bodyId": 94012, "to": "09120000000", "args": ["My Shop", "01234"]}


@pytest.mark.parametrize("line", ["+98PRO", "+98bank"])
def test_ippanel_has_lines_with_a_name(line: str) -> None:
    assert inputs.line_number(line) == line.upper()
