"""The base class of backends, and how they declare their settings.

A backend's configuration is a frozen dataclass whose fields are made with `setting()`. Everything else follows from it:
the fields of the form, the validation of JSON, which values are secrets (stored encrypted, never shown) or destinations
(never changed without giving the secrets again), and the typed configuration for sending.
"""

from __future__ import annotations

import dataclasses
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, TypeVar

from notifapp import clock
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
    VARIABLES = "variables"  # which value goes into which place of a pattern: see gateway/patterns.py


@dataclass(frozen=True)
class Setting:
    """One setting.

    A required one must be given, and not blank unless it `may_be_blank`. `regex` must match the whole value, of
    variables the name of each place; `minimum` and `maximum` bound integers. `choices` says what the gateway can be
    asked for to choose the value from: "lines" or "templates". `places` says where in a pattern each value goes
    that is written alone, if not into the place of its own name.
    """

    label: str
    kind: Kind
    help: str = ""
    required: bool = True
    may_be_blank: bool = False
    default: object = ""
    destination: bool = False
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 255
    regex: str = ""
    regex_error: str = ""
    choices: str = ""
    places: Mapping[str, str] = field(default_factory=dict)

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
    patterns; it is empty for a message without a code. `id` is the same on every attempt, so that a gateway can tell
    that it has the message already. After `expires_at` nobody needs it any more. `receipt_url` is where the gateway may
    tell later what became of the message; empty if it can't be reached from outside. It holds a secret.
    """

    id: str = field(default_factory=lambda: secrets.token_hex(16))
    project_id: int
    channel: Channel
    recipient: str = field(repr=False)
    body: str = field(repr=False)
    subject: str = field(default="", repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    expires_at: datetime | None = None
    receipt_url: str = field(default="", repr=False)

    @property
    def valid_for(self) -> int | None:
        """The seconds that its code still lives, at least one; None for a message that doesn't expire."""
        if self.expires_at is None:
            return None
        return max(1, int((self.expires_at - clock.now()).total_seconds()))


@dataclass(frozen=True)
class Accepted:
    """The gateway accepted the message; `provider_id` is its id there, or empty."""

    provider_id: str

    def __post_init__(self) -> None:
        """Drop unprintable characters: if it couldn't be stored, the message would be sent again."""
        object.__setattr__(self, "provider_id", printable(self.provider_id))


class Fault(StrEnum):
    """Whose fault it is that a message was not accepted."""

    NOTIFIER = "notifier"  # the gateway's, the account's or the settings': another notifier may do better
    RECIPIENT = "recipient"
    OURS = "ours"  # this server's, or nobody's, such as a message that isn't to be sent any more


def fault_of(code: object, of_recipients: Collection[object]) -> Fault:
    """The recipient's fault if the code is one of those, else the notifier's."""
    return Fault.RECIPIENT if code in of_recipients else Fault.NOTIFIER


class SendFailed(Exception):
    """A message was not accepted.

    `retryable` says whether sending it again may succeed; `code` is the gateway's; `reason` is for people, in our own
    words, because the gateway's may quote the recipient or the text. `may_have_gone` says that the gateway may have
    sent the message all the same: it was asked to and gave no answer, or none that can be read.
    """

    def __init__(
        self,
        reason: str,
        *,
        code: str = "",
        retryable: bool,
        fault: Fault = Fault.NOTIFIER,
        may_have_gone: bool = False,
    ) -> None:
        code = printable(code)
        super().__init__(f"{reason} ({code})" if code else reason)
        self.reason = reason
        self.code = code
        self.retryable = retryable
        self.fault = fault
        self.may_have_gone = may_have_gone


def printable(text: str) -> str:
    """The text without the characters that can't be shown."""
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

    def check_project_name(self, values: Mapping[str, object], name: str) -> dict[str, list[str]]:
        """Check whether valid settings put the project's name where it doesn't fit. Return {setting: [message]}."""
        return {}

    def has_secret(self, name: str, settings: Mapping[str, object]) -> bool:
        """Whether a notifier with these readable settings has this secret; it has all that are required."""
        return True

    @cached_property
    def settings(self) -> dict[str, Setting]:
        """The settings by name, in order of definition."""
        return {f.name: f.metadata["setting"] for f in dataclasses.fields(self.config)}  # type: ignore[arg-type]

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The names of the settings that are stored encrypted and never shown."""
        return frozenset(name for name, about in self.settings.items() if about.secret)

    @cached_property
    def credentials(self) -> frozenset[str]:
        """The names of the settings that say whose account it is, and where: all that asking the gateway takes."""
        return self.secrets | {name for name, about in self.settings.items() if about.destination}

    def load(self, values: Mapping[str, object]) -> C:
        """The typed configuration of stored values; settings added since then get their defaults."""
        return self.config(**{name: values[name] for name in self.settings if name in values})
