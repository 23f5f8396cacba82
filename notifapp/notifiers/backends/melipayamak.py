"""Melipayamak's console API. Refusals have status 200 too, so the body decides.

Codes: https://www.melipayamak.com/api/sendsimplesms/; negative ones, for patterns:
https://www.melipayamak.com/api/sendbybasenumber2/
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Kind, Message, SendFailed, setting
from notifapp.notifiers.gateway.http_client import CLIENT, HttpClient
from notifapp.notifiers.gateway.iranian_numbers import LINE, LINE_ERROR, iran_national
from notifapp.notifiers.gateway.patterns import CODE_HELP, pattern_values, variables_setting

REASONS = {
    -110: "The gateway wants an API key.",
    -109: "The account names no address that may use it.",
    -108: "The gateway has blocked this address.",
    -10: "The values for the pattern hold a link, which the gateway refuses.",
    -7: "The sender number was not accepted.",
    -6: "The gateway is busy or out of order.",
    -5: "The pattern has other variables.",
    -4: "The pattern was not found, or isn't approved yet.",
    -3: "The account has no line for patterns.",
    -2: "The recipient's number was not accepted.",
    -1: "The account may not use patterns.",
    2: "No credit left.",
    3: "The account's daily limit is reached.",
    4: "The account's volume limit is reached.",
    5: "The sender number was not accepted.",
    6: "The gateway is being updated.",
    7: "The text holds a filtered word.",
    9: "Public lines can't be used for this.",
    10: "The account is not active.",
    11: "The message was not sent.",
    12: "The account's documents are not complete.",
    14: "The text holds a link, which the gateway refuses.",
    15: "The text has to end with a way to unsubscribe.",
    16: "The recipient's number was not accepted.",
    17: "The text is empty.",
    18: "The recipient's number was not accepted.",
    19: "The account's hourly limit is reached.",
    35: "The recipient's number is on the carriers' blocklist.",
}
RETRYABLE = {-6, 3, 4, 6, 11, 19}

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
# Message ids are long numbers; anything up to this is a code.
LARGEST_CODE = 1000


@dataclass(frozen=True, kw_only=True)
class MelipayamakConfig:
    """A Melipayamak account and, if it has one, its line."""

    token: str = setting("API token", Kind.SECRET, max_length=512, help="From the Melipayamak console.")
    number: str = setting(
        "Sender number",
        default="",
        regex=LINE,
        regex_error=LINE_ERROR,
        help="A line of this account. Leave it blank to let the gateway choose.",
    )
    pattern_code: str = setting(
        "Pattern code",
        default="",
        regex=r"[0-9]{1,10}",
        regex_error="Enter the pattern's bodyId: digits only.",
        help=CODE_HELP,
    )
    pattern_variables: str = variables_setting()


class Melipayamak(Backend[MelipayamakConfig]):
    """Patterns from the gateway's shared line, or free text from the account's line or the gateway's."""

    key = "melipayamak"
    label = "Melipayamak"
    description = "SMS through the Melipayamak console (Iran)."
    channels = frozenset({Channel.SMS})
    config = MelipayamakConfig

    def __init__(self, http: HttpClient = CLIENT, base_url: str = "https://console.melipayamak.com/api") -> None:
        self._http = http
        self._base_url = base_url

    def send(self, config: MelipayamakConfig, message: Message) -> Accepted:
        """Send one message; its id is Melipayamak's recId."""
        method, fields = _request(config, message)
        response = self._http.post(f"{self._base_url}/send/{method}/{quote(config.token, safe='')}", json=fields)
        if response.status in {401, 403, 404}:
            raise response.failure("The token was not accepted.")
        if not response.ok:
            raise response.failure()
        rec_id = _integer(response.data.get("recId"))
        if rec_id <= LARGEST_CODE:
            raise _failure(rec_id or _code_in_words(str(response.data.get("status"))))
        return Accepted(str(rec_id))


def _request(config: MelipayamakConfig, message: Message) -> tuple[str, dict[str, object]]:
    fields: dict[str, object] = {"to": iran_national(message.recipient)}
    if config.pattern_code and message.variables:
        args = list(pattern_values(config.pattern_variables, message).values())
        return "shared", {**fields, "bodyId": int(config.pattern_code), "args": args}
    sender = {"from": config.number} if config.number else {}
    return "simple", {**fields, "text": message.body, **sender}


def _integer(value: object) -> int:
    try:
        return int(value) if isinstance(value, int | str) else 0
    except ValueError:
        return 0


def _code_in_words(status: str) -> int:
    return next((code for words, code in WORDS.items() if words in status), 0)


def _failure(code: int) -> SendFailed:
    reason = REASONS.get(code, "The gateway refused the message.")
    return SendFailed(reason, code=str(code), retryable=code in RETRYABLE)
