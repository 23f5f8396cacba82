"""Services supported by the optional library Apprise: https://appriseit.com/services/.

Only services that send SMS or email over https to the provider's fixed address are allowed, so that they can't be
pointed elsewhere. Apprise tells why sending failed only in its log, where the service's status is read from.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from apprise import Apprise, AppriseAsset, NotifyBase

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Kind, Message, SendFailed, setting
from notifapp.notifiers.gateway.http_client import GatewayResponse

SCHEMAS = {
    Channel.SMS: (
        "46elks", "bulksms", "bulkvs", "burstsms", "clickatell", "clicksend", "cm", "d7sms", "httpsms", "mobilemessage",
        "msgbird", "octopush", "plivo", "serwersms", "seven", "smsmanager", "telesign", "telnyx", "vonage",
    ),
    Channel.EMAIL: ("brevo", "mailersend", "postmark", "resend", "sendgrid"),
}  # fmt: skip
RECIPIENT = "{recipient}"
_SAMPLES = {Channel.SMS: "+15005550006", Channel.EMAIL: "someone@example.com"}

_STATUS = re.compile(r"\berror=([1-5][0-9]{2})\b")


class _LastStatus(threading.local):
    """The status with which the service answered this thread last, as Apprise logged it."""

    value: int | None = None


_last = _LastStatus()


def _keep_status(record: logging.LogRecord) -> bool:
    """Note the status in a line of Apprise's log, and drop the line: it may quote the message and the response."""
    found = _STATUS.search(record.getMessage())
    if found is not None:
        _last.value = int(found[1])
    return False


# A filter also outlives a later configuration of logging, which would enable a disabled logger again.
logging.getLogger("apprise").addFilter(_keep_status)


@dataclass(frozen=True, kw_only=True)
class AppriseConfig:
    """A service with its credentials, as an Apprise URL."""

    url: str = setting(
        "Apprise URL",
        Kind.SECRET,
        max_length=2000,
        help="The service's Apprise address, with {recipient} in place of the recipient.",
    )


class AppriseService(Backend[AppriseConfig]):
    """Apprise's services for one channel."""

    config = AppriseConfig

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.key = f"apprise_{channel}"
        self.label = f"Apprise ({channel.label})"
        self.description = f"{channel.label} through one of: {', '.join(SCHEMAS[channel])}."
        self.channels = frozenset({channel})

    def check(self, values: Mapping[str, object]) -> dict[str, list[str]]:
        """The URL must be of an allowed service, have a place for the recipient, and be valid for Apprise."""
        url = values.get("url")
        if not isinstance(url, str):
            return {}
        schema, schemas = url.partition("://")[0].lower(), SCHEMAS[self._channel]
        if schema not in schemas:
            return {"url": [f"Begin with one of: {', '.join(f'{each}://' for each in schemas)}."]}
        if RECIPIENT not in url:
            return {"url": [f"Write {RECIPIENT} where the recipient goes."]}
        if _service(url, _SAMPLES[self._channel]) is None:
            return {"url": ["Apprise doesn't understand this. Compare it with its documentation of the service."]}
        return {}

    def send(self, config: AppriseConfig, message: Message) -> Accepted:
        """Send one message. There is no id, because Apprise returns none."""
        service = _service(config.url, message.recipient)
        if service is None:
            raise SendFailed("Apprise doesn't understand the URL any more.", code="apprise", retryable=False)
        _last.value = None
        try:
            is_sent = service.notify(body=message.body, title=message.subject)
        except Exception:  # dropped, because a plugin's errors may quote the message
            is_sent = False
        if not is_sent:
            raise _failure(_last.value)
        return Accepted("")


def _failure(status: int | None) -> SendFailed:
    """The error for a message that wasn't sent, with the service's status if it answered."""
    if status is None:
        reason = "The service refused the message or could not be reached."
        return SendFailed(reason, code="apprise", retryable=True, may_have_gone=True)
    return GatewayResponse(status, {}).failure()


def _service(url: str, recipient: str) -> NotifyBase | None:
    """Apprise's service for a URL, or None. The URL can't override verification, redirects, retries or timeouts."""
    full = url.replace(RECIPIENT, quote(recipient, safe=""))
    service = Apprise.instantiate(full, asset=AppriseAsset(http_redirects=False))
    if not isinstance(service, NotifyBase):
        return None
    service.verify_certificate = True
    service.redirects = False
    service.retry = 0
    service.socket_connect_timeout, service.socket_read_timeout = 5.0, 15.0
    return service
