"""What a gateway can be asked beside sending. A backend declares a question by having its method, like `send`.

Each method takes the typed configuration, of which only the credentials are sure to be given, raises `SendFailed`, and
returns nothing that could hold a code: a text is only ever that of a template.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Account:
    """Whose key it is, as pairs of label and value to show, and what to be warned about."""

    facts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left on the account, in `currency` (ISO 4217)."""

    amount: float
    currency: str


@dataclass(frozen=True, slots=True)
class Line:
    """A sender of the account: the setting's value, and what else it is called."""

    value: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A pattern of the account: the setting's value, what it is called, its text, and its places in order."""

    value: str
    label: str
    text: str
    places: tuple[str, ...]


@runtime_checkable
class ChecksKey(Protocol):
    """A backend that can tell whether the key is good."""

    def check_key(self, config: Any) -> Account:
        """Whose key it is."""


@runtime_checkable
class TellsBalance(Protocol):
    """A backend that can tell what is left on the account."""

    def balance(self, config: Any) -> Balance:
        """What is left."""


@runtime_checkable
class ListsLines(Protocol):
    """A backend that can list the account's senders."""

    def lines(self, config: Any) -> list[Line]:
        """The senders, at most a hundred."""


@runtime_checkable
class ListsTemplates(Protocol):
    """A backend that can list the account's patterns."""

    def templates(self, config: Any) -> list[Template]:
        """The patterns, at most a hundred."""


def shown(value: object, length: int = 200) -> str:
    """A text of the gateway's, fit for a page: on one line, and of at most `length` characters; none for null."""
    text = "" if value is None else " ".join(str(value).split())
    return "".join(character for character in text if character.isprintable() or character == "\u200c")[:length]


def entries(value: object) -> list[dict[str, Any]]:
    """The objects in a JSON list; none if it is something else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def amount(value: object) -> float | None:
    """A JSON number, or one written as text, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) < 1e15 else None
