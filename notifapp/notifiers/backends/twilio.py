"""Twilio: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource."""

from __future__ import annotations

from dataclasses import dataclass

from notifapp.notifiers.backends.base import Backend, Kind, Message, Receipt, setting
from notifapp.notifiers.backends.http import CLIENT, HttpClient
from notifapp.notifiers.channels import Channel

# https://www.twilio.com/docs/api/errors
REASONS = {
    20003: "The account SID or the auth token was not accepted.",
    20404: "The account SID was not accepted.",
    20429: "Too many messages at once.",
    21211: "The recipient's number was not accepted.",
    21212: "The sender was not accepted.",
    21408: "The account may not send to this country.",
    21603: "The sender was not accepted.",
    21606: "The sender was not accepted.",
    21608: "A trial account sends to verified numbers alone.",
    21610: "The recipient has unsubscribed.",
    21612: "This sender can't reach this recipient.",
    21614: "The recipient's number can't receive SMS.",
    21617: "The text is too long.",
    21659: "The sender was not accepted.",
    21701: "The messaging service was not accepted.",
}


@dataclass(frozen=True, kw_only=True)
class TwilioConfig:
    """A Twilio account and a sender."""

    account_sid: str = setting(
        "Account SID",
        destination=True,
        pattern=r"AC[0-9a-fA-F]{32}",
        pattern_error="Enter an account SID: AC and 32 hexadecimal digits.",
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

    def send(self, config: TwilioConfig, message: Message) -> Receipt:
        """Send one message; the receipt is the message's SID."""
        answer = self._http.post(
            f"{self._base_url}/Accounts/{config.account_sid}/Messages.json",
            auth=(config.account_sid, config.auth_token),
            data={"To": message.recipient, "From": config.from_number, "Body": message.body},
        )
        if not answer.ok:
            code = answer.data.get("code")
            reason = REASONS.get(code, "") if isinstance(code, int) else ""
            raise answer.failure(reason, code=code if isinstance(code, int) else None)
        return Receipt(str(answer.data.get("sid", "")))
