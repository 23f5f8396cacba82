"""The one rule for the names that people give to things: users, projects, tokens."""

from __future__ import annotations

import unicodedata

MAX_LENGTH = 120  # characters; the columns are as wide

# Control characters, halves of surrogate pairs, line and paragraph separators. Joiners (Cf) stay: Persian needs them.
_UNSHOWABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean(name: str, errors: dict[str, list[str]]) -> str:
    """`name` without outer blanks; what is wrong with it is added to `errors` under "name"."""
    name = name.strip()
    if not name:
        errors["name"] = ["Enter a name."]
    elif len(name) > MAX_LENGTH:
        errors["name"] = [f"Use at most {MAX_LENGTH} characters."]
    elif any(unicodedata.category(character) in _UNSHOWABLE for character in name):
        errors["name"] = ["Use no line breaks or control characters."]
    return name
