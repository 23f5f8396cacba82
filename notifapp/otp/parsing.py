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
    client = None
    with errors.of(CHANNEL):
        channel = inputs.choice(inputs.required(fields, CHANNEL), list(Channel))
    with errors.of(RECIPIENT):
        recipient = inputs.text(inputs.required(fields, RECIPIENT), max_length=MAX_RECIPIENT_LENGTH)
    if CLIENT in fields:
        with errors.of(CLIENT):
            client = inputs.text(fields[CLIENT], max_length=MAX_CLIENT_LENGTH)
    errors.raise_any()
    return NewChallenge(Channel(channel), recipient, client)


def read_code(fields: Mapping[str, object]) -> str:
    """The code. Raise `ValidationFailed` if it is missing or not a text."""
    errors = FieldErrors()
    code = ""
    with errors.of(CODE):
        code = inputs.text(inputs.required(fields, CODE), max_length=MAX_CODE_LENGTH)
    errors.raise_any()
    return code
