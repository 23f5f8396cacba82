"""Template filters that render descriptions as paragraphs and highlight code. Everything is escaped."""

from __future__ import annotations

import json
import re

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")
_TOKENS = re.compile(
    r"""(?P<comment>\#\ .*)
    |(?P<key>"[^"\n]*"(?=:))
    |(?P<string>"(?:\\.|[^"\\])*"|'[^']*')
    |(?P<number>(?<![\w.:/-])\d+(?![\w.]))
    |(?P<word>\b(?:import|print|if|else|curl|export|True|False|None|true|false|null)\b)""",
    re.VERBOSE,
)


def inline(text: str) -> Markup:
    """Text with `backticks` rendered as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def prose(text: str) -> Markup:
    """Text as paragraphs, which blank lines separate."""
    return Markup("").join(Markup("<p>{}</p>").format(inline(part)) for part in text.split("\n\n"))


def highlight(code: str) -> Markup:
    """Code with its strings, numbers, keywords and comments highlighted; its textContent stays the same."""
    parts, end = [], 0
    for match in _TOKENS.finditer(code):
        parts += [escape(code[end : match.start()])]
        parts += [Markup('<span class="code-{}">{}</span>').format(match.lastgroup, match[0])]
        end = match.end()
    return Markup("").join([*parts, escape(code[end:])])


def pretty(value: object) -> str:
    """A JSON value, indented."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def compact(value: object) -> str:
    """A JSON value on one line."""
    return json.dumps(value, ensure_ascii=False)
