"""The registry of backends. A new one is a file in this folder and a line here."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from notifapp.channels import Channel
from notifapp.notifiers.backends.console import Console
from notifapp.notifiers.backends.ippanel import Ippanel
from notifapp.notifiers.backends.kavenegar import Kavenegar
from notifapp.notifiers.backends.melipayamak import Melipayamak
from notifapp.notifiers.backends.not_installed import NotInstalled
from notifapp.notifiers.backends.smtp import Smtp
from notifapp.notifiers.backends.twilio import Twilio
from notifapp.notifiers.backends.webhook import Webhook
from notifapp.notifiers.gateway.base import Backend


def _optional() -> list[Backend[Any]]:
    """The backends that need an optional library."""
    if find_spec("apprise") is None:
        return []
    from notifapp.notifiers.backends.apprise import AppriseService

    return [AppriseService(channel) for channel in Channel]


_ALWAYS: list[Backend[Any]] = [Smtp(), Ippanel(), Melipayamak(), Kavenegar(), Twilio(), Webhook()]
BACKENDS: dict[str, Backend[Any]] = {backend.key: backend for backend in (*_ALWAYS, *_optional(), Console())}


def find_backend(key: str) -> Backend[Any]:
    """The backend with this key; if it isn't installed any more, a placeholder that can only be shown."""
    return BACKENDS.get(key) or NotInstalled(key)


def backends_for(channel: Channel) -> list[Backend[Any]]:
    """The backends for this channel, in the order in which they are offered."""
    return [backend for backend in BACKENDS.values() if channel in backend.channels]
