"""Patterns: texts approved by a gateway in advance. A message names one and gives the values of its places.

Which value goes where is written `code=verification-code, project`: the value `code` into the pattern's place
`verification-code`, and `project` into the place that has its own name. Gateways whose places have no names, but an
order, take the values alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from notifapp.notifiers.gateway.base import Message

VALUES = {
    "code": "the code",
    "minutes": "its life in minutes",
    "validity": "its life in words",
    "project": "the project's name",
}
CODE_HELP = "A pattern of this account for messages with a code. Leave it blank to send them as free text."
IN_ORDER_HELP = (
    "The pattern's variables, in order, separated by commas. Choose from code, minutes, validity and project."
)
_OTHER = "(?:minutes|validity|project)"
IN_ORDER = rf"(?:{_OTHER}\s*,\s*)*code(?:\s*,\s*{_OTHER})*"
IN_ORDER_ERROR = "List those of code, minutes, validity and project that the pattern has, separated by commas."
PLACES_HELP = (
    "Which value goes into which variable of the pattern, such as code=verification-code, project=shop. A value alone "
    "goes into the variable of that name. The values are code, minutes, validity and project."
)
PLACES_ERROR = "Write it like code=verification-code, project=shop. Values are code, minutes, validity and project."
NAMED_PLACE = r"[^\s,=]{1,64}"


def places(text: str) -> dict[str, str]:
    """The value of each place of a pattern, in order: `code=otp, project` is {"otp": "code", "project": "project"}.

    Raise `ValueError` for what isn't written like this, names another value, fills a place twice, or lacks the code.
    """
    found: dict[str, str] = {}
    for entry in text.split(","):
        value, is_named, place = (part.strip() for part in entry.partition("="))
        place = place if is_named else value
        if value not in VALUES or not place:
            raise ValueError(PLACES_ERROR)
        if place in found:
            raise ValueError(f"Each variable of the pattern can be filled once: {place}.")
        found[place] = value
    if "code" not in found.values():
        raise ValueError("The code has to go into one of the variables.")
    return found


def parse_places(text: str, place: str, error: str) -> str:
    """The text, if it is written as `places` reads it and each name of a place matches `place`.

    Raise `ValueError`, with `error` for such a name. A value alone needs no match: its backend knows where it goes.
    """
    if not all(name == value or re.fullmatch(place, name) for name, value in places(text).items()):
        raise ValueError(error)
    return text


def pattern_values(text: str, message: Message, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a message puts into each place, in order; `own` names the places of values that stand alone."""
    return {
        (own or {}).get(place, place) if place == value else place: message.variables[value]
        for place, value in places(text).items()
    }


def guess(place: str) -> str:
    """The value that most likely belongs into a place of this name, or nothing."""
    name = place.lower()
    return next((value for value, words in _WORDS.items() if any(word in name for word in words)), "")


_WORDS = {
    "minutes": ("minute", "min"),
    "validity": ("valid", "expir", "life", "ttl"),
    "project": ("project", "name", "brand", "shop", "company", "site", "app"),
    "code": ("code", "otp", "pin", "token", "pass"),
}
