"""Kavenegar: https://kavenegar.com/rest.html, sms/send and verify/lookup. The key is part of the path."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Kind, Message, SendFailed, fault_of, setting
from notifapp.notifiers.gateway.http_client import CLIENT, GatewayResponse, HttpClient, base_url
from notifapp.notifiers.gateway.iranian_numbers import LINE, LINE_ERROR, iran_national
from notifapp.notifiers.gateway.patterns import CODE_HELP, pattern_values, places
from notifapp.notifiers.gateway.questions import Account, Balance, Template, amount, entries, shown
from notifapp.notifiers.gateway.receipts import NotGenuine, ReceiptRequest, Report, ReportOutcome

API = "https://api.kavenegar.com/v1"
REASONS = {
    400: "The request was not complete.",
    401: "The account is not active.",
    402: "The message was not sent.",
    403: "The API key was not accepted.",
    404: "The gateway doesn't know this call.",
    405: "The gateway doesn't take this kind of call.",
    406: "The request was not complete.",
    407: "The account may not do this from this address.",
    409: "The gateway is busy or out of order.",
    411: "The recipient's number was not accepted.",
    412: "The sender number was not accepted.",
    413: "The text is empty or too long.",
    414: "Too many recipients at once.",
    415: "The request was not complete.",
    416: "The account may not be used from this address.",
    417: "The time for sending was not accepted.",
    418: "No credit left.",
    419: "The request was not complete.",
    420: "The text holds a link, which the gateway refuses.",
    422: "The text holds characters that the gateway refuses.",
    424: "The pattern was not found.",
    426: "The account's plan doesn't include patterns.",
    427: "The account may not use this line.",
    428: "The code can't be sent by voice.",
    429: "The gateway has blocked this address for now.",
    431: "The values for the pattern were not accepted.",
    432: "The pattern has no place for the code.",
    451: "Too many messages at once.",
    501: "A trial account sends only to its owner's number.",
}
RETRYABLE = {402, 409, 429, 451}
RECIPIENTS_FAULT = {411}
# What becomes of a message: its status in the answer to sending it, in that of sms/status, and in what is pushed.
DELIVERED = 10
UNDELIVERED = {
    6: "The carrier failed to send the message.",
    11: "The message was not delivered.",
    13: "The message was cancelled.",
    14: "The recipient has blocked messages from this line.",
}
BLOCKED = 14

# Where a value goes that names no place, and how many blanks each place takes; each takes 100 characters.
TOKENS = {"code": "token", "minutes": "token2", "validity": "token10", "project": "token20"}
BLANKS = {"token": 0, "token2": 0, "token3": 0, "token10": 5, "token20": 8}
MAX_TOKEN_LENGTH = 100
_PLACE = r"token(?:2|3|10|20)?"


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
    pattern_code: str = setting(
        "Pattern name",
        default="",
        regex=r"[A-Za-z0-9-]{1,64}",
        regex_error="Enter the pattern's name: letters, digits and hyphens only.",
        choices="templates",
        help=CODE_HELP,
    )
    pattern_variables: str = setting(
        "Variables of the pattern",
        Kind.VARIABLES,
        default="code",
        regex=_PLACE,
        places=TOKENS,
        regex_error="A pattern's variables are token, token2, token3, token10 and token20.",
        help="Which value goes into which token, such as code=token, project=token20. Without a token, code goes into "
        "token, minutes into token2, validity into token10 and project into token20. Only token10 and token20 take "
        "blanks, 5 and 8 of them.",
    )


class Kavenegar(Backend[KavenegarConfig]):
    """Patterns, or free text from the account's own line."""

    key = "kavenegar"
    label = "Kavenegar"
    description = "SMS through Kavenegar (Iran)."
    channels = frozenset({Channel.SMS})
    config = KavenegarConfig
    ids_at_once = 500
    receipts_help = "In the Kavenegar panel, enter it as the delivery URL of each line that this notifier sends from."

    def __init__(self, http: HttpClient = CLIENT, api: str = API) -> None:
        self._http = http
        self._api = api

    def check_project_name(self, values: Mapping[str, object], name: str) -> dict[str, list[str]]:
        """The name fits into its token, if the pattern has one for it; a later name is checked when it is sent."""
        written = str(values.get("pattern_variables")) if values.get("pattern_code") else "code"
        for place, value in places(written).items():
            token = TOKENS.get(place, place)
            if value == "project" and not _fits(token, name):
                reason = f"{_limits(token)} The project's name doesn't fit."
                return {"pattern_variables": [reason]}
        return {}

    def send(self, config: KavenegarConfig, message: Message) -> Accepted:
        """Send one message; its id is Kavenegar's messageid."""
        method, fields = _request(config, message)
        response = self._http.post(self._url(config, method), data=fields)
        entry = _first(response)
        status = entry.get("status")
        if isinstance(status, int) and status in UNDELIVERED:
            fault = fault_of(status, {BLOCKED})
            raise SendFailed(UNDELIVERED[status], code=str(status), retryable=False, fault=fault)
        if not entry.get("messageid"):
            raise response.unclear()
        return Accepted(str(entry["messageid"]))

    def check_key(self, config: KavenegarConfig) -> Account:
        """The account's default line, with a warning if it is in debug mode."""
        found = _first(self._http.get(self._url(config, "account/config")))
        is_debugging = str(found.get("debugmode", "")).lower() in {"enabled", "true", "1", "on"}
        warning = "The account is in debug mode: Kavenegar accepts messages and sends none of them."
        line = found.get("defaultsender")
        return Account((("Default line", shown(line)),) if line else (), (warning,) if is_debugging else ())

    def balance(self, config: KavenegarConfig) -> Balance:
        """The credit, in Rial."""
        response = self._http.get(self._url(config, "account/info"))
        credit = amount(_first(response).get("remaincredit"))
        if credit is None:
            raise response.unclear()
        return Balance(credit, "IRR")

    def templates(self, config: KavenegarConfig) -> list[Template]:
        """The account's patterns."""
        found = _entries(self._http.get(self._url(config, "verify/templatelist"), params={"page": 1}))
        named = [_lower(each) for each in found]
        return [_template(each) for each in named if each.get("name")]

    def status(self, config: KavenegarConfig, provider_ids: Sequence[str]) -> list[Report]:
        """Ask sms/status, which knows messages of the last 48 hours."""
        found = _entries(self._http.get(self._url(config, "sms/status"), params={"messageid": ",".join(provider_ids)}))
        return [report for entry in found if (report := _report(_lower(entry)))]

    def receipt(self, config: KavenegarConfig, request: ReceiptRequest) -> list[Report]:
        """Read `messageid` and `status`. They aren't signed: who knows the key in the path is taken for Kavenegar."""
        fields = dict(request.query + request.form)
        if not fields.get("messageid") or not fields.get("status"):
            raise NotGenuine
        report = _report(fields)
        return [report] if report else []

    def _url(self, config: KavenegarConfig, method: str) -> str:
        return f"{base_url(self.key, self._api)}/{quote(config.api_key, safe='')}/{method}.json"


def _report(entry: dict[str, Any]) -> Report | None:
    provider_id, status = str(entry.get("messageid", "")), str(entry.get("status", ""))
    if status == str(DELIVERED):
        return Report(provider_id, ReportOutcome.DELIVERED)
    reasons = {str(code): reason for code, reason in UNDELIVERED.items()}
    if status in reasons:
        return Report(provider_id, ReportOutcome.UNDELIVERED, reasons[status], status)
    return None


def _request(config: KavenegarConfig, message: Message) -> tuple[str, dict[str, str]]:
    fields = {"receptor": iran_national(message.recipient)}
    if config.pattern_code and message.variables:
        tokens = pattern_values(config.pattern_variables, message, TOKENS)
        _check_tokens(tokens)
        return "verify/lookup", {**fields, "template": config.pattern_code, **tokens}
    sender = {"sender": config.sender} if config.sender else {}
    return "sms/send", {**fields, "message": message.body, "localid": _local_id(message), **sender}


def _check_tokens(tokens: dict[str, str]) -> None:
    """Raise `SendFailed` for a value that Kavenegar would refuse with 431, which doesn't say which one it is."""
    for name, value in tokens.items():
        if not _fits(name, value):
            reason = f"{_limits(name)} If it is the project's name, shorten that."
            raise SendFailed(reason, code="431", retryable=False)


def _fits(token: str, value: str) -> bool:
    return value.count(" ") <= BLANKS[token] and len(value) <= MAX_TOKEN_LENGTH


def _limits(token: str) -> str:
    return f"{token} of the pattern takes at most {BLANKS[token]} blanks and {MAX_TOKEN_LENGTH} characters."


def _local_id(message: Message) -> str:
    """A number by which Kavenegar knows a message that it has already.

    It is taken from the message's random id, because two servers with one account may count alike.
    """
    return str(int(message.id[:15], 16))


def _entries(response: GatewayResponse) -> list[dict[str, Any]]:
    """What a response of success holds. Raise `SendFailed` for any other.

    Codes count only beside `return`: without it the answer isn't Kavenegar's, but a proxy's, whose 403 means
    something else.
    """
    result = response.data.get("return")
    code = result.get("status") if isinstance(result, dict) else None
    if not isinstance(code, int):
        raise response.unclear() if response.ok else response.failure()
    if code in REASONS:
        fault = fault_of(code, RECIPIENTS_FAULT)
        raise SendFailed(REASONS[code], code=str(code), retryable=code in RETRYABLE, fault=fault)
    if not response.ok or code != 200:
        raise response.failure(code=code)
    found = response.data.get("entries")
    return entries([found] if isinstance(found, dict) else found)


def _first(response: GatewayResponse) -> dict[str, Any]:
    found = _entries(response)
    return _lower(found[0]) if found else {}


def _lower(entry: dict[str, Any]) -> dict[str, Any]:
    """With the names in lower case: they vary."""
    return {name.lower(): value for name, value in entry.items()}


def _template(entry: dict[str, Any]) -> Template:
    text = shown(entry.get("smsmessage"), 500)
    found = dict.fromkeys(re.findall(rf"%({_PLACE})(?![0-9A-Za-z])", text))
    return Template(shown(entry["name"]), "", text, tuple(found))
