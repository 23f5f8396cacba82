"""Melipayamak's console API. Refusals have status 200 or 400, so the body decides.

Codes: https://www.melipayamak.com/api/sendsimplesms/; negative ones, for patterns:
https://www.melipayamak.com/api/sendbybasenumber2/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Kind, Message, SendFailed, fault_of, setting
from notifapp.notifiers.gateway.http_client import CLIENT, GatewayResponse, HttpClient, base_url
from notifapp.notifiers.gateway.iranian_numbers import LINE, LINE_ERROR, iran_national
from notifapp.notifiers.gateway.patterns import CODE_HELP, IN_ORDER, IN_ORDER_ERROR, IN_ORDER_HELP, pattern_values
from notifapp.notifiers.gateway.questions import Balance, amount
from notifapp.notifiers.gateway.receipts import Report, ReportOutcome

API = "https://console.melipayamak.com/api"
BAD_KEY = "The console's key was not accepted."
NO_LINE = "The notifier has no sender number, which a message without a pattern needs."
REASONS = {
    -111: "The account may not be used from this address.",
    -110: "The gateway wants an API key.",
    -109: "The account names no address that may use it.",
    -108: "The gateway has blocked this address.",
    -10: "The values for the pattern hold a link, which the gateway refuses.",
    -7: "The sender number was not accepted.",
    -6: "The gateway is busy or out of order.",
    -5: "The pattern has other variables.",
    -4: "The pattern was not found, or isn't approved yet.",
    -3: "The account has no line for patterns.",
    -2: "The gateway takes one recipient at a time.",
    -1: "The account may not use patterns.",
    2: "No credit left.",
    3: "The account's daily limit is reached.",
    4: "The account's volume limit is reached.",
    5: "The sender number was not accepted.",
    6: "The gateway is being updated.",
    7: "The text holds a filtered word.",
    9: "Public lines can't be used for this.",
    10: "The account is not active.",
    11: "The message was not sent. Often the recipient is on the carriers' blocklist.",
    12: "The account's documents are not complete.",
    14: "The text holds a link, which the gateway refuses.",
    15: "A text to several recipients has to end with a way to unsubscribe.",
    16: "The recipient's number was not accepted.",
    17: "The text is empty.",
    18: "The recipient's number was not accepted.",
    19: "The account's hourly limit is reached.",
    35: "The recipient's number is on the carriers' blocklist.",
}
RETRYABLE = {-6, 3, 4, 6, 19}
RECIPIENTS_FAULT = {11, 16, 18, 35}

# What becomes of a message: resultsAsCode of receive/status.
DELIVERED = 1
UNDELIVERED = {
    2: "The message did not reach the phone.",
    3: "The carrier reports an error.",
    16: "The message did not reach the carrier.",
    35: "The recipient's number is on the carriers' blocklist.",
    300: "The message was filtered.",
    500: "The carrier refused the message.",
}

# The console may put a code's description in `status` instead of the code.
WORDS = {
    "اعتبار کافی": 2,
    "ارسال روزانه": 3,
    "حجم ارسال": 4,
    "شماره فرستنده": 5,
    "بروزرسانی": 6,
    "فیلتر شده": 7,
    "خطوط عمومی": 9,
    "کاربر مورد": 10,
    "مدارک کاربر": 12,
    "لینک": 14,
    "شماره گیرنده": 16,
    "لیست سیاه": 35,
    "متغیرهای مشخص": -5,
    "کد متن": -4,
}
_BAD_KEY = "کلید کنسول"
# By the field with an error, where the request wasn't complete (RFC 7807's ProblemDetails).
FIELDS = {
    "from": "The sender number was not accepted.",
    "to": "The recipient's number was not accepted.",
    "text": "The text was not accepted.",
    "bodyid": "The pattern was not found, or isn't approved yet.",
    "args": "The pattern has other variables.",
}
# Message ids are long numbers; anything up to this is a code.
LARGEST_CODE = 1000


@dataclass(frozen=True, kw_only=True)
class MelipayamakConfig:
    """A Melipayamak account and, if it has one, its line."""

    token: str = setting(
        "API token",
        Kind.SECRET,
        max_length=512,
        help="From the Melipayamak console: its key, or an address there that holds it.",
    )
    number: str = setting(
        "Sender number",
        default="",
        regex=LINE,
        regex_error=LINE_ERROR,
        help="A line of this account. Only patterns go out without one.",
    )
    pattern_code: str = setting(
        "Pattern code",
        default="",
        regex=r"[0-9]{1,10}",
        regex_error="Enter the pattern's bodyId: digits only.",
        help=CODE_HELP,
    )
    pattern_variables: str = setting(
        "Variables of the pattern",
        default="code",
        regex=IN_ORDER,
        regex_error=IN_ORDER_ERROR,
        help=IN_ORDER_HELP,
    )


class Melipayamak(Backend[MelipayamakConfig]):
    """Patterns from the gateway's shared line, or free text from the account's own line."""

    key = "melipayamak"
    label = "Melipayamak"
    description = "SMS through the Melipayamak console (Iran)."
    channels = frozenset({Channel.SMS})
    config = MelipayamakConfig
    ids_at_once = 100  # no limit is documented

    def __init__(self, http: HttpClient = CLIENT, api: str = API) -> None:
        self._http = http
        self._api = api

    def send(self, config: MelipayamakConfig, message: Message) -> Accepted:
        """Send one message; its id is Melipayamak's recId."""
        method, fields = _request(config, message)
        response = self._http.post(self._url(config, "send", method), json=fields)
        rec_id = _integer(response.data.get("recId"))
        if not response.ok or rec_id <= LARGEST_CODE:
            raise _failure(response, rec_id)
        return Accepted(str(rec_id))

    def balance(self, config: MelipayamakConfig) -> Balance:
        """The credit, in Rial."""
        response = self._http.get(self._url(config, "receive", "credit"))
        credit = amount(response.data.get("amount"))
        if not response.ok or credit is None or _code(response):
            raise _failure(response, 0)
        return Balance(credit, "IRR")

    def status(self, config: MelipayamakConfig, provider_ids: Sequence[str]) -> list[Report]:
        """Ask receive/status, whose results are in the order of the ids."""
        ids = [_integer(each) for each in provider_ids]
        response = self._http.post(self._url(config, "receive", "status"), json={"recIds": ids})
        results = response.data.get("resultsAsCode")
        if not response.ok or not isinstance(results, list):
            raise _failure(response, 0)
        # Were one left out, the rest would be taken for others'.
        if len(results) != len(provider_ids):
            return []
        return [report for each, code in zip(provider_ids, results, strict=True) if (report := _report(each, code))]

    def _url(self, config: MelipayamakConfig, *path: str) -> str:
        return "/".join((base_url(self.key, self._api), *path, quote(console_key(config.token), safe="")))


def console_key(pasted: str) -> str:
    """The key's 32 hexadecimal digits in what people paste: the key with dashes, or the console's whole address."""
    found = re.search(r"[0-9A-Fa-f]{32}", pasted.replace("-", ""))
    return found[0] if found else pasted


def _report(provider_id: str, result: object) -> Report | None:
    code = _integer(result)
    if code == DELIVERED:
        return Report(provider_id, ReportOutcome.DELIVERED)
    if code in UNDELIVERED:
        return Report(provider_id, ReportOutcome.UNDELIVERED, UNDELIVERED[code], str(code))
    return None


def _request(config: MelipayamakConfig, message: Message) -> tuple[str, dict[str, object]]:
    fields: dict[str, object] = {"to": iran_national(message.recipient)}
    if config.pattern_code and message.variables:
        args = list(pattern_values(config.pattern_variables, message).values())
        return "shared", {**fields, "bodyId": int(config.pattern_code), "args": args}
    if not config.number:
        raise SendFailed(NO_LINE, code="number", retryable=False)
    return "simple", {**fields, "from": config.number, "text": message.body}


def _failure(response: GatewayResponse, rec_id: int) -> SendFailed:
    """The error for a response without a message's id: by the code in `recId` or in `status`, else by its fields."""
    status = _text(response)
    if _BAD_KEY in status:
        return SendFailed(BAD_KEY, code=str(response.status), retryable=False)
    code = rec_id if rec_id in REASONS else _code(response)
    if code:
        fault = fault_of(code, RECIPIENTS_FAULT)
        return SendFailed(REASONS[code], code=str(code), retryable=code in RETRYABLE, fault=fault)
    if not response.ok:
        field = _field(response.data.get("errors"))
        return response.failure(FIELDS.get(field, ""), fault=fault_of(field, {"to"}))
    if rec_id or response.data.get("recId") == 0 or status:
        return response.failure(code=rec_id)
    return response.unclear()


def _code(response: GatewayResponse) -> int:
    """The known code in `status`, written as a number or in words, or 0."""
    text = _text(response)
    number = _integer(text)
    return number if number in REASONS else next((code for words, code in WORDS.items() if words in text), 0)


def _text(response: GatewayResponse) -> str:
    """The text in `status`, in Persian letters; a number there is HTTP's status, in ProblemDetails."""
    status = response.data.get("status")
    return status.strip().replace("ي", "ی").replace("ك", "ک") if isinstance(status, str) else ""


def _integer(value: object) -> int:
    try:
        return int(value) if isinstance(value, int | str) else 0
    except ValueError:
        return 0


def _field(errors: Any) -> str:
    """The known field with an error, or an empty string."""
    fields = {str(key).split(".")[-1].lower() for key in errors} if isinstance(errors, dict) else set()
    return next((name for name in FIELDS if name in fields), "")
