"""Whose fault a failure is, in agreement with the words that say why, and whether the message may be out."""

from __future__ import annotations

import re
import smtplib
from types import ModuleType
from typing import Any

import pytest
import trustme

from notifapp.notifiers.backends import kavenegar, melipayamak, smtp, twilio
from notifapp.notifiers.backends.kavenegar import KavenegarConfig
from notifapp.notifiers.gateway.base import Fault, SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from notifapp.notifiers.gateway.network import time_limit
from tests.delivery.outbox import free_port
from tests.gateways.kinds import KINDS, TEXT

_NAMES_RECIPIENT = re.compile(r"\b(?:the|this) recipient\b", re.IGNORECASE)


@pytest.mark.parametrize("backend", [kavenegar, melipayamak, twilio], ids=lambda each: each.__name__.split(".")[-1])
def test_the_recipient_is_to_blame_where_the_reason_names_it(backend: ModuleType) -> None:
    reasons: dict[int, str] = backend.REASONS
    assert {code for code, reason in reasons.items() if _NAMES_RECIPIENT.search(reason)} == backend.RECIPIENTS_FAULT


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (smtplib.SMTPRecipientsRefused({"a@example.com": (550, b"")}), Fault.RECIPIENT),
        (smtplib.SMTPAuthenticationError(535, b""), Fault.NOTIFIER),
        (TimeoutError(), Fault.NOTIFIER),
    ],
)
def test_the_recipient_is_to_blame_for_an_address_that_a_mail_server_refuses(error: Any, fault: Fault) -> None:
    assert smtp._failure(error).fault is fault


@pytest.mark.usefixtures("loopback_allowed")
@pytest.mark.parametrize(
    ("fault", "may_have_gone"),
    [("silent", True), ("hang up", True), ("garbage", True), ("bad gateway", False), ("proxy 403", False)],
)
def test_a_message_may_be_out_unless_the_gateway_says_no(
    http: HttpClient, ca: trustme.CA, fault: str, may_have_gone: bool
) -> None:
    kind = KINDS["kavenegar"]
    with kind.stand_in(ca) as server:
        server.fault = fault
        with pytest.raises(SendFailed) as failed, time_limit(0.4):
            kind.backend(http, server).send(KavenegarConfig(api_key=server.key), TEXT)
        assert failed.value.may_have_gone is may_have_gone


@pytest.mark.usefixtures("loopback_allowed")
def test_a_message_is_not_out_if_nobody_listens(http: HttpClient) -> None:
    with pytest.raises(SendFailed) as failed:
        http.post(f"https://127.0.0.1:{free_port()}/")
    assert (failed.value.code, failed.value.may_have_gone) == ("connection", False)
