"""Twilio: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource."""

from __future__ import annotations

from dataclasses import dataclass

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Kind, Message, SendFailed, setting
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


class Twilio(Backend[TwilioConfig]):
    """Free text from a number, an alphanumeric sender or a messaging service."""

    key = "twilio"
    label = "Twilio"
    description = "SMS through Twilio."
    channels = frozenset({Channel.SMS})
    config = TwilioConfig

    def __init__(self, http: HttpClient = CLIENT, base_url: str = "https://api.twilio.com/2010-04-01") -> None:
        self._http = http
        self._base_url = base_url

    def send(self, config: TwilioConfig, message: Message) -> Accepted:
        """Send one message; its id is the message's SID."""
        response = self._http.post(
            f"{self._base_url}/Accounts/{config.account_sid}/Messages.json",
            auth=(config.account_sid, config.auth_token),
            data={"To": message.recipient, "From": config.from_number, "Body": message.body},
        )
        if not response.ok:
            raise _failure(response)
        return Accepted(str(response.data.get("sid", "")))


def _failure(response: GatewayResponse) -> SendFailed:
    code = response.data.get("code")
    if not isinstance(code, int):
        return response.failure()
    if code in RETRYABLE:
        return SendFailed(REASONS[code], code=str(code), retryable=True)
    return response.failure(REASONS.get(code, ""), code=code)
