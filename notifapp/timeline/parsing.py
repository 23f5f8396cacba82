"""Parses the body of the endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from notifapp import inputs
from notifapp.inputs import FieldErrors
from notifapp.timeline.service import DEFAULT_LIMIT, MAX_LIMIT

RECIPIENT, LIMIT, BEFORE = "recipient", "limit", "before"
MAX_RECIPIENT_LENGTH, MAX_TIME_LENGTH = 254, 40


@dataclass(frozen=True, slots=True)
class Look:
    """Whose timeline, how many events, and before which time."""

    recipient: str
    limit: int
    before: datetime | None


def read_look(fields: Mapping[str, object]) -> Look:
    """What is asked for. Raise `ValidationFailed` with every failing field."""
    errors = FieldErrors()
    recipient, limit, before = "", DEFAULT_LIMIT, None
    with errors.of(RECIPIENT):
        recipient = inputs.text(inputs.required(fields, RECIPIENT), max_length=MAX_RECIPIENT_LENGTH)
    if LIMIT in fields:
        with errors.of(LIMIT):
            limit = inputs.integer(fields[LIMIT], least=1, most=MAX_LIMIT)
    if fields.get(BEFORE) is not None:
        with errors.of(BEFORE):
            before = moment(fields[BEFORE])
    errors.raise_any()
    return Look(recipient, limit, before)


def moment(value: object) -> datetime:
    """A time with its zone, as answers carry it. Raise `ValueError`."""
    text = inputs.text(value, max_length=MAX_TIME_LENGTH)
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError("a time needs its zone")
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("Enter a time in ISO 8601 with its zone, such as 2025-12-28T15:36:45.235667Z.") from None
