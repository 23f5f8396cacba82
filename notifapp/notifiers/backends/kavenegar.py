"""Kavenegar: https://kavenegar.com/rest.html, sms/send and verify/lookup. The key is part of the path."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Kind, Message, SendFailed, setting
from notifapp.notifiers.gateway.http_client import CLIENT, GatewayResponse, HttpClient
from notifapp.notifiers.gateway.iranian_numbers import LINE, LINE_ERROR, iran_national
from notifapp.notifiers.gateway.patterns import CODE_HELP, pattern_values, variables_setting

REASONS = {
    400: "The request was not complete.",
    401: "The account is not active.",
    402: "The message was not sent.",
    403: "The API key was not accepted.",
    406: "The request was not complete.",
    407: "The account may not do this from this address.",
    409: "The gateway is busy or out of order.",
    411: "The recipient's number was not accepted.",
    412: "The sender number was not accepted.",
    413: "The text is empty or too long.",
    416: "The account may not be used from this address.",
    418: "No credit left.",
    420: "The text holds a link, which the gateway refuses.",
    422: "The text holds characters that the gateway refuses.",
    424: "The pattern was not found.",
    426: "The account's plan doesn't include patterns.",
    427: "The account may not use this line.",
    429: "The gateway has blocked this address for now.",
    431: "The values for the pattern were not accepted.",
    432: "The pattern has no place for the code.",
    451: "Too many messages at once.",
    501: "A trial account sends only to its owner's number.",
}
RETRYABLE = {402, 409, 429, 451}

# Which token carries which variable: only token10 and token20 may hold spaces.
TOKENS = {"code": "token", "minutes": "token2", "validity": "token10", "project": "token20"}


@dataclass(frozen=True, kw_only=True)
class KavenegarConfig:
    """A Kavenegar account and, if it has one, its line."""

    api_key: str = setting("API key", Kind.SECRET, max_length=512, help="From the Kavenegar panel.")
    sender: str = setting(
        "Sender number",
        default="",
        regex=LINE,
        regex_error=LINE_ERROR,
        help="A line of this account. Leave it blank for the account's default line.",
    )
    pattern_code: str = setting("Pattern name", default="", max_length=64, help=CODE_HELP)
    pattern_variables: str = variables_setting(
        help="Separated by commas: code (%token in the pattern), minutes (%token2), validity (%token10), "
        "project (%token20)."
    )


class Kavenegar(Backend[KavenegarConfig]):
    """Patterns, or free text from the account's own line."""

    key = "kavenegar"
    label = "Kavenegar"
    description = "SMS through Kavenegar (Iran)."
    channels = frozenset({Channel.SMS})
    config = KavenegarConfig

    def __init__(self, http: HttpClient = CLIENT, base_url: str = "https://api.kavenegar.com/v1") -> None:
        self._http = http
        self._base_url = base_url

    def send(self, config: KavenegarConfig, message: Message) -> Accepted:
        """Send one message; its id is Kavenegar's messageid."""
        method, fields = _request(config, message)
        response = self._http.post(f"{self._base_url}/{quote(config.api_key, safe='')}/{method}.json", data=fields)
        code = _code(response)
        if not response.ok or code != 200:
            raise _failure(response, code)
        entries = response.data.get("entries")
        entry = entries[0] if isinstance(entries, list) and entries else None
        return Accepted(str(entry.get("messageid", "")) if isinstance(entry, dict) else "")


def _request(config: KavenegarConfig, message: Message) -> tuple[str, dict[str, str]]:
    fields = {"receptor": iran_national(message.recipient)}
    if config.pattern_code and message.variables:
        values = pattern_values(config.pattern_variables, message)
        tokens = {TOKENS[name]: value for name, value in values.items()}
        return "verify/lookup", {**fields, "template": config.pattern_code, **tokens}
    sender = {"sender": config.sender} if config.sender else {}
    return "sms/send", {**fields, "message": message.body, **sender}


def _code(response: GatewayResponse) -> int:
    result = response.data.get("return")
    status = result.get("status") if isinstance(result, dict) else None
    return status if isinstance(status, int) else response.status


def _failure(response: GatewayResponse, code: int) -> SendFailed:
    if code in REASONS:
        return SendFailed(REASONS[code], code=str(code), retryable=code in RETRYABLE)
    return response.failure(code=code)
