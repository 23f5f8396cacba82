"""The registry of backends. A new gateway is one file beside this one and one line here."""

from __future__ import annotations

from typing import Any

from notifapp.notifiers.backends.base import Backend
from notifapp.notifiers.backends.console import Console
from notifapp.notifiers.backends.ippanel import Ippanel
from notifapp.notifiers.backends.kavenegar import Kavenegar
from notifapp.notifiers.backends.melipayamak import Melipayamak
from notifapp.notifiers.backends.smtp import Smtp
from notifapp.notifiers.backends.twilio import Twilio
from notifapp.notifiers.backends.webhook import Webhook
from notifapp.notifiers.channels import Channel

BACKENDS: dict[str, Backend[Any]] = {
    backend.key: backend for backend in (Smtp(), Ippanel(), Melipayamak(), Kavenegar(), Twilio(), Webhook(), Console())
}


def backends_for(channel: Channel) -> list[Backend[Any]]:
    """The backends that carry this channel, in the order in which they are offered."""
    return [backend for backend in BACKENDS.values() if channel in backend.channels]
