"""What a gateway tells of messages that it accepted, asked or of its own accord.

A backend declares that its gateway does by having the method, like `send`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qsl, urlsplit

from notifapp.notifiers.gateway.base import printable


class ReportOutcome(StrEnum):
    """What the carrier says of a message in the end. That it is still on its way is no report."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True)
class Report:
    """What became of an accepted message: the carrier's word, by way of the gateway.

    `code` is the gateway's; `reason` is for people, in our own words, because the gateway's may quote the text.
    """

    provider_id: str
    outcome: ReportOutcome
    reason: str = ""
    code: str = ""

    def __post_init__(self) -> None:
        """Drop unprintable characters, as `Accepted` does: the ids must match."""
        for name in ("provider_id", "reason", "code"):
            object.__setattr__(self, name, printable(getattr(self, name)))


@dataclass(frozen=True)
class ReceiptRequest:
    """A request that claims to bring reports. `headers` have names in lower case; `key` is the secret in its path.

    `url` is the address as the gateway knows it, which it may have signed.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    key: str = field(repr=False)

    @property
    def form(self) -> list[tuple[str, str]]:
        """The fields of a form in the body, in their order."""
        return parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The fields in the address, in their order."""
        return parse_qsl(urlsplit(self.url).query, keep_blank_values=True)


class NotGenuine(Exception):
    """A request that the gateway didn't send, or that can't be read."""


@runtime_checkable
class TellsStatus(Protocol):
    """A backend that can tell, when asked, what became of messages."""

    ids_at_once: int

    def status(self, config: Any, provider_ids: Sequence[str]) -> list[Report]:
        """What is known for good of at most `ids_at_once` messages. Raise `SendFailed` if the gateway doesn't tell."""


@runtime_checkable
class PushesReceipts(Protocol):
    """A backend whose gateway tells of its own accord. `receipts_help` says how it learns where to."""

    receipts_help: str

    def receipt(self, config: Any, request: ReceiptRequest) -> list[Report]:
        """The reports in a request, none while the message is on its way. Raise `NotGenuine`."""
