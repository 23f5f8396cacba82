"""Gateways at the address that the operator puts in the place of the provider's own, over TLS or plain http."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import trustme
from flask import current_app

from notifapp import destinations
from notifapp.notifiers.backends.twilio import Twilio
from notifapp.notifiers.gateway.base import Message, SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from notifapp.notifiers.gateway.network import CLEAR_TEXT, PRIVATE_ADDRESS
from tests.gateways.kinds import KINDS, MESSAGE
from tests.gateways.stand_ins.twilio import TwilioStandIn

pytestmark = pytest.mark.usefixtures("loopback_allowed")


def at(url: str, listed: str = "127.0.0.0/8") -> None:
    """Let the operator put this address in the place of Twilio's, and list these private destinations."""
    config = replace(
        current_app.config["NOTIFAPP"],
        gateway_urls={"twilio": url},
        private_destinations=destinations.parse(listed),
    )
    current_app.config["NOTIFAPP"] = config


def send(http: HttpClient, message: Message = MESSAGE) -> Any:
    backend = Twilio(http)
    return backend.send(backend.load(KINDS["twilio"].settings), message)


@pytest.fixture
def plain() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as server:
        yield server


def test_plain_http_goes_to_a_listed_private_destination(http: HttpClient, plain: TwilioStandIn) -> None:
    at(plain.url)
    assert send(http).provider_id == "SM123"
    assert send(http).provider_id == "SM123"
    assert len(plain.messages) == 2


def test_it_goes_to_no_other(http: HttpClient, plain: TwilioStandIn) -> None:
    at(plain.url, "127.0.0.1/32:1")
    with pytest.raises(SendFailed) as failed:
        send(http)
    assert (failed.value.code, failed.value.reason) == ("destination", PRIVATE_ADDRESS)
    assert plain.requests == []


def test_a_public_name_gets_nothing_in_clear_text(http: HttpClient) -> None:
    at("http://gateway.example.com/x")
    elsewhere = replace(http, resolve=lambda *_args, **_more: [(2, 1, 6, "", ("93.184.216.34", 80))])
    with pytest.raises(SendFailed) as failed:
        send(elsewhere)
    assert (failed.value.code, failed.value.reason) == ("destination", CLEAR_TEXT)


def test_all_hosts_of_twilio_are_there(http: HttpClient, plain: TwilioStandIn) -> None:
    at(plain.url)
    backend = Twilio(http)
    config = backend.load(KINDS["twilio"].settings)
    assert [line.value for line in backend.lines(config)] == ["MG" + "1" * 32, "+15005550006"]
    assert {request.path for request in plain.requests} == {
        "/v1/Services", f"/Accounts/{plain.account}/IncomingPhoneNumbers.json",
    }  # fmt: skip


def test_over_tls_too(http: HttpClient, ca: trustme.CA) -> None:
    with TwilioStandIn(ca) as server:
        at(server.url)
        assert send(http).provider_id == "SM123"
