"""Parses the bodies of the endpoints and the forms of "Try it"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifapp import inputs
from notifapp.channels import Channel
from notifapp.inputs import FieldErrors

CHANNEL, RECIPIENT, CODE = "channel", "recipient", "code"
MAX_RECIPIENT_LENGTH = 254
MAX_CODE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class NewChallenge:
    """A request to send a code to this recipient on this channel."""

    channel: Channel
    recipient: str


def read_challenge(fields: Mapping[str, object]) -> NewChallenge:
    """The channel and the recipient. Raise `ValidationFailed` with every failing field."""
    errors = FieldErrors()
    channel = recipient = ""
    with errors.of(CHANNEL):
        channel = inputs.choice(inputs.required(fields, CHANNEL), list(Channel))
    with errors.of(RECIPIENT):
        recipient = inputs.text(inputs.required(fields, RECIPIENT), max_length=MAX_RECIPIENT_LENGTH)
    errors.raise_any()
    return NewChallenge(Channel(channel), recipient)


def read_code(fields: Mapping[str, object]) -> str:
    """The code. Raise `ValidationFailed` if it is missing or not a text."""
    errors = FieldErrors()
    code = ""
    with errors.of(CODE):
        code = inputs.text(inputs.required(fields, CODE), max_length=MAX_CODE_LENGTH)
    errors.raise_any()
    return code
