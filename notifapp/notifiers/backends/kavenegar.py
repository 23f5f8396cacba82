"""Kavenegar: https://kavenegar.com/rest.html. The key is part of the path."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from notifapp.notifiers.backends.base import Backend, Kind, Message, Receipt, SendFailed, setting
from notifapp.notifiers.backends.http import CLIENT, Answer, HttpClient
from notifapp.notifiers.backends.numbers import LINE, LINE_ERROR, iran_national
from notifapp.notifiers.channels import Channel

REASONS = {
    400: "The request was not complete.",
    401: "The account is not active.",
    402: "The message was not sent.",
    403: "The API key was not accepted.",
    407: "This address or account may not send.",
    409: "The gateway is busy or out of order.",
    411: "The recipient's number was not accepted.",
    412: "The sender number was not accepted.",
    413: "The text is empty or too long.",
    418: "No credit left.",
    422: "The text holds characters that the gateway refuses.",
    451: "The same message was sent too often.",
}
RETRYABLE = {402, 409, 451}


@dataclass(frozen=True, kw_only=True)
class KavenegarConfig:
    """A Kavenegar account and, where it has one, its line."""

    api_key: str = setting("API key", Kind.SECRET, max_length=512, help="From the Kavenegar panel.")
    sender: str = setting(
        "Sender number",
        default="",
        pattern=LINE,
        pattern_error=LINE_ERROR,
        help="A line of this account. Leave it blank for the account's default line.",
    )


class Kavenegar(Backend[KavenegarConfig]):
    """Free text from a line of one's own."""

    key = "kavenegar"
    label = "Kavenegar"
    description = "SMS through Kavenegar (Iran)."
    channels = frozenset({Channel.SMS})
    config = KavenegarConfig

    def __init__(self, http: HttpClient = CLIENT, base_url: str = "https://api.kavenegar.com/v1") -> None:
        self._http = http
        self._base_url = base_url

    def send(self, config: KavenegarConfig, message: Message) -> Receipt:
        """Send one message; the receipt is Kavenegar's messageid."""
        fields = {"receptor": iran_national(message.recipient), "message": message.body}
        if config.sender:
            fields["sender"] = config.sender
        answer = self._http.post(f"{self._base_url}/{quote(config.api_key, safe='')}/sms/send.json", data=fields)
        code = _code(answer)
        if not answer.ok or code != 200:
            raise _failure(answer, code)
        entries = answer.data.get("entries")
        entry = entries[0] if isinstance(entries, list) and entries else None
        return Receipt(str(entry.get("messageid", "")) if isinstance(entry, dict) else "")


def _code(answer: Answer) -> int:
    result = answer.data.get("return")
    status = result.get("status") if isinstance(result, dict) else None
    return status if isinstance(status, int) else answer.status


def _failure(answer: Answer, code: int) -> SendFailed:
    if code in REASONS:
        return SendFailed(REASONS[code], code=str(code), retryable=code in RETRYABLE)
    return answer.failure(code=code)
