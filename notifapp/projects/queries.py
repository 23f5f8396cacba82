"""Queries for the projects' pages."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, or_, select, true

from notifapp.access import Permission, Principal, ProjectRef
from notifapp.access.models import Membership, MembershipPermission, Project
from notifapp.audit.revisions import Revision
from notifapp.database import keyset, table_of
from notifapp.settings.history import history
from notifapp.settings.service import Policy, get_policy
from notifapp.settings.values import Settings

RECENT_CHANGES = 5

_project, _member, _held = table_of(Project).c, table_of(Membership).c, table_of(MembershipPermission).c


@dataclass(frozen=True, slots=True)
class Overview:
    """A project's settings in force and recent changes of them, newest first."""

    policy: Policy
    recent: list[Revision[Settings]]


def list_projects(caller: Principal, search: str, cursor: keyset.Cursor | None) -> keyset.Slice:
    """The projects that the caller may enter, sorted by slug; for an admin all, including archived ones.

    Each says whether the caller may read its settings.
    """
    may_read = true() if caller.is_admin else _may_read_settings(caller)
    columns = (_project.id, _project.slug, _project.name, _project.created_at, _project.archived_at)
    statement = select(*columns, may_read.label("may_read_settings"))
    if not caller.is_admin:
        is_member = (_member.project_id == _project.id) & (_member.user_id == caller.user_id)
        statement = statement.join(table_of(Membership), is_member).where(_project.archived_at.is_(None))
    if search:
        found = (column.icontains(search, autoescape=True) for column in (_project.slug, _project.name))
        statement = statement.where(or_(*found))
    return keyset.fetch(statement, [_project.slug], cursor)


def _may_read_settings(caller: Principal) -> ColumnElement[bool]:
    return exists().where(
        _held.project_id == _project.id,
        _held.user_id == caller.user_id,
        _held.code == Permission.NOTIFICATIONS_SETTINGS_READ,
    )


def overview(project: ProjectRef) -> Overview:
    """The settings in force and the recent changes."""
    return Overview(get_policy(project), history(project, limit=RECENT_CHANGES))
