"""Each HTTP backend, ready to send to the gateway on loopback; and what its failures are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from notifapp.channels import Channel
from notifapp.notifiers.backends.ippanel import Ippanel
from notifapp.notifiers.backends.kavenegar import Kavenegar
from notifapp.notifiers.backends.melipayamak import Melipayamak
from notifapp.notifiers.backends.twilio import Twilio
from notifapp.notifiers.backends.webhook import Webhook
from notifapp.notifiers.gateway.base import Message, SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.notifiers.gateway import Gateway

TOKEN = "t0k3n/with?odd&signs"
SID = "AC" + "0" * 32
MESSAGE = Message(project_id=1, channel=Channel.SMS, recipient="+989120000000", body="Your code: 01234")
VARIABLES = {"code": "01234", "minutes": "2", "validity": "2 minutes", "project": "My Shop"}
CODE = replace(MESSAGE, variables=VARIABLES)
PATTERN = {"pattern_code": "94012", "pattern_variables": "project, code"}


def failure(send: Any, *args: Any) -> tuple[str, str, bool]:
    """The code, reason and retryability of a failed send; nothing of the message or the secret is in it."""
    with pytest.raises(SendFailed) as failed:
        send(*args)
    error = failed.value
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    for private in (TOKEN, "t0k3n", MESSAGE.recipient, "9120000000", "01234"):
        assert private not in f"{error} {error!r} {error.reason} {error.code}"
    return error.code, error.reason, error.retryable


def ippanel(gateway: Gateway, http: HttpClient, message: Message = MESSAGE, **settings: str) -> Any:
    backend = Ippanel(http, gateway.url)
    values = {"token": TOKEN, "from_number": "+983000505", **settings}
    return lambda: backend.send(backend.load(values), message)


def melipayamak(gateway: Gateway, http: HttpClient, message: Message = MESSAGE, **settings: str) -> Any:
    backend = Melipayamak(http, gateway.url)
    values = {"token": TOKEN, "number": "50004000", **settings}
    return lambda: backend.send(backend.load(values), message)


def kavenegar(gateway: Gateway, http: HttpClient, message: Message = MESSAGE, **settings: str) -> Any:
    backend = Kavenegar(http, gateway.url)
    values = {"api_key": TOKEN, "sender": "10004346", **settings}
    return lambda: backend.send(backend.load(values), message)


def twilio(gateway: Gateway, http: HttpClient) -> Any:
    backend = Twilio(http, gateway.url)
    values = {"account_sid": SID, "auth_token": TOKEN, "from_number": "+15005550006"}
    return lambda: backend.send(backend.load(values), MESSAGE)


def webhook(gateway: Gateway, http: HttpClient, message: Message = MESSAGE) -> Any:
    backend = Webhook(http, clock=lambda: 1_700_000_000.9)
    return lambda: backend.send(backend.load({"url": gateway.url + "/hook?a=1", "secret": TOKEN}), message)
