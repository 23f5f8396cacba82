"""The placeholder for a stored notifier's backend that this installation doesn't have."""

from __future__ import annotations

from dataclasses import dataclass

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Message, SendFailed


@dataclass(frozen=True, kw_only=True)
class NoConfig:
    """Its settings are unknown, so none can be changed."""


class NotInstalled(Backend[NoConfig]):
    """A backend that has a name but can't send."""

    description = "This backend is not installed."
    channels: frozenset[Channel] = frozenset()
    config = NoConfig
    is_available = False

    def __init__(self, key: str) -> None:
        self.key = key
        self.label = f"{key} (not installed)"

    def send(self, config: NoConfig, message: Message) -> Accepted:
        """Raise `SendFailed`."""
        raise SendFailed("This backend is not installed.", code="backend", retryable=False)
