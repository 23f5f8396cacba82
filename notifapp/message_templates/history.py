"""The revisions of a project's message templates: who changed what, when and from where."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from notifapp.access import ProjectRef
from notifapp.audit.revisions import Revision, revisions
from notifapp.channels import Channel
from notifapp.database import MAX_ID, reading, table_of
from notifapp.errors import NotFound
from notifapp.message_templates.models import MessageTemplateRevision
from notifapp.message_templates.values import Template, differences, template_in

UNTOUCHED = Template()  # version 0, the default, which has no revision

_table = table_of(MessageTemplateRevision)
_revision = _table.c


def history(
    project: ProjectRef, channel: Channel, *, before: int | None = None, limit: int = 20
) -> list[Revision[Template]]:
    """At most `limit` revisions, newest first; only those older than version `before`, if given."""
    rows = _rows(project, channel, before=before, limit=limit + 1)
    return revisions(rows, limit, UNTOUCHED, template_in, differences)


def template_at(project: ProjectRef, channel: Channel, version: int) -> Template:
    """The template at `version`. Raise `NotFound` if there is no such version."""
    if version == 0:
        return UNTOUCHED
    rows = _rows(project, channel, before=version + 1, limit=1) if 0 < version < MAX_ID else []
    if not rows or rows[0].version != version:
        raise NotFound
    return template_in(rows[0])


def _rows(project: ProjectRef, channel: Channel, *, before: int | None, limit: int) -> list[Any]:
    statement = (
        select(_table)
        .where(
            _revision.project_id == project.id,
            _revision.channel == channel.value,
            _revision.version < (MAX_ID if before is None else before),
        )
        .order_by(_revision.version.desc())
        .limit(limit)
    )
    with reading() as connection:
        return list(connection.execute(statement).all())
