"""Message templates with `{code}`, `{minutes}` and `{project}`: saved, rendered, and counted in SMS segments."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from sqlalchemy import Select, bindparam, delete, select
from sqlalchemy.engine import Connection

from notifapp.access import Principal, ProjectRef
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import Statement, reading, table_of, upsert, writing
from notifapp.errors import ValidationFailed
from notifapp.message_templates.models import MessageTemplate

DEFAULT_BODY = "{code} is your code for {project}. It is valid for {minutes} minutes."
MAX_BODY_LENGTH = 600  # characters
EXAMPLE_DIGITS = "4817203956"
PLACEHOLDERS = ("code", "minutes", "project")

# GSM 03.38: the default alphabet, and its extension, whose characters count as two.
_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("^{}\\[~]|€\f")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


_table = table_of(MessageTemplate)
_template = _table.c


def _save(insert: Any) -> Any:
    row = insert.values({column.name: bindparam(column.name) for column in _template})
    return row.on_conflict_do_update(
        index_elements=[_template.project_id, _template.channel],
        set_={"body": row.excluded.body, "autofill_host": row.excluded.autofill_host},
    )


_SAVE = Statement(upsert(_table, _save))


@dataclass(frozen=True, slots=True)
class Template:
    """A project's message template on one channel; `autofill_host` adds the last line for browser autofill."""

    body: str = DEFAULT_BODY
    autofill_host: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A rendered message: `subject` is for email, `variables` for gateways with their own patterns."""

    subject: str = field(repr=False)
    body: str = field(repr=False)
    variables: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Segments:
    """A text as SMS: its encoding ("GSM-7" or "UCS-2"), its length in that encoding, and the number of segments."""

    encoding: str
    length: int
    count: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The preview of a message; `segments` only for SMS, which is charged by them."""

    body: str
    segments: Segments | None


def get_templates(project_id: int) -> dict[Channel, Template]:
    """The project's template on each channel, or the default."""
    with reading() as connection:
        rows = connection.execute(select(_table).where(_template.project_id == project_id)).all()
    saved = {Channel(row.channel): Template(row.body, row.autofill_host) for row in rows}
    return {channel: saved.get(channel, Template()) for channel in Channel}


def with_template(statement: Select[Any], project_id: Any, channel: Any) -> Select[Any]:
    """The statement with the project's template for the channel added to its rows, for `template_of`."""
    is_it = (_template.project_id == project_id) & (_template.channel == channel)
    columns = (_template.body.label("template_body"), _template.autofill_host)
    return statement.add_columns(*columns).outerjoin(_table, is_it)


def template_of(row: Any) -> Template:
    """The template in a row, or the default."""
    return Template() if row.template_body is None else Template(row.template_body, row.autofill_host)


def tidy(body: str, autofill_host: str) -> Template:
    """A normalised template from typed text."""
    return Template(body.replace("\r\n", "\n").strip(), autofill_host.strip().lower() or None)


def set_template(project: ProjectRef, channel: Channel, template: Template, *, principal: Principal) -> None:
    """Save a project's template; the default is not stored. Raise `ValidationFailed` on its fields."""
    errors = problems(template)
    if errors:
        raise ValidationFailed(errors)
    with writing() as connection:
        before = _locked(connection, project.id, channel)
        if template == before:
            return
        _replace(connection, project.id, channel, template)
        record(
            connection,
            Action.MESSAGE_TEMPLATE_CHANGED,
            principal=principal,
            project_id=project.id,
            subject=channel.label,
            detail={"changes": _changes(before, template)},
        )


def problems(template: Template) -> dict[str, list[str]]:
    """The errors of a template: {field: [message]}."""
    errors: dict[str, list[str]] = {}
    if message := _body_problem(template.body):
        errors["body"] = [message]
    if template.autofill_host is not None and not _is_host(template.autofill_host):
        errors["autofill_host"] = ['Give a host name such as "shop.example.com", without https:// and without a path.']
    return errors


def compose(template: Template, *, code: str, ttl: int, project_name: str) -> Words:
    """Render a template; `ttl` is in seconds and is rounded up to minutes.

    The last line for autofill is exactly `@host #code`
    (WICG, https://wicg.github.io/sms-one-time-codes/#format).
    """
    variables = {"code": code, "minutes": str(ceil(ttl / 60)), "project": project_name}
    text = template.body.format(**variables)
    if template.autofill_host:
        text += f"\n\n@{template.autofill_host} #{code}"
    return Words(f"Your code for {project_name}", text, variables)


def preview(template: Template, channel: Channel, *, length: int, ttl: int, project_name: str) -> Preview:
    """A message with an example code of `length` digits and a lifetime of `ttl` seconds."""
    body = compose(template, code=EXAMPLE_DIGITS[:length], ttl=ttl, project_name=project_name).body
    return Preview(body, segments(body) if channel is Channel.SMS else None)


def previews(
    project: ProjectRef, *, length: int, ttl: int, drafts: Mapping[Channel, Template] | None = None
) -> dict[Channel, Preview]:
    """The preview of each channel's message; templates in `drafts` replace the saved ones."""
    templates = get_templates(project.id) | dict(drafts or {})
    return {
        channel: preview(template, channel, length=length, ttl=ttl, project_name=project.name)
        for channel, template in templates.items()
    }


def segments(text: str) -> Segments:
    """How an SMS gateway splits this text into segments (3GPP TS 23.038, 23.040)."""
    if all(character in _GSM_BASIC or character in _GSM_EXTENDED for character in text):
        return _cut("GSM-7", [2 if character in _GSM_EXTENDED else 1 for character in text], single=160, part=153)
    return _cut("UCS-2", [2 if ord(character) > 0xFFFF else 1 for character in text], single=70, part=67)


def _is_host(text: str) -> bool:
    return _HOST.fullmatch(text) is not None and not text.rpartition(".")[2].isdecimal()


def _cut(encoding: str, sizes: list[int], *, single: int, part: int) -> Segments:
    """Fill one segment after another; a character of size 2 is never split."""
    length = sum(sizes)
    if length <= single:
        return Segments(encoding, length, 1)
    count, used = 1, 0
    for size in sizes:
        if used + size > part:
            count, used = count + 1, 0
        used += size
    return Segments(encoding, length, count)


def _body_problem(body: str) -> str | None:
    if not body:
        return "Write the message."
    if len(body) > MAX_BODY_LENGTH:
        return f"Use at most {MAX_BODY_LENGTH} characters."
    try:
        parts = list(string.Formatter().parse(body))
    except ValueError:
        return "A brace stands alone. Write {{ or }} for a brace that should be seen."
    names = [name for _, name, _, _ in parts if name is not None]
    unknown = [name for name in names if name not in PLACEHOLDERS]
    if unknown or any(spec or conversion for _, _, spec, conversion in parts):
        return "Only {code}, {minutes} and {project} can be put in."
    if "code" not in names:
        return "The message needs {code}: without it nobody receives the code."
    return None


def _locked(connection: Connection, project_id: int, channel: Channel) -> Template:
    """The current template, locked until the transaction ends."""
    is_it = (_template.project_id == project_id, _template.channel == channel.value)
    row = connection.execute(select(_table).where(*is_it).with_for_update()).one_or_none()
    return Template(row.body, row.autofill_host) if row else Template()


def _replace(connection: Connection, project_id: int, channel: Channel, template: Template) -> None:
    if template == Template():
        is_it = (_template.project_id == project_id, _template.channel == channel.value)
        connection.execute(delete(_table).where(*is_it))
    else:
        _SAVE.execute(
            connection,
            project_id=project_id,
            channel=channel.value,
            body=template.body,
            autofill_host=template.autofill_host,
        )


def _changes(before: Template, after: Template) -> list[list[str]]:
    fields = (
        ("Message", before.body, after.body),
        ("Autofill host", before.autofill_host or "None", after.autofill_host or "None"),
    )
    return [[label, old, new] for label, old, new in fields if old != new]
