"""Twilio: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Kind, Message, SendFailed, fault_of, setting
from notifapp.notifiers.gateway.http_client import CLIENT, GatewayResponse, HttpClient, base_url
from notifapp.notifiers.gateway.patterns import CODE_HELP, PLACES_HELP, pattern_values
from notifapp.notifiers.gateway.questions import Balance, Line, Template, amount, entries, shown
from notifapp.notifiers.gateway.receipts import NotGenuine, ReceiptRequest, Report, ReportOutcome

API = "https://api.twilio.com/2010-04-01"
MESSAGING = "https://messaging.twilio.com"
CONTENT = "https://content.twilio.com"
# https://www.twilio.com/docs/api/errors
REASONS = {
    14107: "Too many messages at once.",
    20003: "The account SID, the key or its secret was not accepted.",
    20005: "The account is not active, or out of funds.",
    20403: "The account is suspended.",
    20404: "The account SID was not accepted.",
    20429: "Too many messages at once.",
    21211: "The recipient's number was not accepted.",
    21212: "The sender was not accepted.",
    21219: "A trial account sends only to verified numbers.",
    21408: "The account may not send to this country.",
    21603: "The sender was not accepted.",
    21606: "The sender was not accepted.",
    21608: "A trial account sends only to verified numbers.",
    21610: "The recipient has unsubscribed.",
    21611: "Too many messages wait for this sender.",
    21612: "This sender can't reach this recipient.",
    21614: "The recipient's number can't receive SMS.",
    21617: "The text is too long.",
    21654: "The content template was not found.",
    21655: "The content template was not found.",
    21656: "The values for the content template were not accepted.",
    21658: "A value is too long.",
    21659: "The sender was not accepted.",
    21660: "The sender belongs to another account.",
    21701: "The messaging service was not accepted.",
    21703: "The messaging service has no sender.",
    21705: "The messaging service was not accepted.",
    21730: "The gateway is busy or out of order.",
    60728: "The gateway is busy or out of order.",
    63038: "The account's daily limit is reached.",
    70051: "The key may not do this.",
    572002: "A trial account may not do this.",
    572005: "A trial account may not do this.",
}
RETRYABLE = {14107, 20429, 21611, 21730, 60728, 63038}
RECIPIENTS_FAULT = {21211, 21610, 21612, 21614}
NOT_FOUND = "20404"
MAX_VALIDITY = 36_000  # seconds

# What becomes of a message: its status, even in the answer to sending it, and the error code of an undelivered one.
DELIVERED = {"delivered", "read"}
UNDELIVERED = {"undelivered", "failed", "canceled"}
CARRIER_REASONS = {
    "30003": "The phone could not be reached: it may be off or without network.",
    "30004": "The recipient or the carrier blocks these messages.",
    "30005": "The recipient's number is unknown or no longer in use.",
    "30006": "The recipient's number is a landline, or the carrier can't be reached.",
    "30007": "The carrier filtered the message.",
    "30008": "The carrier gave no reason.",
    "30036": "The message had no time left when it was to be sent.",
}


@dataclass(frozen=True, kw_only=True)
class TwilioConfig:
    """A Twilio account and a sender."""

    account_sid: str = setting(
        "Account SID",
        destination=True,
        regex=r"AC[0-9a-fA-F]{32}",
        regex_error="Enter an account SID: AC and 32 hexadecimal digits.",
        help="From the Twilio console; it starts with AC.",
    )
    api_key_sid: str = setting(
        "API key SID",
        default="",
        destination=True,
        regex=r"SK[0-9a-fA-F]{32}",
        regex_error="Enter an API key's SID: SK and 32 hexadecimal digits.",
        help="It starts with SK. Leave it blank to use the account's auth token.",
    )
    auth_token: str = setting(
        "Auth token or API key secret", Kind.SECRET, help="The secret of the API key, or the account's auth token."
    )
    signed_receipts: bool = setting(
        "Have receipts pushed, with an API key",
        Kind.BOOLEAN,
        default=False,
        help="Twilio signs receipts with the account's auth token, so enter that below. Otherwise we ask Twilio what "
        "became of each message.",
    )
    receipts_token: str = setting(
        "Auth token for receipts",
        Kind.SECRET,
        default="",
        help="The account's auth token. Leave it blank unless you use an API key and have receipts pushed.",
    )
    from_number: str = setting(
        "Sender",
        max_length=34,
        choices="lines",
        help="A number with its country code, an alphanumeric sender, or a messaging service's SID (MG…).",
    )
    content_sid: str = setting(
        "Content template",
        default="",
        regex=r"HX[0-9a-fA-F]{32}",
        regex_error="Enter a content template's SID: HX and 32 hexadecimal digits.",
        choices="templates",
        help=CODE_HELP,
    )
    content_variables: str = setting(
        "Variables of the content template",
        Kind.VARIABLES,
        default="code=1",
        regex=r"[A-Za-z0-9_]{1,64}",
        regex_error="A template's variables are numbers or words, such as code=1.",
        help=PLACES_HELP.replace("code=verification-code, project=shop", "code=1, project=2"),
    )


class Twilio(Backend[TwilioConfig]):
    """Content templates, or free text, from a number, an alphanumeric sender or a messaging service."""

    key = "twilio"
    label = "Twilio"
    description = "SMS through Twilio."
    channels = frozenset({Channel.SMS})
    config = TwilioConfig
    ids_at_once = 1
    receipts_help = "Each message tells Twilio this address, so there is nothing to set up at Twilio."

    def __init__(self, http: HttpClient = CLIENT, api: str = API) -> None:
        self._http = http
        self._api = api

    def check(self, values: Mapping[str, object]) -> dict[str, list[str]]:
        """The auth token for receipts is given exactly where receipts are to be pushed with an API key."""
        if values.get("signed_receipts") and not values.get("api_key_sid"):
            return {"signed_receipts": ["Enter the API key's SID, or turn this off: the auth token above does it."]}
        if bool(values.get("signed_receipts")) != bool(values.get("receipts_token")):
            return {"receipts_token": ["Needed when receipts are pushed with an API key, and only then."]}
        return {}

    def has_secret(self, name: str, settings: Mapping[str, object]) -> bool:
        """Whether there is an auth token for receipts: where they are pushed with an API key."""
        return name != "receipts_token" or bool(settings.get("signed_receipts"))

    def send(self, config: TwilioConfig, message: Message) -> Accepted:
        """Send one message; its id is the message's SID."""
        response = self._http.post(
            f"{self._account_url(config)}/Messages.json", auth=_login(config), data=_fields(config, message)
        )
        if not response.ok:
            raise _failure(response)
        status = response.data.get("status")
        if isinstance(status, str) and status in UNDELIVERED:
            raise _failed(response.data.get("error_code"), status)
        sid = response.data.get("sid")
        if not isinstance(sid, str) or not sid:
            raise response.unclear()
        return Accepted(sid)

    def balance(self, config: TwilioConfig) -> Balance:
        """The balance; subaccounts have none."""
        response = self._http.get(f"{self._account_url(config)}/Balance.json", auth=_login(config))
        if not response.ok:
            raise _failure(response)
        left = amount(response.data.get("balance"))
        if left is None:
            raise response.unclear()
        return Balance(left, shown(response.data.get("currency") or "USD", 8))

    def lines(self, config: TwilioConfig) -> list[Line]:
        """The messaging services, and the numbers that can send SMS."""
        page = {"PageSize": 100}
        services = self._get(config, f"{self._other(MESSAGING)}/v1/Services", page)
        numbers = self._get(config, f"{self._account_url(config)}/IncomingPhoneNumbers.json", page)
        return [
            Line(shown(each["sid"]), shown(each.get("friendly_name")))
            for each in entries(services.get("services"))
            if each.get("sid")
        ] + [
            Line(shown(each["phone_number"]), shown(each.get("friendly_name")))
            for each in entries(numbers.get("incoming_phone_numbers"))
            if each.get("phone_number") and _can_send(each)
        ]

    def templates(self, config: TwilioConfig) -> list[Template]:
        """The content templates."""
        found = self._get(config, f"{self._other(CONTENT)}/v1/ContentAndApprovals", {"PageSize": 100})
        return [
            Template(
                value=shown(each["sid"]),
                label=shown(each.get("friendly_name")),
                text=shown(_text(each.get("types")), 500),
                places=tuple(map(shown, each["variables"])) if isinstance(each.get("variables"), dict) else (),
            )
            for each in entries(found.get("contents"))
            if each.get("sid")
        ]

    def status(self, config: TwilioConfig, provider_ids: Sequence[str]) -> list[Report]:
        """Ask for the message's resource; nothing is known of one that was deleted at Twilio."""
        [sid] = provider_ids
        try:
            found = self._get(config, f"{self._account_url(config)}/Messages/{quote(sid, safe='')}.json")
        except SendFailed as failed:
            if failed.code == NOT_FOUND:
                return []
            raise
        return _report(sid, str(found.get("status")), found.get("error_code"))

    def receipt(self, config: TwilioConfig, request: ReceiptRequest) -> list[Report]:
        """Read `MessageSid`, `MessageStatus` and `ErrorCode`, signed under the auth token.

        https://www.twilio.com/docs/usage/security#validating-requests
        """
        given = request.headers.get("x-twilio-signature", "")
        token = _signing_token(config)
        expected = signature(token, request.url, request.form)
        if not token or not hmac.compare_digest(expected.encode(), given.encode()):
            raise NotGenuine
        fields = dict(request.form)
        return _report(fields.get("MessageSid", ""), fields.get("MessageStatus", ""), fields.get("ErrorCode"))

    def _account_url(self, config: TwilioConfig) -> str:
        return f"{base_url(self.key, self._api)}/Accounts/{config.account_sid}"

    def _other(self, host: str) -> str:
        """The beginning of addresses on another host of Twilio's; one place stands in for all of them."""
        api = base_url(self.key, self._api)
        return host if api == API else api.removesuffix("/2010-04-01")

    def _get(self, config: TwilioConfig, url: str, params: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        response = self._http.get(url, auth=_login(config), params=params)
        if not response.ok:
            raise _failure(response)
        if not response.data:
            raise response.unclear()
        return response.data


def _login(config: TwilioConfig) -> tuple[str, str]:
    return config.api_key_sid or config.account_sid, config.auth_token


def _signing_token(config: TwilioConfig) -> str:
    """The account's auth token, under which Twilio signs receipts whatever one logs in with; blank if unknown."""
    return config.receipts_token if config.api_key_sid else config.auth_token


def _fields(config: TwilioConfig, message: Message) -> dict[str, str]:
    is_service = re.fullmatch(r"MG[0-9a-fA-F]{32}", config.from_number)
    fields = {"To": message.recipient, "MessagingServiceSid" if is_service else "From": config.from_number}
    if config.content_sid and message.variables:
        variables = pattern_values(config.content_variables, message)
        fields |= {"ContentSid": config.content_sid, "ContentVariables": json.dumps(variables)}
    else:
        fields["Body"] = message.body
    if message.valid_for is not None:  # by default Twilio goes on trying for ten hours
        fields["ValidityPeriod"] = str(min(message.valid_for, MAX_VALIDITY))
    if message.receipt_url and _signing_token(config):
        fields["StatusCallback"] = message.receipt_url
    return fields


def signature(auth_token: str, url: str, fields: Sequence[tuple[str, str]]) -> str:
    """The value of X-Twilio-Signature for a form's fields that are posted to `url`."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.digest(auth_token.encode(), signed.encode(), hashlib.sha1)).decode()


def _report(sid: str, status: str, error_code: object) -> list[Report]:
    if status in DELIVERED:
        return [Report(sid, ReportOutcome.DELIVERED)]
    if status not in UNDELIVERED:
        return []
    code = str(error_code or "")
    reason = "The message was cancelled." if status == "canceled" else "The message did not reach the phone."
    return [Report(sid, ReportOutcome.UNDELIVERED, CARRIER_REASONS.get(code, reason), code)]


def _failure(response: GatewayResponse) -> SendFailed:
    """The error for a refusal. Its code counts, not its status: a 401 or 403 without one isn't Twilio's."""
    code = response.data.get("code")
    if not isinstance(code, int) or isinstance(code, bool):
        return response.failure()
    if code in RETRYABLE:
        return SendFailed(REASONS[code], code=str(code), retryable=True)
    return response.failure(REASONS.get(code, ""), code=code, fault=fault_of(code, RECIPIENTS_FAULT))


def _failed(code: object, status: str) -> SendFailed:
    """The error for a message that was taken and failed at once."""
    known = code if isinstance(code, int) and code in REASONS else None
    reason = REASONS[known] if known else "The gateway took the message and couldn't send it."
    fault = fault_of(known, RECIPIENTS_FAULT)
    return SendFailed(reason, code=str(code or status), retryable=known in RETRYABLE, fault=fault)


def _can_send(number: Mapping[str, Any]) -> bool:
    capabilities = number.get("capabilities")
    return not isinstance(capabilities, dict) or bool(capabilities.get("sms", capabilities.get("SMS", True)))


def _text(types: object) -> str:
    """The text of a content template, whichever kind of message it has first."""
    bodies = [each.get("body") for each in types.values() if isinstance(each, dict)] if isinstance(types, dict) else []
    return next((body for body in bodies if isinstance(body, str)), "")
