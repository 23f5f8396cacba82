"""Messages with a code go out by the gateway's pattern where the notifier names one, and as free text otherwise."""

from __future__ import annotations

import pytest

from notifapp.errors import ValidationFailed
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.gateway.http_client import HttpClient
from notifapp.notifiers.gateway.parsing import parse_settings
from tests.notifiers.gateway import Gateway
from tests.notifiers.senders import CODE, MESSAGE, PATTERN, failure, ippanel, kavenegar, melipayamak

pytestmark = pytest.mark.usefixtures("loopback_allowed")

IPPANEL_SENT = {"data": {"message_outbox_ids": [1123594208]}, "meta": {"status": True, "message_code": "200-1"}}
KAVENEGAR_SENT = {"return": {"status": 200, "message": "تایید شد"}, "entries": [{"messageid": 8792343}]}
MELIPAYAMAK_SENT = {"recId": 4964357668335355040, "status": "عملیات موفق"}


def test_ippanel_fills_in_its_pattern(gateway: Gateway, http: HttpClient) -> None:
    gateway.answer = IPPANEL_SENT
    assert ippanel(gateway, http, CODE, **PATTERN)().provider_id == "1123594208"
    [request] = gateway.requests
    assert request.path == "/api/send"
    assert request.json == {
        "sending_type": "pattern",
        "from_number": "+983000505",
        "code": "94012",
        "recipients": ["+989120000000"],
        "params": {"project": "My Shop", "code": "01234"},
    }


def test_melipayamak_fills_in_its_pattern_in_order(gateway: Gateway, http: HttpClient) -> None:
    gateway.answer = MELIPAYAMAK_SENT
    assert melipayamak(gateway, http, CODE, **PATTERN)().provider_id == "4964357668335355040"
    [request] = gateway.requests
    assert request.path == "/send/shared/t0k3n%2Fwith%3Fodd%26signs"
    assert request.json == {"bodyId": 94012, "to": "09120000000", "args": ["My Shop", "01234"]}


def test_kavenegar_fills_in_its_pattern(gateway: Gateway, http: HttpClient) -> None:
    gateway.answer = KAVENEGAR_SENT
    variables = {"pattern_code": "login", "pattern_variables": "code,minutes,validity,project"}
    assert kavenegar(gateway, http, CODE, **variables)().provider_id == "8792343"
    [request] = gateway.requests
    assert request.path == "/t0k3n%2Fwith%3Fodd%26signs/verify/lookup.json"
    assert request.form == {
        "receptor": "09120000000", "template": "login", "token": "01234", "token2": "2",
        "token10": "2 minutes", "token20": "My Shop",
    }  # fmt: skip


def test_without_a_pattern_a_code_goes_out_as_free_text(gateway: Gateway, http: HttpClient) -> None:
    gateway.answer = {**IPPANEL_SENT, **KAVENEGAR_SENT, **MELIPAYAMAK_SENT}
    for sender in (ippanel, kavenegar, melipayamak):
        sender(gateway, http, CODE)()
    assert [request.path.rsplit("/", 1)[1] for request in gateway.requests][:2] == ["send", "send.json"]
    assert "/send/simple/" in gateway.requests[2].path


def test_a_message_without_a_code_goes_out_as_free_text(gateway: Gateway, http: HttpClient) -> None:
    gateway.answer = {**IPPANEL_SENT, **KAVENEGAR_SENT, **MELIPAYAMAK_SENT}
    for sender in (ippanel, kavenegar, melipayamak):
        sender(gateway, http, MESSAGE, **PATTERN)()
    assert gateway.requests[0].json["sending_type"] == "webservice"
    assert gateway.requests[1].path.endswith("/sms/send.json")
    assert "/send/simple/" in gateway.requests[2].path


@pytest.mark.parametrize("field", ["code", "params"])
def test_ippanel_says_what_is_wrong_with_a_pattern(gateway: Gateway, http: HttpClient, field: str) -> None:
    gateway.status = 422
    gateway.answer = {"data": None, "meta": {"status": False, "message_code": "400-2", "errors": {field: ["…"]}}}
    reasons = {"code": "The pattern was not found.", "params": "The pattern has other variables."}
    assert failure(ippanel(gateway, http, CODE, **PATTERN)) == ("400-2", reasons[field], False)


@pytest.mark.parametrize(
    "variables", ["code", "code,minutes,project", " project , code ", "minutes, code", "validity,code"]
)
def test_variables_are_listed_in_the_patterns_order(variables: str) -> None:
    raw = {"token": "t", "from_number": "+983000505", "pattern_variables": variables}
    assert parse_settings(BACKENDS["ippanel"], raw)["pattern_variables"] == variables.strip()


@pytest.mark.parametrize("variables", ["minutes", "code;minutes", "code,", "code,name", "encoded"])
def test_other_variables_are_refused(variables: str) -> None:
    raw = {"token": "t", "from_number": "+983000505", "pattern_variables": variables}
    with pytest.raises(ValidationFailed) as failed:
        parse_settings(BACKENDS["ippanel"], raw)
    assert set(failed.value.errors) == {"pattern_variables"}
