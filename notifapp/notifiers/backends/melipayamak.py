"""Melipayamak's console API. A refusal comes with status 200 too, so the body decides.

Codes: https://www.melipayamak.com/api/sendsimplesms/
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from notifapp.notifiers.backends.base import Backend, Kind, Message, Receipt, SendFailed, setting
from notifapp.notifiers.backends.http import CLIENT, HttpClient
from notifapp.notifiers.backends.numbers import LINE, LINE_ERROR, iran_national
from notifapp.notifiers.channels import Channel

REASONS = {
    0: "The token was not accepted.",
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
}
RETRYABLE = {3, 4, 6, 11}
# Ids of messages are long numbers; anything this small is a code.
LARGEST_CODE = 1000


@dataclass(frozen=True, kw_only=True)
class MelipayamakConfig:
    """A Melipayamak account and, where it has one, its line."""

    token: str = setting("API token", Kind.SECRET, max_length=512, help="From the Melipayamak console.")
    number: str = setting(
        "Sender number",
        default="",
        pattern=LINE,
        pattern_error=LINE_ERROR,
        help="A line of this account. Leave it blank to let the gateway choose.",
    )


class Melipayamak(Backend[MelipayamakConfig]):
    """Free text from a line of one's own, or from the gateway's."""

    key = "melipayamak"
    label = "Melipayamak"
    description = "SMS through the Melipayamak console (Iran)."
    channels = frozenset({Channel.SMS})
    config = MelipayamakConfig

    def __init__(self, http: HttpClient = CLIENT, base_url: str = "https://console.melipayamak.com/api") -> None:
        self._http = http
        self._base_url = base_url

    def send(self, config: MelipayamakConfig, message: Message) -> Receipt:
        """Send one message; the receipt is Melipayamak's recId."""
        fields = {"to": iran_national(message.recipient), "text": message.body}
        if config.number:
            fields["from"] = config.number
        answer = self._http.post(f"{self._base_url}/send/simple/{quote(config.token, safe='')}", json=fields)
        if answer.status in {401, 403, 404}:
            raise answer.failure("The token was not accepted.")
        if not answer.ok:
            raise answer.failure()
        try:
            rec_id = int(answer.data.get("recId") or 0)
        except (TypeError, ValueError):
            rec_id = -1
        if rec_id <= LARGEST_CODE:
            raise _failure(rec_id, stated="recId" in answer.data)
        return Receipt(str(rec_id))


def _failure(code: int, *, stated: bool) -> SendFailed:
    reason = REASONS.get(code, "") if stated and code else ""
    return SendFailed(reason or "The gateway refused the message.", code=str(code), retryable=code in RETRYABLE)
