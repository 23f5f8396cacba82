"""The base class of backends, and how they declare their settings.

A backend's configuration is a frozen dataclass whose fields are made with `setting()`. Everything else follows from it:
the fields of the form, the validation of JSON, which values are secrets (stored encrypted, never shown) or destinations
(never changed without giving the secrets again), and the typed configuration for sending.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit

from notifapp.channels import Channel


class Kind(StrEnum):
    """The type of a setting's value."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a kind, not a value
    INTEGER = "integer"
    BOOLEAN = "boolean"
    URL = "url"
    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True)
class Setting:
    """One setting. `regex` must match the whole value; `minimum` and `maximum` bound integers."""

    label: str
    kind: Kind
    help: str = ""
    required: bool = True
    default: object = ""
    destination: bool = False
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 255
    regex: str = ""
    regex_error: str = ""

    @property
    def secret(self) -> bool:
        """Whether the value is stored encrypted and never shown."""
        return self.kind is Kind.SECRET


def setting(label: str, kind: Kind = Kind.TEXT, *, default: Any = dataclasses.MISSING, **rest: Any) -> Any:
    """Declare one field of a backend's configuration.

    A setting without a `default` is required. `rest` are the fields of `Setting`. Secrets stay out of `repr`.
    """
    required = default is dataclasses.MISSING
    about = Setting(label, kind, required=required, default="" if required else default, **rest)
    return field(default=default, repr=not about.secret, metadata={"setting": about})


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message to send, to an E.164 number or an email address; `subject` is only for email.

    `variables` are the values in the body (`code`, `minutes`, `validity` and `project`), for gateways with their own
    patterns; it is empty for a message without a code. `receipt_url` is where the gateway may tell later what became of
    the message; empty if it can't be reached from outside. It holds a secret.
    """

    project_id: int
    channel: Channel
    recipient: str = field(repr=False)
    body: str = field(repr=False)
    subject: str = field(default="", repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    receipt_url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Accepted:
    """The gateway accepted the message; `provider_id` is its id there, or empty."""

    provider_id: str

    def __post_init__(self) -> None:
        """Drop unprintable characters: if it couldn't be stored, the message would be sent again."""
        object.__setattr__(self, "provider_id", _printable(self.provider_id))


class SendFailed(Exception):
    """A message was not accepted.

    `retryable` says whether sending it again may succeed; `code` is the gateway's; `reason` is for people, in our own
    words, because the gateway's may quote the recipient or the text.
    """

    def __init__(self, reason: str, *, code: str = "", retryable: bool) -> None:
        code = _printable(code)
        super().__init__(f"{reason} ({code})" if code else reason)
        self.reason = reason
        self.code = code
        self.retryable = retryable


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
            object.__setattr__(self, name, _printable(getattr(self, name)))


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


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


C = TypeVar("C")


class Backend(ABC, Generic[C]):
    """A gateway. Subclasses declare their key, label, channels and configuration, and send messages."""

    key: str
    label: str
    description: str
    channels: frozenset[Channel]
    config: type[C]
    reaches_people: bool = True
    is_available: bool = True  # False for the placeholder of one that isn't installed or is switched off

    @abstractmethod
    def send(self, config: C, message: Message) -> Accepted:
        """Send the message and return the gateway's acceptance. Raise `SendFailed`."""

    def check(self, values: Mapping[str, object]) -> dict[str, list[str]]:
        """Check the valid settings against each other. Return {setting: [message]}."""
        return {}

    @cached_property
    def settings(self) -> dict[str, Setting]:
        """The settings by name, in order of definition."""
        return {f.name: f.metadata["setting"] for f in dataclasses.fields(self.config)}  # type: ignore[arg-type]

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The names of the settings that are stored encrypted and never shown."""
        return frozenset(name for name, about in self.settings.items() if about.secret)

    def load(self, values: Mapping[str, object]) -> C:
        """The typed configuration of stored values; settings added since then get their defaults."""
        return self.config(**{name: values[name] for name in self.settings if name in values})


class TellsStatus(ABC, Generic[C]):
    """The ability of a backend to tell, when asked, what became of messages."""

    ids_at_once: ClassVar[int] = 1

    @abstractmethod
    def status(self, config: C, provider_ids: Sequence[str]) -> list[Report]:
        """What is known for good of at most `ids_at_once` messages. Raise `SendFailed` if the gateway doesn't tell."""


class PushesReceipts(ABC, Generic[C]):
    """The ability of a backend's gateway to tell of its own accord. `receipts_help` says how it learns where to."""

    receipts_help: ClassVar[str]

    @abstractmethod
    def receipt(self, config: C, request: ReceiptRequest) -> list[Report]:
        """The reports in a request, none while the message is on its way. Raise `NotGenuine`."""
