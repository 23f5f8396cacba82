"""What the pages of projects show."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select

from notifapp import paging
from notifapp.access import Principal, ProjectRef
from notifapp.access.models import Membership, Project
from notifapp.database import read_connection, table_of
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.models import Notifier
from notifapp.settings.history import Revision, history
from notifapp.settings.service import get_notification_settings
from notifapp.settings.values import NotifierRef, Settings

RECENT_CHANGES = 5

_project, _member, _notifier = table_of(Project).c, table_of(Membership).c, table_of(Notifier).c


@dataclass(frozen=True, slots=True)
class NotifierInForce:
    """A notifier that the settings name."""

    id: int
    name: str
    backend: str
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """What is in force in a project, and how it came to be so; `recent` is newest first."""

    settings: Settings
    sms_notifier: NotifierInForce | None
    email_notifier: NotifierInForce | None
    recent: list[Revision]


def list_projects(caller: Principal, search: str, cursor: paging.Cursor | None) -> paging.Slice:
    """The projects that the caller may enter, by address: for an admin all of them, archived ones too."""
    statement = select(_project.slug, _project.name, _project.created_at, _project.archived_at)
    if not caller.is_admin:
        is_member = (_member.project_id == _project.id) & (_member.user_id == caller.user_id)
        statement = statement.join(table_of(Membership), is_member).where(_project.archived_at.is_(None))
    if search:
        found = (column.icontains(search, autoescape=True) for column in (_project.slug, _project.name))
        statement = statement.where(or_(*found))
    return paging.fetch(statement, [_project.slug], cursor)


def overview(project: ProjectRef) -> Overview:
    """The settings in force, at a glance."""
    settings = get_notification_settings(project)
    sms, email = settings.sms_notifier, settings.email_notifier
    about = _notifiers([chosen.id for chosen in (sms, email) if chosen])
    return Overview(
        settings=settings,
        sms_notifier=_in_force(sms, about),
        email_notifier=_in_force(email, about),
        recent=history(project, limit=RECENT_CHANGES),
    )


def _notifiers(ids: list[int]) -> dict[int, tuple[str, bool]]:
    if not ids:
        return {}
    statement = select(_notifier.id, _notifier.backend, _notifier.is_enabled).where(_notifier.id.in_(ids))
    with read_connection() as connection:
        return {row.id: (row.backend, row.is_enabled) for row in connection.execute(statement)}


def _in_force(chosen: NotifierRef | None, about: dict[int, tuple[str, bool]]) -> NotifierInForce | None:
    if chosen is None or chosen.id not in about:
        return None
    backend, is_enabled = about[chosen.id]
    return NotifierInForce(chosen.id, chosen.name, find_backend(backend).label, is_enabled)
