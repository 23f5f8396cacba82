"""Message templates as values: tidied, checked against the rules, compared and merged."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field

from notifapp import inputs
from notifapp.audit.service import Change
from notifapp.database import AnyRow

DEFAULT_BODY = "{code} is your code for {project}. It is valid for {validity}."
DEFAULT_SUBJECT = "Your code for {project}"
MAX_BODY_LENGTH = 600  # characters
MAX_SUBJECT_LENGTH = 150
BODY_PLACEHOLDERS = ("code", "project", "validity", "minutes")
SUBJECT_PLACEHOLDERS = ("code", "project", "validity")

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


@dataclass(frozen=True, slots=True)
class Template:
    """A project's message template on one channel; 0 is the version of the default.

    `autofill_host` adds the last line for browser autofill; `subject` is for email.
    """

    body: str = DEFAULT_BODY
    autofill_host: str | None = None
    subject: str = DEFAULT_SUBJECT
    version: int = field(default=0, compare=False)


def template_in(row: AnyRow) -> Template:
    """The template in a row of the templates or of their revisions."""
    return Template(row.body, row.autofill_host, row.subject, row.version)


def tidy(body: str, autofill_host: str, subject: str = DEFAULT_SUBJECT) -> Template:
    """A normalised template from typed text."""
    return Template(body.replace("\r\n", "\n").strip(), autofill_host.strip().lower() or None, subject.strip())


def problems(template: Template) -> dict[str, list[str]]:
    """The errors of a template: {field: [message]}."""
    found = {
        "subject": _subject_problem(template.subject),
        "body": _body_problem(template.body),
        "autofill_host": _host_problem(template.autofill_host),
    }
    return {name: [problem] for name, problem in found.items() if problem}


def differences(before: Template, after: Template) -> list[Change]:
    """The values that differ; empty if none does."""
    fields = (
        ("Subject", before.subject, after.subject),
        ("Message", before.body, after.body),
        ("Autofill host", before.autofill_host or "None", after.autofill_host or "None"),
    )
    return [Change(label, old, new) for label, old, new in fields if old != new]


def merge(typed: Template, shown: Template, current: Template) -> Template:
    """The current template, with what was typed where that differs from what was shown."""
    return Template(
        typed.body if typed.body != shown.body else current.body,
        typed.autofill_host if typed.autofill_host != shown.autofill_host else current.autofill_host,
        typed.subject if typed.subject != shown.subject else current.subject,
        current.version,
    )


def names_in(text: str) -> set[str]:
    """The names of a text's placeholders; none if its braces don't match."""
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return set()


def _subject_problem(subject: str) -> str | None:
    if not subject:
        return "Enter a subject."
    if len(subject) > MAX_SUBJECT_LENGTH:
        return f"Use at most {MAX_SUBJECT_LENGTH} characters."
    if inputs.has_line_breaks(subject):
        return "Write the subject on one line."
    return _placeholder_problem(subject, SUBJECT_PLACEHOLDERS)


def _body_problem(body: str) -> str | None:
    if not body:
        return "Write the message."
    if len(body) > MAX_BODY_LENGTH:
        return f"Use at most {MAX_BODY_LENGTH} characters."
    if problem := _placeholder_problem(body, BODY_PLACEHOLDERS):
        return problem
    if "code" not in names_in(body):
        return "The message needs {code}: without it nobody receives the code."
    return None


def _host_problem(host: str | None) -> str | None:
    if host is None or (_HOST.fullmatch(host) and not host.rpartition(".")[2].isdecimal()):
        return None
    return 'Give a host name such as "shop.example.com", without https:// and without a path.'


def _placeholder_problem(text: str, allowed: tuple[str, ...]) -> str | None:
    *others, last = (f"{{{name}}}" for name in allowed)
    usable = f"You can use {', '.join(others)} and {last}."
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return f"Unmatched {{ or }}. To show a brace, double it. {usable}"
    for _, name, spec, conversion in parts:
        if name is not None and (name not in allowed or spec or conversion):
            return f"Unknown placeholder {{{name}}}. {usable}" if name not in allowed else usable
    return None
