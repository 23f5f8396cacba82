"""Parses the bodies of the endpoints and the forms of "Try it"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifapp import inputs
from notifapp.channels import Channel
from notifapp.inputs import FieldErrors

CHANNEL, RECIPIENT, CLIENT, CODE = "channel", "recipient", "client", "code"
MAX_RECIPIENT_LENGTH = 254
MAX_CLIENT_LENGTH = 200
MAX_CODE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class NewChallenge:
    """A request to send a code to this recipient on this channel, made by this client of the caller's."""

    channel: Channel
    recipient: str
    client: str | None = None


def read_challenge(fields: Mapping[str, object]) -> NewChallenge:
    """The channel, the recipient and, if it is there, the client. Raise `ValidationFailed` with every failing field."""
    errors = FieldErrors()
    channel = recipient = ""
    with errors.of(CHANNEL):
        channel = inputs.choice(inputs.required(fields, CHANNEL), list(Channel))
    with errors.of(RECIPIENT):
        recipient = _recipient(fields)
    client = _client(fields, errors)
    errors.raise_any()
    return NewChallenge(Channel(channel), recipient, client)


def read_client(fields: Mapping[str, object]) -> str | None:
    """The client of the caller's that asks for another code, if it is there. Raise `ValidationFailed`."""
    errors = FieldErrors()
    client = _client(fields, errors)
    errors.raise_any()
    return client


@dataclass(frozen=True, slots=True)
class Named:
    """A recipient, and the channel if one is named."""

    recipient: str
    channel: Channel | None


def read_recipient(fields: Mapping[str, object]) -> Named:
    """The recipient, and the channel unless it is absent or null. Raise `ValidationFailed` with every failing field."""
    errors = FieldErrors()
    channel, recipient = None, ""
    if fields.get(CHANNEL) is not None:
        with errors.of(CHANNEL):
            channel = Channel(inputs.choice(fields[CHANNEL], list(Channel)))
    with errors.of(RECIPIENT):
        recipient = _recipient(fields)
    errors.raise_any()
    return Named(recipient, channel)


@dataclass(frozen=True, slots=True)
class TypedCode:
    """A code as the customer typed it, and the recipient that it must have been sent to, if one is given."""

    code: str
    recipient: str | None


def read_code(fields: Mapping[str, object]) -> TypedCode:
    """The code and the recipient. Raise `ValidationFailed` if the code is missing, or either is not a text.

    A null for the recipient is refused, so that a caller who has lost it doesn't go without the check.
    """
    errors = FieldErrors()
    code, recipient = "", None
    with errors.of(CODE):
        code = inputs.text(inputs.required(fields, CODE), max_length=MAX_CODE_LENGTH)
    if RECIPIENT in fields:
        with errors.of(RECIPIENT):
            recipient = _recipient(fields)
    errors.raise_any()
    return TypedCode(code, recipient)


def _recipient(fields: Mapping[str, object]) -> str:
    return inputs.text(inputs.required(fields, RECIPIENT), max_length=MAX_RECIPIENT_LENGTH)


def _client(fields: Mapping[str, object], errors: FieldErrors) -> str | None:
    if CLIENT not in fields:
        return None
    with errors.of(CLIENT):
        return inputs.text(fields[CLIENT], max_length=MAX_CLIENT_LENGTH)
    return None
