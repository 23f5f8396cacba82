"""Message templates: read, changed with a revision, and previewed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.engine import Connection

from notifapp.access import Principal, ProjectRef
from notifapp.access.archived import keep_open
from notifapp.audit.revisions import authorship
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import Statement, insertion, reading, table_of, upsert, writing
from notifapp.errors import StaleVersion, ValidationFailed
from notifapp.message_templates.models import MessageTemplate, MessageTemplateRevision
from notifapp.message_templates.rendering import Preview, preview
from notifapp.message_templates.values import Template, differences, names_in, problems, template_in

_table = table_of(MessageTemplate)
_template = _table.c


def _insert(insert: Any) -> Any:
    """Insert a first template, unless another call was faster."""
    row = insert.values({column.name: bindparam(column.name) for column in _template})
    return row.on_conflict_do_nothing(index_elements=[_template.project_id, _template.channel])


_INSERT = Statement(upsert(_table, _insert))
_UPDATE = Statement(
    update(_table)
    .where(
        _template.project_id == bindparam("of_project"),
        _template.channel == bindparam("of_channel"),
        _template.version == bindparam("from_version"),
    )
    .values({name: bindparam(name) for name in ("version", "subject", "body", "autofill_host")})
)
_INSERT_REVISION = insertion(table_of(MessageTemplateRevision))


def get_templates(project_id: int) -> dict[Channel, Template]:
    """The project's template on each channel, or the default."""
    with reading() as connection:
        rows = connection.execute(select(_table).where(_template.project_id == project_id)).all()
    saved = {Channel(row.channel): template_in(row) for row in rows}
    return {channel: saved.get(channel, Template()) for channel in Channel}


def channels_with_project_name(project_id: int) -> list[Channel]:
    """The channels whose message contains the project's name."""
    texts = {
        channel: f"{template.subject}\n{template.body}" if channel is Channel.EMAIL else template.body
        for channel, template in get_templates(project_id).items()
    }
    return [channel for channel, text in texts.items() if "project" in names_in(text)]


def with_template(statement: Select[Any], project_id: Any, channel: Any) -> Select[Any]:
    """The statement with the project's template for the channel added to its rows, for `template_of`."""
    is_it = (_template.project_id == project_id) & (_template.channel == channel)
    columns = (
        _template.body.label("template_body"),
        _template.autofill_host,
        _template.subject.label("template_subject"),
        _template.version.label("template_version"),
    )
    return statement.add_columns(*columns).outerjoin(_table, is_it)


def template_of(row: Any) -> Template:
    """The template in a row, or the default."""
    if row.template_body is None:
        return Template()
    return Template(row.template_body, row.autofill_host, row.template_subject, row.template_version)


def set_template(
    project: ProjectRef,
    channel: Channel,
    template: Template,
    *,
    principal: Principal,
    expected_version: int | None = None,
    reason: str | None = None,
) -> Template:
    """Save a project's template, and record a revision. Return the template before; it is equal if nothing changed.

    Raise `ValidationFailed` on its fields, `StaleVersion` if it differs from the current one and `expected_version` is
    not that one's, and `ProjectArchived`.
    """
    if errors := problems(template):
        raise ValidationFailed(errors)
    with writing() as connection:
        keep_open(connection, project.id)
        before = _locked(connection, project.id, channel)
        if template == before:
            return before
        if expected_version is not None and expected_version != before.version:
            raise StaleVersion
        after = replace(template, version=before.version + 1)
        _write(connection, project.id, channel, after, authorship(principal, reason))
        record(
            connection,
            Action.MESSAGE_TEMPLATE_CHANGED,
            principal=principal,
            project_id=project.id,
            subject=f"{channel.label}, version {after.version}",
            detail={"version": after.version, "changes": differences(before, after)},
        )
    return before


def previews(
    project: ProjectRef, *, length: int, ttl: int, drafts: Mapping[Channel, Template] | None = None
) -> dict[Channel, Preview]:
    """The preview of each channel's message; templates in `drafts` replace the saved ones."""
    templates = get_templates(project.id) | dict(drafts or {})
    return {
        channel: preview(template, channel, length=length, ttl=ttl, project_name=project.name)
        for channel, template in templates.items()
    }


def _locked(connection: Connection, project_id: int, channel: Channel) -> Template:
    """The current template, locked until the transaction ends."""
    is_it = (_template.project_id == project_id, _template.channel == channel.value)
    row = connection.execute(select(_table).where(*is_it).with_for_update()).one_or_none()
    return template_in(row) if row else Template()


def _write(
    connection: Connection, project_id: int, channel: Channel, after: Template, author: Mapping[str, object]
) -> None:
    values = {
        "version": after.version,
        "subject": after.subject,
        "body": after.body,
        "autofill_host": after.autofill_host,
    }
    of = {"project_id": project_id, "channel": channel.value}
    if after.version == 1:
        written = _INSERT.execute(connection, **of, **values)
    else:
        is_it = {"of_project": project_id, "of_channel": channel.value, "from_version": after.version - 1}
        written = _UPDATE.execute(connection, **is_it, **values)
    if written != 1:
        raise StaleVersion
    _INSERT_REVISION.execute(connection, **of, **values, **author)
