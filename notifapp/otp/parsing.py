"""What the endpoints' bodies and the forms of Try it ask for."""

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
    """A code is wanted for this recipient on this channel."""

    channel: Channel
    recipient: str


def read_challenge(fields: Mapping[str, object]) -> NewChallenge:
    """Raise `ValidationFailed` with every field that can't be read."""
    errors = FieldErrors()
    channel = recipient = ""
    with errors.of(CHANNEL):
        channel = inputs.choice(inputs.required(fields, CHANNEL), list(Channel))
    with errors.of(RECIPIENT):
        recipient = inputs.text(inputs.required(fields, RECIPIENT), max_length=MAX_RECIPIENT_LENGTH)
    errors.raise_any()
    return NewChallenge(Channel(channel), recipient)


def read_code(fields: Mapping[str, object]) -> str:
    """Raise `ValidationFailed` when there is no code to be compared at all."""
    errors = FieldErrors()
    code = ""
    with errors.of(CODE):
        code = inputs.text(inputs.required(fields, CODE), max_length=MAX_CODE_LENGTH)
    errors.raise_any()
    return code
