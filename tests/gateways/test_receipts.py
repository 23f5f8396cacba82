"""What becomes of messages: asked for at the gateways' addresses, and pushed to the one that they were told."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
import trustme
from flask import current_app

from notifapp.errors import ValidationFailed
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.backends.twilio import signature
from notifapp.notifiers.backends.webhook import SIGNATURE_HEADER, sign
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from notifapp.notifiers.gateway.parsing import parse_settings
from notifapp.notifiers.gateway.receipts import NotGenuine, ReceiptRequest, Report, ReportOutcome
from tests.gateways.kinds import KINDS, MESSAGE, sender
from tests.gateways.stand_ins.twilio import TwilioStandIn

pytestmark = pytest.mark.usefixtures("loopback_allowed")
URL = "https://desk.example.com/hooks/receipts/key"
TOLD = replace(MESSAGE, receipt_url=URL)
API_KEY = {"api_key_sid": TwilioStandIn.api_key}
OWN_TOKEN = "the account's own token"
# What the gateway says of a message, the outcome, and the code.
SAID: list[tuple[str, dict[str, Any], str | None, str]] = [
    ("ippanel", {"status": 2}, "delivered", ""),
    ("ippanel", {"status": 1}, None, ""),
    ("ippanel", {"status": 4}, "undelivered", "4"),
    ("ippanel", {"state": 8}, "undelivered", "8"),
    ("ippanel", {"state": 6}, None, ""),
    ("melipayamak", {"became": 1}, "delivered", ""),
    ("melipayamak", {"became": 8}, None, ""),
    ("melipayamak", {"became": 300}, "undelivered", "300"),
    ("kavenegar", {"status": 10}, "delivered", ""),
    ("kavenegar", {"status": 5}, None, ""),
    ("kavenegar", {"status": 11}, "undelivered", "11"),
    ("twilio", {"became": {"status": "delivered"}}, "delivered", ""),
    ("twilio", {"became": {"status": "sending"}}, None, ""),
    ("twilio", {"became": {"status": "undelivered", "error_code": 30007}}, "undelivered", "30007"),
]


@pytest.mark.parametrize(("key", "said", "outcome", "code"), SAID)
def test_each_tells_at_the_address_in_the_place_of_its_own(
    http: HttpClient, ca: trustme.CA, key: str, said: dict[str, Any], outcome: str | None, code: str
) -> None:
    with KINDS[key].stand_in(ca) as server:
        config = replace(current_app.config["NOTIFAPP"], gateway_urls={key: server.url})
        current_app.config["NOTIFAPP"] = config
        kind: Any = type(BACKENDS[key])
        backend = kind(http)
        settings = backend.load(KINDS[key].settings)
        sent = backend.send(settings, MESSAGE)
        for name, value in said.items():
            setattr(server, name, value)
        reports = backend.status(settings, [sent.provider_id])
        assert [(each.provider_id, each.outcome, each.code) for each in reports] == (
            [(sent.provider_id, outcome, code)] if outcome else []
        )
        assert all(bool(each.reason) == (outcome == "undelivered") for each in reports)


@pytest.mark.parametrize("key", [key for key in KINDS if key != "webhook"])
def test_a_refusal_to_tell_has_the_reason_of_any_other(http: HttpClient, ca: trustme.CA, key: str) -> None:
    with KINDS[key].stand_in(ca) as server:
        there = sender(key, server, http)
        backend: Any = there.backend
        bad = backend.load({**there.settings, KINDS[key].secret: "f" * 32})
        with pytest.raises(SendFailed) as failed:
            backend.status(bad, ["1123544244"])
        assert "key" in failed.value.reason


def test_melipayamaks_key_is_taken_as_it_is_pasted_there_too(http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["melipayamak"].stand_in(ca) as server:
        server.became = 1
        backend: Any = sender("melipayamak", server, http).backend
        pasted = f"https://console.melipayamak.com/api/send/simple/{server.key}"
        assert len(backend.status(backend.load({"token": pasted}), ["3741437414"])) == 1


def test_a_webhook_tells_of_a_message_by_the_id_that_it_was_given(http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["webhook"].stand_in(ca) as server:
        there = sender("webhook", server, http)
        sent = there.send(TOLD)
        [message] = server.messages
        assert (message["id"], message["receipt_url"]) == (MESSAGE.id, URL)
    body = json.dumps({"id": message["id"], "status": "delivered"}).encode()
    headers = {SIGNATURE_HEADER.lower(): sign(server.key, body, int(time.time()))}
    request = ReceiptRequest(method="POST", url=URL, headers=headers, body=body, key="key")
    backend: Any = there.backend
    reports = backend.receipt(backend.load(there.settings), request)
    assert reports == [Report(sent.provider_id, ReportOutcome.DELIVERED)]


@pytest.mark.parametrize(
    ("settings", "is_told"),
    [({}, True), (API_KEY, False), ({**API_KEY, "signed_receipts": True, "receipts_token": OWN_TOKEN}, True)],
)
def test_twilio_is_told_the_address_where_its_signature_can_be_checked(
    http: HttpClient, ca: trustme.CA, settings: dict[str, Any], is_told: bool
) -> None:
    with KINDS["twilio"].stand_in(ca) as server:
        sender("twilio", server, http).send(TOLD, **settings)
        assert server.messages[0].get("StatusCallback") == (URL if is_told else None)


def test_no_address_is_told_where_the_desk_has_none(http: HttpClient, ca: trustme.CA) -> None:
    for key in ("twilio", "webhook"):
        with KINDS[key].stand_in(ca) as server:
            sender(key, server, http).send()
            assert not {"StatusCallback", "receipt_url"} & server.messages[0].keys()


@pytest.mark.parametrize(
    ("settings", "signed_with", "is_genuine"),
    [
        ({}, TwilioStandIn.token, True),
        ({**API_KEY, "receipts_token": OWN_TOKEN}, OWN_TOKEN, True),
        ({**API_KEY, "receipts_token": OWN_TOKEN}, TwilioStandIn.token, False),
        (API_KEY, TwilioStandIn.token, False),
        (API_KEY, "", False),
    ],
)
def test_twilios_receipts_are_signed_with_the_auth_token_whatever_one_logs_in_with(
    settings: dict[str, str], signed_with: str, is_genuine: bool
) -> None:
    backend: Any = BACKENDS["twilio"]
    signed = signature(signed_with, URL, [("MessageSid", "SM123"), ("MessageStatus", "delivered")])
    request = ReceiptRequest(
        method="POST",
        url=URL,
        headers={"x-twilio-signature": signed},
        body=b"MessageSid=SM123&MessageStatus=delivered",
        key="key",
    )
    config = backend.load({**KINDS["twilio"].settings, **settings})
    if is_genuine:
        assert backend.receipt(config, request) == [Report("SM123", ReportOutcome.DELIVERED)]
    else:
        with pytest.raises(NotGenuine):
            backend.receipt(config, request)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({**API_KEY, "signed_receipts": True}, "receipts_token"),
        ({**API_KEY, "receipts_token": OWN_TOKEN}, "receipts_token"),
        ({"signed_receipts": True, "receipts_token": OWN_TOKEN}, "signed_receipts"),
    ],
)
def test_the_auth_token_for_receipts_goes_with_an_api_key_alone(settings: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationFailed) as failed:
        parse_settings(BACKENDS["twilio"], {**KINDS["twilio"].settings, **settings})
    assert list(failed.value.errors) == [field]
