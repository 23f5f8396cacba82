"""A signed POST to any URL, for gateways that have no backend here.

The body is a JSON object: id, channel, recipient, subject, body, variables, an object with the values in the body
(code, minutes, validity, project; empty for a message without a code), expires_at, and receipt_url if the receiver may
tell there what became of the message. The id is the same on every attempt, so that the receiver can tell a message that
it has already. The header `Notifapp-Signature: t=…,v1=…`
contains the time in Unix seconds and the HMAC-SHA256, in hexadecimal, of `<t>.<raw body>` under the shared secret.
docs/webhook.md tells receivers how to verify it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from notifapp import clock as times
from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Kind, Message, setting
from notifapp.notifiers.gateway.http_client import CLIENT, HttpClient
from notifapp.notifiers.gateway.receipts import NotGenuine, ReceiptRequest, Report, ReportOutcome

SIGNATURE_HEADER = "Notifapp-Signature"
MAX_REASON_LENGTH = 300
TOLERANCE = 5 * 60  # seconds that a receipt's time may be off
# A code or a number, however its digits are grouped, or an address.
_QUOTED = re.compile(r"\d(?:[\s().-]*\d){3,}|[^\s<>]*@[^\s<>]*")


@dataclass(frozen=True, kw_only=True)
class WebhookConfig:
    """The URL to post to, and the secret that signs."""

    url: str = setting(
        "URL",
        Kind.URL,
        destination=True,
        max_length=2000,
        help="An https address that takes a POST and answers 2xx once it has the message.",
    )
    secret: str = setting(
        "Signing secret",
        Kind.SECRET,
        regex=r".{16,}",
        regex_error="Use at least 16 characters.",
        help="Shared with the receiver, which checks the Notifapp-Signature header with it.",
    )


class Webhook(Backend[WebhookConfig]):
    """Posts each message as signed JSON."""

    key = "webhook"
    label = "Webhook"
    description = "POST every message as signed JSON to an address of your own."
    channels = frozenset({Channel.SMS, Channel.EMAIL})
    config = WebhookConfig
    receipts_help = (
        "The receiver is told it with each message, once the server has a public address. See docs/webhook.md."
    )

    def __init__(self, http: HttpClient = CLIENT, clock: Callable[[], float] = time.time) -> None:
        self._http = http
        self._clock = clock

    def send(self, config: WebhookConfig, message: Message) -> Accepted:
        """Post one message; its id is the message's own."""
        body = json.dumps(
            {
                "id": message.id,
                "channel": message.channel.value,
                "recipient": message.recipient,
                "subject": message.subject,
                "body": message.body,
                "variables": dict(message.variables),
                "expires_at": times.iso(message.expires_at) if message.expires_at else None,
                **({"receipt_url": message.receipt_url} if message.receipt_url else {}),
            }
        ).encode()
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: sign(config.secret, body, int(self._clock())),
        }
        response = self._http.post(config.url, data=body, headers=headers)
        if not response.ok:
            raise response.failure("" if response.status >= 500 else "The receiver refused the message.")
        return Accepted(message.id)

    def receipt(self, config: WebhookConfig, request: ReceiptRequest) -> list[Report]:
        """Read a JSON object with `id`, `status` and `reason`, signed as messages are."""
        if not self._is_signed(config.secret, request):
            raise NotGenuine
        fields = _json_object(request.body)
        try:
            outcome = ReportOutcome(str(fields.get("status")))
        except ValueError:
            return []
        # The receiver's words may quote the message, and so the code, or whom it is for.
        reason = _QUOTED.sub("…", str(fields.get("reason") or "")[:MAX_REASON_LENGTH])
        return [Report(str(fields.get("id")), outcome, reason)]

    def _is_signed(self, secret: str, request: ReceiptRequest) -> bool:
        given = request.headers.get(SIGNATURE_HEADER.lower(), "")
        time_given = re.match(r"t=([0-9]{1,12}),", given)
        timestamp = int(time_given[1]) if time_given else 0
        is_right = hmac.compare_digest(sign(secret, request.body, timestamp).encode(), given.encode())
        return is_right and abs(self._clock() - timestamp) <= TOLERANCE


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NotGenuine
    return found


def sign(secret: str, body: bytes, timestamp: int) -> str:
    """The value of the signature header for `body` at `timestamp` (Unix seconds)."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
