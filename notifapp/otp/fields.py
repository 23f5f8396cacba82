"""The request bodies' fields, read as Django REST Framework's `CharField` and `ChoiceField` do (see the contract)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from notifapp.errors import ValidationFailed
from notifapp.notifiers.channels import Channel

CHANNEL, RECIPIENT, CODE = "channel", "recipient", "code"
MAX_RECIPIENT_LENGTH = 254
MAX_CODE_LENGTH = 64

_SURROGATES = ("\ud800", "\udfff")


@dataclass(frozen=True, slots=True)
class NewChallenge:
    """What is asked for: a code for this recipient on this channel."""

    channel: Channel
    recipient: str


def read_challenge(fields: Mapping[str, object]) -> NewChallenge:
    """Raise `ValidationFailed` with every field that can't be read."""
    channel, recipient = _read_all(fields, ((CHANNEL, 0), (RECIPIENT, MAX_RECIPIENT_LENGTH)))
    return NewChallenge(Channel(channel), recipient)


def read_code(fields: Mapping[str, object]) -> str:
    """Raise `ValidationFailed` when there is no code to be compared at all."""
    [code] = _read_all(fields, [(CODE, MAX_CODE_LENGTH)])
    return code


def _read_all(fields: Mapping[str, object], wanted: Iterable[tuple[str, int]]) -> list[str]:
    values: list[str] = []
    errors: dict[str, list[str]] = {}
    for name, max_length in wanted:
        try:
            if name not in fields:
                raise ValueError("This field is required.")
            values.append(_choice(fields[name]) if name == CHANNEL else _text(fields[name], max_length))
        except ValueError as error:
            errors[name] = [str(error)]
    if errors:
        raise ValidationFailed(errors)
    return values


def _choice(value: object) -> str:
    if value is None:
        raise ValueError("This field may not be null.")
    if value not in [channel.value for channel in Channel]:
        shown = str(value).encode("utf-8", "replace").decode()  # half a surrogate pair can't be answered
        raise ValueError(f'"{shown}" is not a valid choice.')
    return str(value)


def _text(value: object, max_length: int) -> str:
    if value is None:
        raise ValueError("This field may not be null.")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("Not a valid string.")
    text = str(value).strip()
    if not text:
        raise ValueError("This field may not be blank.")
    if len(text) > max_length:
        raise ValueError(f"Ensure this field has no more than {max_length} characters.")
    if "\0" in text:
        raise ValueError("Null characters are not allowed.")
    for character in text:
        if _SURROGATES[0] <= character <= _SURROGATES[1]:
            raise ValueError(f"Surrogate characters are not allowed: U+{ord(character):X}.")
    return text
