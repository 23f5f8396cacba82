"""Every error that a provider documents: its code is kept, and a person reads why, and whether to try again."""

from __future__ import annotations

import pytest

from notifapp.notifiers.backends import kavenegar as kavenegar_backend
from notifapp.notifiers.backends import melipayamak as melipayamak_backend
from notifapp.notifiers.backends import twilio as twilio_backend
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.notifiers.gateway import Gateway
from tests.notifiers.senders import CODE, PATTERN, failure, kavenegar, melipayamak, twilio

pytestmark = pytest.mark.usefixtures("loopback_allowed")

# Words of the gateways' own, as they come back; nothing of them may be repeated.
KAVENEGAR_RETRYABLE = {402, 409, 429, 451}
MELIPAYAMAK_RETRYABLE = {-6, 3, 4, 6, 19}
TWILIO_RETRYABLE = {14107, 20429, 21611, 21730, 60728, 63038}


@pytest.mark.parametrize("code", kavenegar_backend.REASONS)
@pytest.mark.parametrize("http_status", ["of the code", "success"])
def test_kavenegar(gateway: Gateway, http: HttpClient, code: int, http_status: str) -> None:
    gateway.status = code if http_status == "of the code" else 200
    gateway.answer = {"return": {"status": code, "message": f"{CODE.recipient} {CODE.body}"}, "entries": None}
    expected = (str(code), kavenegar_backend.REASONS[code], code in KAVENEGAR_RETRYABLE)
    assert failure(kavenegar(gateway, http, CODE, **PATTERN)) == expected


@pytest.mark.parametrize("code", melipayamak_backend.REASONS)
def test_melipayamak(gateway: Gateway, http: HttpClient, code: int) -> None:
    gateway.answer = {"recId": code, "status": f"{CODE.recipient} {CODE.body}"}
    expected = (str(code), melipayamak_backend.REASONS[code], code in MELIPAYAMAK_RETRYABLE)
    assert failure(melipayamak(gateway, http, CODE, **PATTERN)) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("اعتبار کافی نمی باشد.", ("2", "No credit left.", False)),
        ("شماره فرستنده معتبر نمی باشد.", ("5", "The sender number was not accepted.", False)),
        ("سامانه در حال بروزرسانی می باشد.", ("6", "The gateway is being updated.", True)),
        ("متن حاوی کلمه فیلتر شده می باشد", ("7", "The text holds a filtered word.", False)),
        ("شماره گیرنده ای یافت نشد", ("16", "The recipient's number was not accepted.", False)),
        (
            "متن ارسالی باتوجه به متغیرهای مشخص شده در متن پیشفرض همخوانی ندارد",
            ("-5", "The pattern has other variables.", False),
        ),
        (
            "کد متن ارسالی صحیح نمی‌باشد و یا توسط مدیر سامانه تأیید نشده است",
            ("-4", "The pattern was not found, or isn't approved yet.", False),
        ),
        ("چیز دیگری", ("0", "The gateway refused the message.", False)),
    ],
)
def test_melipayamak_in_words(gateway: Gateway, http: HttpClient, status: str, expected: object) -> None:
    gateway.answer = {"recId": 0, "status": status}
    assert failure(melipayamak(gateway, http)) == expected


@pytest.mark.parametrize("code", twilio_backend.REASONS)
def test_twilio(gateway: Gateway, http: HttpClient, code: int) -> None:
    gateway.status = {20003: 401, 20404: 404, 20429: 429}.get(code, 400)
    gateway.answer = {"code": code, "message": f"{CODE.recipient} {CODE.body}", "status": gateway.status}
    assert failure(twilio(gateway, http)) == (str(code), twilio_backend.REASONS[code], code in TWILIO_RETRYABLE)
