"""Twilio: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import (
    Accepted,
    Backend,
    Kind,
    Message,
    NotGenuine,
    PushesReceipts,
    ReceiptRequest,
    Report,
    ReportOutcome,
    SendFailed,
    TellsStatus,
    setting,
)
from notifapp.notifiers.gateway.http_client import CLIENT, GatewayResponse, HttpClient

# https://www.twilio.com/docs/api/errors
REASONS = {
    14107: "Too many messages at once.",
    20003: "The account SID or the auth token was not accepted.",
    20005: "The account is not active.",
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
    21659: "The sender was not accepted.",
    21701: "The messaging service was not accepted.",
    21703: "The messaging service has no sender.",
    63038: "The account's daily limit is reached.",
}
RETRYABLE = {14107, 20429, 21611, 63038}

# What becomes of a message: MessageStatus, and the ErrorCode of an undelivered one.
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
    auth_token: str = setting("Auth token", Kind.SECRET, help="From the Twilio console.")
    from_number: str = setting(
        "Sender",
        max_length=34,
        help="A number with its country code, an alphanumeric sender, or a messaging service's SID (MG…).",
    )


class Twilio(Backend[TwilioConfig], TellsStatus[TwilioConfig], PushesReceipts[TwilioConfig]):
    """Free text from a number, an alphanumeric sender or a messaging service."""

    key = "twilio"
    label = "Twilio"
    description = "SMS through Twilio."
    channels = frozenset({Channel.SMS})
    config = TwilioConfig
    receipts_help = "Twilio is told it with each message, once the server has a public address. There is nothing to do."

    def __init__(self, http: HttpClient = CLIENT, base_url: str = "https://api.twilio.com/2010-04-01") -> None:
        self._http = http
        self._base_url = base_url

    def send(self, config: TwilioConfig, message: Message) -> Accepted:
        """Send one message; its id is the message's SID."""
        response = self._http.post(
            f"{self._base_url}/Accounts/{config.account_sid}/Messages.json",
            auth=(config.account_sid, config.auth_token),
            data={
                "To": message.recipient,
                "From": config.from_number,
                "Body": message.body,
                **({"StatusCallback": message.receipt_url} if message.receipt_url else {}),
            },
        )
        if not response.ok:
            raise _failure(response)
        return Accepted(str(response.data.get("sid", "")))

    def status(self, config: TwilioConfig, provider_ids: Sequence[str]) -> list[Report]:
        """Ask for the message's resource."""
        [sid] = provider_ids
        response = self._http.get(
            f"{self._base_url}/Accounts/{config.account_sid}/Messages/{quote(sid, safe='')}.json",
            auth=(config.account_sid, config.auth_token),
        )
        if not response.ok:
            raise _failure(response)
        return _report(sid, str(response.data.get("status")), response.data.get("error_code"))

    def receipt(self, config: TwilioConfig, request: ReceiptRequest) -> list[Report]:
        """Read `MessageSid`, `MessageStatus` and `ErrorCode`, signed under the auth token.

        https://www.twilio.com/docs/usage/security#validating-requests
        """
        given = request.headers.get("x-twilio-signature", "")
        expected = signature(config.auth_token, request.url, request.form)
        if not config.auth_token or not hmac.compare_digest(expected.encode(), given.encode()):
            raise NotGenuine
        fields = dict(request.form)
        return _report(fields.get("MessageSid", ""), fields.get("MessageStatus", ""), fields.get("ErrorCode"))


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
    code = response.data.get("code")
    if not isinstance(code, int):
        return response.failure()
    if code in RETRYABLE:
        return SendFailed(REASONS[code], code=str(code), retryable=True)
    return response.failure(REASONS.get(code, ""), code=code)
