"""Each gateway's stand-in, the backend that sends to it, and valid settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import trustme

from notifapp import clock
from notifapp.channels import Channel
from notifapp.notifiers.backends.ippanel import Ippanel
from notifapp.notifiers.backends.kavenegar import Kavenegar
from notifapp.notifiers.backends.melipayamak import Melipayamak
from notifapp.notifiers.backends.twilio import Twilio
from notifapp.notifiers.backends.webhook import Webhook
from notifapp.notifiers.gateway.base import Accepted, Backend, Message
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.gateways.stand_ins.ippanel import IppanelStandIn
from tests.gateways.stand_ins.kavenegar import KavenegarStandIn
from tests.gateways.stand_ins.melipayamak import MelipayamakStandIn
from tests.gateways.stand_ins.server import StandIn
from tests.gateways.stand_ins.twilio import TwilioStandIn
from tests.gateways.stand_ins.webhook import WebhookStandIn

VARIABLES = {"code": "01234", "minutes": "2", "validity": "2 minutes", "project": "My Shop"}
TEXT = Message(project_id=1, channel=Channel.SMS, recipient="+989120000000", body="Your code: 01234")
MESSAGE = replace(TEXT, variables=VARIABLES, id="0f" * 16)


def living(seconds: int) -> Message:
    """The message, with a code that lives for so long."""
    return replace(MESSAGE, expires_at=clock.now() + timedelta(seconds=seconds))


@dataclass(frozen=True)
class Kind:
    """`settings` are for free text, and `pattern` those that make it a pattern."""

    stand_in: Callable[[trustme.CA | None], Any]
    backend: Callable[[HttpClient, StandIn], Backend[Any]]
    settings: dict[str, str]
    secret: str
    pattern: dict[str, str]


KINDS = {
    "ippanel": Kind(
        IppanelStandIn,
        lambda http, server: Ippanel(http, server.url),
        {"token": IppanelStandIn.key, "from_number": "+983000505"},
        "token",
        {"pattern_code": "abc123", "pattern_variables": "code=verification-code, project=shop"},
    ),
    "melipayamak": Kind(
        MelipayamakStandIn,
        lambda http, server: Melipayamak(http, server.url),
        {"token": MelipayamakStandIn.key, "number": "50004000"},
        "token",
        {"pattern_code": "94012", "pattern_variables": "project, code"},
    ),
    "kavenegar": Kind(
        KavenegarStandIn,
        lambda http, server: Kavenegar(http, server.url),
        {"api_key": KavenegarStandIn.key, "sender": "10004346"},
        "api_key",
        {"pattern_code": "login", "pattern_variables": "code, project"},
    ),
    "twilio": Kind(
        TwilioStandIn,
        lambda http, server: Twilio(http, server.url),
        {"account_sid": TwilioStandIn.account, "auth_token": TwilioStandIn.token, "from_number": "+15005550006"},
        "auth_token",
        {"content_sid": "HX" + "2" * 32, "content_variables": "code=1, project=2"},
    ),
    "webhook": Kind(
        WebhookStandIn,
        lambda http, server: Webhook(http),
        {"secret": WebhookStandIn.key},
        "secret",
        {},
    ),
}


@dataclass
class Sender:
    """A backend with settings, and the stand-in that it sends to."""

    server: Any
    backend: Backend[Any]
    settings: dict[str, str]

    def send(self, message: Message = MESSAGE, /, **settings: str) -> Accepted:
        return self.backend.send(self.backend.load({**self.settings, **settings}), message)


def sender(key: str, server: Any, http: HttpClient) -> Sender:
    """The backend of this key, ready to send to a running stand-in."""
    kind = KINDS[key]
    settings = {**kind.settings, **({"url": server.url + "/hook"} if key == "webhook" else {})}
    return Sender(server, kind.backend(http, server), settings)
