"""Every HTTP gateway against a loopback server that answers as the provider's documentation says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import time
from pathlib import Path
from typing import Any

import pytest
import trustme

from notifapp.notifiers.gateway.http_client import MAX_RESPONSE_BYTES, HttpClient
from tests.notifiers.gateway import Gateway
from tests.notifiers.senders import (
    CODE,
    MESSAGE,
    SID,
    TOKEN,
    failure,
    ippanel,
    kavenegar,
    melipayamak,
    twilio,
    webhook,
)

WEBHOOK_DOCS = Path(__file__).parents[3] / "docs" / "webhook.md"

pytestmark = pytest.mark.usefixtures("loopback_allowed")


# IPPanel


def test_ippanel_sends(gateway: Gateway, http: HttpClient) -> None:
    gateway.answer = {
        "data": {"message_outbox_ids": [1123544244]},
        "meta": {"status": True, "message": "انجام شد", "message_parameters": [], "message_code": "200-1"},
    }
    assert ippanel(gateway, http)().provider_id == "1123544244"
    [request] = gateway.requests
    assert request.path == "/api/send"
    assert request.headers["Authorization"] == TOKEN
    assert request.json == {
        "sending_type": "webservice",
        "from_number": "+983000505",
        "message": "Your code: 01234",
        "params": {"recipients": ["+989120000000"]},
    }


@pytest.mark.parametrize(
    ("status", "code", "fields", "expected"),
    [
        (401, "400-1", {}, ("400-1", "The API key was not accepted.", False)),
        (422, "400-2", {"from_number": ["…"]}, ("400-2", "The sender number was not accepted.", False)),
        (
            422,
            "400-2",
            {"message": ["تکمیل گزینه پیام الزامی است"]},
            ("400-2", "The text was not accepted.", False),
        ),
        (422, "400-2", {"x": []}, ("400-2", "The gateway refused the message.", False)),
        (200, "400-9", {}, ("400-9", "The gateway refused the message.", False)),
        (503, None, {}, ("503", "The gateway is busy or out of order.", True)),
    ],
)
def test_ippanel_failures(
    gateway: Gateway, http: HttpClient, status: int, code: str | None, fields: object, expected: object
) -> None:
    gateway.status = status
    gateway.answer = {
        "data": None,
        "meta": {
            "status": False,
            "message": f"… {MESSAGE.recipient}",
            "message_code": code,
            "errors": fields,
        },
    }
    assert failure(ippanel(gateway, http)) == expected


# Melipayamak


def test_melipayamak_sends(gateway: Gateway, http: HttpClient) -> None:
    gateway.answer = {"recId": 3741437414, "status": ""}
    assert melipayamak(gateway, http)().provider_id == "3741437414"
    [request] = gateway.requests
    assert request.path == "/send/simple/t0k3n%2Fwith%3Fodd%26signs"
    assert request.json == {"from": "50004000", "to": "09120000000", "text": "Your code: 01234"}


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (200, {"recId": 2, "status": "…"}, ("2", "No credit left.", False)),
        (200, {"recId": 5, "status": "…"}, ("5", "The sender number was not accepted.", False)),
        (200, {"recId": 6, "status": "…"}, ("6", "The gateway is being updated.", True)),
        (200, {"recId": None, "status": "…"}, ("0", "The gateway refused the message.", False)),
        (200, {"status": "…"}, ("0", "The gateway refused the message.", False)),
        (200, {"recId": []}, ("200", "The gateway's answer can't be understood.", False)),
        (404, {}, ("404", "The gateway refused the message.", False)),
        (500, {}, ("500", "The gateway is busy or out of order.", True)),
    ],
)
def test_melipayamak_failures(
    gateway: Gateway, http: HttpClient, status: int, answer: object, expected: object
) -> None:
    gateway.status, gateway.answer = status, answer
    assert failure(melipayamak(gateway, http)) == expected


# Kavenegar


def test_kavenegar_sends(gateway: Gateway, http: HttpClient) -> None:
    gateway.answer = {
        "return": {"status": 200, "message": "تایید شد"},
        "entries": [{"messageid": 8792343, "status": 1, "sender": "10004346", "receptor": "09120000000"}],
    }
    assert kavenegar(gateway, http)().provider_id == "8792343"
    [request] = gateway.requests
    assert request.path == "/t0k3n%2Fwith%3Fodd%26signs/sms/send.json"
    assert request.form == {
        "receptor": "09120000000", "sender": "10004346", "message": "Your code: 01234",
        "localid": str(int(MESSAGE.id[:15], 16)),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, 403, ("403", "The API key was not accepted.", False)),
        (411, 411, ("411", "The recipient's number was not accepted.", False)),
        (412, 412, ("412", "The sender number was not accepted.", False)),
        (418, 418, ("418", "No credit left.", False)),
        (200, 418, ("418", "No credit left.", False)),
        (409, 409, ("409", "The gateway is busy or out of order.", True)),
        (502, None, ("502", "The gateway is busy or out of order.", True)),
        (499, 499, ("499", "The gateway refused the message.", False)),
    ],
)
def test_kavenegar_failures(
    gateway: Gateway, http: HttpClient, status: int, code: int | None, expected: object
) -> None:
    gateway.status = status
    gateway.answer = {"return": {"status": code, "message": "…"}, "entries": None} if code else b"<html>"
    assert failure(kavenegar(gateway, http)) == expected


# Twilio


def test_twilio_sends(gateway: Gateway, http: HttpClient) -> None:
    gateway.status, gateway.answer = 201, {"sid": "SM123", "status": "queued", "error_code": None}
    assert twilio(gateway, http)().provider_id == "SM123"
    [request] = gateway.requests
    assert request.path == f"/Accounts/{SID}/Messages.json"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    assert request.form == {"To": "+989120000000", "From": "+15005550006", "Body": "Your code: 01234"}


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, 20003, ("20003", "The account SID, the key or its secret was not accepted.", False)),
        (400, 21211, ("21211", "The recipient's number was not accepted.", False)),
        (400, 21606, ("21606", "The sender was not accepted.", False)),
        (429, 20429, ("20429", "Too many messages at once.", True)),
        (400, 99999, ("99999", "The gateway refused the message.", False)),
        (503, None, ("503", "The gateway is busy or out of order.", True)),
    ],
)
def test_twilio_failures(gateway: Gateway, http: HttpClient, status: int, code: int | None, expected: object) -> None:
    gateway.status = status
    gateway.answer = {"code": code, "message": f"'To' {MESSAGE.recipient}", "status": status}
    assert failure(twilio(gateway, http)) == expected


# Webhook


def test_webhook_posts_signed_json(gateway: Gateway, http: HttpClient) -> None:
    gateway.status = 204
    assert webhook(gateway, http, CODE)().provider_id == CODE.id
    [request] = gateway.requests
    assert request.path == "/hook?a=1"
    assert request.headers["Content-Type"] == "application/json"
    assert request.json == {
        "id": CODE.id,
        "channel": "sms",
        "recipient": "+989120000000",
        "subject": "",
        "body": "Your code: 01234",
        "variables": {"code": "01234", "minutes": "2", "validity": "2 minutes", "project": "My Shop"},
        "expires_at": None,
    }
    expected = hmac.new(TOKEN.encode(), b"1700000000." + request.body, hashlib.sha256).hexdigest()
    assert request.headers["Notifapp-Signature"] == f"t=1700000000,v1={expected}"


def test_the_documented_verifier_accepts_a_signed_request_and_nothing_else(
    gateway: Gateway, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook(gateway, http, CODE)()
    [request] = gateway.requests
    [example] = re.findall(r"```python\n(.*?)```", WEBHOOK_DOCS.read_text(), re.DOTALL)
    documented: dict[str, Any] = {}
    exec(example, documented)
    is_genuine = documented["is_genuine"]
    header, body = request.headers["Notifapp-Signature"], request.body
    monkeypatch.setattr(time, "time", lambda: 1_700_000_300.0)
    assert is_genuine(TOKEN, header, body)
    assert not is_genuine(TOKEN + "x", header, body)
    assert not is_genuine(TOKEN, header, body + b" ")
    assert not is_genuine(TOKEN, header.replace("t=17", "t=18"), body)
    for broken in ("", "t=,v1=", "v1=x", "t=x,v1=x", header.replace("v1", "v0"), "t=1700000000,v1=\u06f1"):
        assert not is_genuine(TOKEN, broken, body)
    monkeypatch.setattr(time, "time", lambda: 1_700_000_301.0)
    assert not is_genuine(TOKEN, header, body)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ("400", "The receiver refused the message.", False)),
        (410, ("410", "The receiver refused the message.", False)),
        (429, ("429", "The receiver refused the message.", True)),
        (500, ("500", "The gateway is busy or out of order.", True)),
    ],
)
def test_webhook_failures(gateway: Gateway, http: HttpClient, status: int, expected: object) -> None:
    gateway.status = status
    assert failure(webhook(gateway, http)) == expected


# What all of them share

SENDERS = [ippanel, melipayamak, kavenegar, twilio, webhook]


@pytest.mark.parametrize("sender", SENDERS)
def test_a_redirect_is_not_followed(gateway: Gateway, http: HttpClient, sender: Any) -> None:
    gateway.status, gateway.headers = 307, {"Location": gateway.url + "/elsewhere"}
    reason = "The gateway answered with a redirect, which is not followed."
    assert failure(sender(gateway, http)) == ("307", reason, False)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("sender", SENDERS)
def test_a_certificate_that_nobody_vouches_for_is_refused(gateway: Gateway, sender: Any) -> None:
    reason = "The gateway's certificate could not be verified."
    assert failure(sender(gateway, HttpClient())) == ("tls", reason, False)
    assert gateway.requests == []


@pytest.mark.parametrize("sender", SENDERS)
def test_a_silent_gateway_times_out_and_may_be_tried_again(gateway: Gateway, http: HttpClient, sender: Any) -> None:
    gateway.delay = 1
    assert failure(sender(gateway, http)) == ("timeout", "The gateway did not answer in time.", True)


@pytest.mark.parametrize("sender", SENDERS)
def test_a_gateway_that_is_down_may_be_tried_again(ca: trustme.CA, http: HttpClient, sender: Any) -> None:
    with Gateway(ca) as gateway:
        send = sender(gateway, http)
    assert failure(send) == ("connection", "The gateway could not be reached.", True)


@pytest.mark.parametrize("sender", SENDERS)
def test_an_answer_without_end_is_read_no_further(gateway: Gateway, http: HttpClient, sender: Any) -> None:
    gateway.status, gateway.answer = 400, b"x" * (MAX_RESPONSE_BYTES * 40)
    assert failure(sender(gateway, http))[2] is False


@pytest.mark.parametrize("sender", SENDERS)
def test_an_answer_nested_without_end_counts_as_none(gateway: Gateway, http: HttpClient, sender: Any) -> None:
    gateway.status, gateway.answer = 400, b"[" * 50_000
    assert failure(sender(gateway, http))[2] is False


@pytest.mark.parametrize("sender", SENDERS)
def test_no_key_and_no_message_reaches_the_log(
    gateway: Gateway, http: HttpClient, sender: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway.status = 400
    failure(sender(gateway, http))
    assert "t0k3n" not in caplog.text
    assert "01234" not in caplog.text


def test_credentials_in_netrc_replace_nothing(
    gateway: Gateway, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login other password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    gateway.answer = {"data": {"message_outbox_ids": [1]}, "meta": {"status": True}}
    ippanel(gateway, http)()
    assert gateway.requests[0].headers["Authorization"] == TOKEN
