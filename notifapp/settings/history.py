"""The revisions of a project's settings: who changed what, when and from where."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from notifapp.access import ProjectRef
from notifapp.audit.revisions import Revision, revisions
from notifapp.database import MAX_ID, Statement, reading, table_of
from notifapp.errors import NotFound
from notifapp.settings.models import DEFAULT_OTP_CODE_LEN, DEFAULT_OTP_TTL, SettingsRevision
from notifapp.settings.values import Settings, differences, settings_of

# Version 0, the defaults, which have no revision.
UNTOUCHED = Settings(0, None, None, DEFAULT_OTP_CODE_LEN, DEFAULT_OTP_TTL)

_revision = table_of(SettingsRevision).c
_NEWEST_FIRST = Statement(
    select(
        _revision.version,
        _revision.sms_notifier_id,
        _revision.sms_notifier_name,
        _revision.email_notifier_id,
        _revision.email_notifier_name,
        _revision.otp_code_len,
        _revision.otp_ttl,
        _revision.standby,
        _revision.actor,
        _revision.source,
        _revision.created_at,
        _revision.reason,
    )
    .where(_revision.project_id == bindparam("project_id"), _revision.version < bindparam("before"))
    .order_by(_revision.version.desc())
    .limit(bindparam("limit"))
)


def history(project: ProjectRef, *, before: int | None = None, limit: int = 20) -> list[Revision[Settings]]:
    """At most `limit` revisions, newest first; only those older than version `before`, if given."""
    rows = _rows(project, before=before, limit=limit + 1)
    return revisions(rows, limit, UNTOUCHED, settings_of, differences)


def settings_at(project: ProjectRef, version: int) -> Settings:
    """The settings at `version`. Raise `NotFound` if there is no such version."""
    if version == 0:
        return UNTOUCHED
    rows = _rows(project, before=version + 1, limit=1) if 0 < version < MAX_ID else []
    if not rows or rows[0].version != version:
        raise NotFound
    return settings_of(rows[0])


def _rows(project: ProjectRef, *, before: int | None, limit: int) -> list[Any]:
    values = {"project_id": project.id, "before": MAX_ID if before is None else before, "limit": limit}
    with reading() as connection:
        return _NEWEST_FIRST.all(connection, **values)
