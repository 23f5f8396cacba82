"""Patterns: texts approved by a gateway in advance. A message names one and gives the values of its variables."""

from __future__ import annotations

from notifapp.notifiers.gateway.base import Message

CODE_HELP = "A pattern of this account for messages with a code. Leave it blank to send them as free text."
VARIABLES_HELP = (
    "The pattern's variables, in order, separated by commas. Choose from code, minutes, validity and project."
)
_OTHER = "(?:minutes|validity|project)"
VARIABLES = rf"(?:{_OTHER}\s*,\s*)*code(?:\s*,\s*{_OTHER})*"
VARIABLES_ERROR = "List those of code, minutes, validity and project that the pattern has, separated by commas."


def pattern_values(variables: str, message: Message) -> dict[str, str]:
    """The values of these variables (in the form of `VARIABLES`), in their order."""
    names = [name.strip() for name in variables.split(",")]
    return {name: message.variables[name] for name in names}
