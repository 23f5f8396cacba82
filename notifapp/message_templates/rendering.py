"""Templates rendered: the message that is sent, and the preview that pages show."""

from __future__ import annotations

from dataclasses import dataclass, field

from notifapp import wording
from notifapp.channels import Channel
from notifapp.message_templates.segments import Segments, segments
from notifapp.message_templates.values import Template, names_in

EXAMPLE_DIGITS = "4817203956"


@dataclass(frozen=True, slots=True)
class Words:
    """A rendered message: `subject` is for email, `variables` for gateways with their own patterns."""

    subject: str = field(repr=False)
    body: str = field(repr=False)
    variables: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Preview:
    """The preview of a message: `subject` for email, `segments` for SMS; `warning` says what it states wrongly."""

    subject: str | None
    body: str
    segments: Segments | None
    warning: str | None


def compose(template: Template, *, code: str, ttl: int, project_name: str) -> Words:
    """Render a template; `ttl` is in seconds. Minutes are rounded down: a code never ends before the message says.

    The last line for autofill is exactly `@host #code`
    (WICG, https://wicg.github.io/sms-one-time-codes/#format).
    """
    variables = {"code": code, "minutes": str(ttl // 60), "validity": wording.validity(ttl), "project": project_name}
    body = template.body.format(**variables)
    if template.autofill_host:
        body += f"\n\n@{template.autofill_host} #{code}"
    return Words(template.subject.format(**variables), body, variables)


def preview(template: Template, channel: Channel, *, length: int, ttl: int, project_name: str) -> Preview:
    """A message with an example code of `length` digits and a lifetime of `ttl` seconds."""
    words = compose(template, code=EXAMPLE_DIGITS[:length], ttl=ttl, project_name=project_name)
    warning = validity_warning(template, ttl)
    if channel is Channel.SMS:
        return Preview(None, words.body, segments(words.body), warning)
    return Preview(words.subject, words.body, None, warning)


def validity_warning(template: Template, ttl: int) -> str | None:
    """What to tell the writer of a message that states the lifetime in minutes, where that makes no sense."""
    if ttl >= 60 or "minutes" not in names_in(template.body):
        return None
    validity = wording.validity(ttl)
    return f"Codes are valid for {validity}, but {{minutes}} says 0. Use {{validity}}, which says “{validity}”."
