"""The registry of backends. A new one is a file in this folder and a line here."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from notifapp.channels import Channel
from notifapp.notifiers.backends.console import Console, ConsoleOff, is_console_on
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
_CONSOLE_OFF = ConsoleOff()


def find_backend(key: str) -> Backend[Any]:
    """The backend with this key; if it isn't installed any more or switched off, a placeholder that can't send."""
    if key == Console.key and not is_console_on():
        return _CONSOLE_OFF
    return BACKENDS.get(key) or NotInstalled(key)


def switched_off() -> list[str]:
    """The keys of backends that are installed but switched off: a notifier with one counts as disabled."""
    return [] if is_console_on() else [Console.key]


def backends_for(channel: Channel) -> list[Backend[Any]]:
    """The backends for this channel, in the order in which they are offered."""
    return [backend for key, backend in BACKENDS.items() if channel in backend.channels and key not in switched_off()]
