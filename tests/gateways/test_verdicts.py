"""Every gateway with every fault: whether a message counts as sent, whether it is tried again, and what is said of it.

A verdict is the code and whether the same may work later; the reasons are held to be our own words.
"""

from __future__ import annotations

from typing import Any

import pytest
import trustme

from notifapp.notifiers.backends import ippanel, kavenegar, melipayamak, twilio
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.gateways.kinds import KINDS, MESSAGE, sender

pytestmark = pytest.mark.usefixtures("loopback_allowed")

REFUSED = "The gateway refused the message."
NOT_ITS = "The call was refused, but not in the gateway's words: by a proxy or a firewall on the way, perhaps."
BUSY = "The gateway is busy or out of order."
UNCLEAR = "The gateway's answer can't be understood."

# In front of every gateway: code, reason, and whether it is tried again.
COMMON = {
    "hang up": ("connection", "The gateway could not be reached.", True),
    "silent": ("timeout", "The gateway did not answer in time.", True),
    "redirect": ("307", "The gateway answered with a redirect, which is not followed.", False),
    "limited": ("429", BUSY, True),
    "broken": ("500", BUSY, True),
    "bad gateway": ("502", BUSY, True),
    "maintenance": ("503", BUSY, True),
    "proxy 401": ("401", NOT_ITS, False),
    "proxy 403": ("403", NOT_ITS, False),
    "proxy 404": ("404", NOT_ITS, False),
    "proxy 407": ("407", NOT_ITS, False),
    "garbage": ("200", UNCLEAR, False),
    "garbage 201": ("201", UNCLEAR, False),
    "nothing": ("200", UNCLEAR, False),
    "empty object": ("200", UNCLEAR, False),
    "list": ("200", UNCLEAR, False),
}
# A receiver of the webhook has the message once it answers 2xx, and has no words of its own.
WEBHOOK_TAKES = {"garbage", "garbage 201", "nothing", "empty object", "list"}
IN_FRONT = [(key, fault) for key in KINDS for fault in COMMON if not (key == "webhook" and fault in WEBHOOK_TAKES)]

Own = tuple[str, dict[str, Any], dict[str, str], tuple[str, str, bool]]


def own(key: str, state: dict[str, Any], code: object, reason: str, again: bool, **settings: str) -> Own:
    return key, state, settings, (str(code), reason, again)


PATTERNS = {key: kind.pattern for key, kind in KINDS.items()}
OWN: list[Own] = [
    # IPPanel
    own("ippanel", {}, "400-1", ippanel.BAD_KEY, False, token="another"),
    own("ippanel", {"error": "bad line"}, "400-2", "The sender number was not accepted.", False),
    own("ippanel", {"error": "bad text"}, "400-2", "The text was not accepted.", False),
    own("ippanel", {"error": "bad number"}, "400-2", "The recipient's number was not accepted.", False),
    own(
        "ippanel", {"error": "bad number of a pattern"}, "400-2", "The recipient's number was not accepted.", False,
        **PATTERNS["ippanel"],
    ),
    own("ippanel", {"error": "unknown pattern"}, "400-2", "The pattern was not found.", False),
    own("ippanel", {"error": "other variables"}, "400-2", "The pattern has other variables.", False),
    own("ippanel", {"error": "another field"}, "400-2", REFUSED, False),
    own("ippanel", {"error": "refused"}, "400-9", REFUSED, False),
    own("ippanel", {"error": "no id"}, "200", UNCLEAR, False),
    own(
        "ippanel", {}, "400-2", "The pattern was not found.", False,
        pattern_code="gone", pattern_variables="code=verification-code",
    ),
    own(
        "ippanel", {}, "400-2", "The pattern has other variables.", False,
        pattern_code="abc123", pattern_variables="code",
    ),
    # Melipayamak
    own("melipayamak", {}, "400", melipayamak.BAD_KEY, False, token="f" * 32),
    own("melipayamak", {}, "number", melipayamak.NO_LINE, False, number=""),
    *[
        own("melipayamak", {"code": code}, code, reason, code in {-6, 3, 4, 6, 19})
        for code, reason in melipayamak.REASONS.items()
    ],
    *[
        own("melipayamak", {"code": None, "words": str(code)}, code, melipayamak.REASONS[code], code == 6)
        for code in (-111, -2, 2, 6, 11)
    ],
    own("melipayamak", {"code": 0, "words": "اعتبار کافی نمی باشد"}, 2, "No credit left.", False),
    own("melipayamak", {"code": 0, "words": "كلید كنسول معتبر نیست"}, 200, melipayamak.BAD_KEY, False),
    own("melipayamak", {"code": 0, "words": "چیز دیگری"}, 0, REFUSED, False),
    own("melipayamak", {"code": None}, 200, UNCLEAR, False),
    # Kavenegar
    own("kavenegar", {}, 403, "The API key was not accepted.", False, api_key="another"),
    *[
        own("kavenegar", {"code": code, "has_status_of_code": has}, code, reason, code in {402, 409, 429, 451})
        for code, reason in kavenegar.REASONS.items()
        for has in (True, False)
    ],
    *[
        own("kavenegar", {"entry_status": code}, code, reason, False)
        for code, reason in kavenegar.UNDELIVERED.items()
    ],
    own("kavenegar", {"entry_status": 14}, 14, kavenegar.UNDELIVERED[14], False, **PATTERNS["kavenegar"]),
    own("kavenegar", {"has_id": False}, 200, UNCLEAR, False),
    own("kavenegar", {"code": 499}, 499, REFUSED, False),
    # Twilio
    own("twilio", {}, 20003, twilio.REASONS[20003], False, auth_token="another"),
    *[
        own("twilio", {"code": code}, code, reason, code in {14107, 20429, 21611, 21730, 60728, 63038})
        for code, reason in twilio.REASONS.items()
    ],
    own("twilio", {"code": 99999}, 99999, REFUSED, False),
    own("twilio", {"taken": {"status": "queued"}}, 201, UNCLEAR, False),
    own("twilio", {"taken": {"sid": None, "status": "queued"}}, 201, UNCLEAR, False),
    own(
        "twilio", {"taken": {"sid": "SM1", "status": "failed", "error_code": 21610}}, 21610,
        "The recipient has unsubscribed.", False,
    ),
    own(
        "twilio", {"taken": {"sid": "SM1", "status": "failed", "error_code": None}}, "failed",
        "The gateway took the message and couldn't send it.", False,
    ),
    own(
        "twilio", {"taken": {"sid": "SM1", "status": "undelivered", "error_code": 30007}}, 30007,
        "The gateway took the message and couldn't send it.", False,
    ),
    # The webhook
    own("webhook", {}, 401, "The receiver refused the message.", False, secret="another secret of 16"),
    *[own("webhook", {"status": status}, status, "The receiver refused the message.", False) for status in (400, 410)],
]  # fmt: skip


def verdict(send: Any, *args: Any, **settings: str) -> tuple[str, str, bool]:
    with pytest.raises(SendFailed) as failed:
        send(*args, **settings)
    error = failed.value
    assert "9120000000" not in f"{error!r}{error.reason}{error.code}"
    return error.code, error.reason, error.retryable


def test_there_are_as_many_cases_as_were_counted() -> None:
    assert len(IN_FRONT) + len(OWN) >= 81


@pytest.mark.parametrize(("key", "fault"), IN_FRONT)
def test_what_happens_in_front_of_a_gateway(key: str, fault: str, http: HttpClient, ca: trustme.CA) -> None:
    code, reason, again = COMMON[fault]
    if key == "webhook" and not again and fault != "redirect":
        reason = "The receiver refused the message."
    if key == "webhook" and fault == "limited":
        reason = "The receiver refused the message."
    with KINDS[key].stand_in(ca) as server:
        server.fault = fault
        assert verdict(sender(key, server, http).send) == (code, reason, again)
        assert len(server.requests) == 1


@pytest.mark.parametrize(("key", "state", "settings", "expected"), OWN)
def test_what_a_gateway_says(
    key: str, state: dict[str, Any], settings: dict[str, str], expected: object, http: HttpClient, ca: trustme.CA
) -> None:
    with KINDS[key].stand_in(ca) as server:
        for name, value in state.items():
            setattr(server, name, value)
        assert verdict(sender(key, server, http).send, **settings) == expected


@pytest.mark.parametrize("key", KINDS)
@pytest.mark.parametrize("how", ["text", "pattern"])
def test_a_gateway_takes_a_message(key: str, how: str, http: HttpClient, ca: trustme.CA) -> None:
    with KINDS[key].stand_in(ca) as server:
        settings = KINDS[key].pattern if how == "pattern" else {}
        assert sender(key, server, http).send(**settings).provider_id
        assert len(server.messages) == 1


@pytest.mark.parametrize("key", sorted(WEBHOOK_TAKES))
def test_a_receiver_of_the_webhook_has_it_with_any_2xx(key: str, http: HttpClient, ca: trustme.CA) -> None:
    with KINDS["webhook"].stand_in(ca) as server:
        server.fault = key
        assert sender("webhook", server, http).send().provider_id == MESSAGE.id
