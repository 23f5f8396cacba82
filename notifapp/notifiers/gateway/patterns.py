"""Patterns: texts approved by a gateway in advance. A message names one and gives the values of its variables."""

from __future__ import annotations

from typing import Any

from notifapp.notifiers.gateway.base import Message, setting

CODE_HELP = "A pattern of this account for messages with a code. Leave it blank to send them as free text."
_VARIABLES_HELP = (
    "The pattern's variables, in order, separated by commas. Choose from code, minutes, validity and project."
)
_OTHER = "(?:minutes|validity|project)"
_VARIABLES = rf"(?:{_OTHER}\s*,\s*)*code(?:\s*,\s*{_OTHER})*"
_VARIABLES_ERROR = "List those of code, minutes, validity and project that the pattern has, separated by commas."


def variables_setting(help: str = _VARIABLES_HELP) -> Any:
    """Declare the setting that lists a pattern's variables."""
    return setting(
        "Variables of the pattern", default="code", regex=_VARIABLES, regex_error=_VARIABLES_ERROR, help=help
    )


def pattern_values(variables: str, message: Message) -> dict[str, str]:
    """The values of these variables, as `variables_setting` takes them, in their order."""
    names = [name.strip() for name in variables.split(",")]
    return {name: message.variables[name] for name in names}
