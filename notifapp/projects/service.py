"""Projects: created, renamed, archived and restored by admins."""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from notifapp import clock, names
from notifapp.access import Principal, ProjectRef
from notifapp.access.models import Project
from notifapp.audit.service import Action, Change, record
from notifapp.database import read_connection, table_of, write_transaction
from notifapp.errors import Conflict, NotFound, ValidationFailed
from notifapp.settings.service import create_default_settings

MIN_SLUG_LENGTH, MAX_SLUG_LENGTH = 2, 63
RESERVED_SLUGS = frozenset({"new"})  # /projects/new is the form

_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_project = table_of(Project).c


def create_project(slug: str, name: str, *, principal: Principal) -> ProjectRef:
    """Create a project with its default settings. Raise `ValidationFailed` on `slug` or `name`."""
    errors: dict[str, list[str]] = {}
    slug = slug.strip()
    _check_slug(slug, errors)
    name = names.clean(name, errors)
    if errors:
        raise ValidationFailed(errors)
    with write_transaction() as session:
        project = Project(slug=slug, name=name, created_at=clock.now())
        session.add(project)
        try:
            session.flush()
        except IntegrityError:
            raise ValidationFailed({"slug": ["Another project has this address already."]}) from None
        create_default_settings(session, project.id)
        record(
            session,
            Action.PROJECT_CREATED,
            principal=principal,
            subject=slug,
            project_id=project.id,
            detail={"name": name},
        )
    return ProjectRef(project.id, slug, name)


def rename_project(project_id: int, name: str, *, principal: Principal) -> None:
    """Give a project another name; the same name again changes nothing.

    Raise `ValidationFailed` on `name`, `Conflict` for an archived project, `NotFound`.
    """
    errors: dict[str, list[str]] = {}
    name = names.clean(name, errors)
    if errors:
        raise ValidationFailed(errors)
    with write_transaction() as session:
        project = _locked(session, project_id)
        if project.archived_at:
            raise Conflict("This project is archived: restore it before you rename it.")
        if project.name == name:
            return
        changes = [Change("Name", project.name, name)]
        project.name = name
        record(
            session,
            Action.PROJECT_RENAMED,
            principal=principal,
            subject=project.slug,
            project_id=project_id,
            detail={"changes": changes},
        )


def archive_project(project_id: int, *, principal: Principal) -> None:
    """Close a project: hidden from staff, its tokens refused, nothing in it can be changed. Nothing is deleted.

    Raise `Conflict` when it is archived already, `NotFound`.
    """
    with write_transaction() as session:
        project = _locked(session, project_id)
        if project.archived_at:
            raise Conflict("This project is archived already.")
        project.archived_at = clock.now()
        record(session, Action.PROJECT_ARCHIVED, principal=principal, subject=project.slug, project_id=project_id)


def restore_project(project_id: int, *, principal: Principal) -> None:
    """Open an archived project again, as it was. Raise `Conflict` when it isn't archived, `NotFound`."""
    with write_transaction() as session:
        project = _locked(session, project_id)
        if not project.archived_at:
            raise Conflict("This project is not archived.")
        project.archived_at = None
        record(session, Action.PROJECT_RESTORED, principal=principal, subject=project.slug, project_id=project_id)


def find_project(slug: str) -> ProjectRef:
    """The project at this address, archived or not. Raise `NotFound`."""
    statement = select(_project.id, _project.slug, _project.name, _project.archived_at).where(_project.slug == slug)
    row = None
    if _is_slug(slug):
        with read_connection() as connection:
            row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"There is no project {slug!r}.")
    return ProjectRef(row.id, row.slug, row.name, row.archived_at)


def _locked(session: Session, project_id: int) -> Project:
    """The project's row, held against other writers until the transaction ends."""
    project = session.get(Project, project_id, with_for_update=True)
    if project is None:
        raise NotFound
    return project


def _is_slug(text: str) -> bool:
    return MIN_SLUG_LENGTH <= len(text) <= MAX_SLUG_LENGTH and _SLUG.fullmatch(text) is not None


def _check_slug(slug: str, errors: dict[str, list[str]]) -> None:
    if not slug:
        errors["slug"] = ["Enter an address."]
    elif slug in RESERVED_SLUGS:
        errors["slug"] = [f"“{slug}” is reserved. Choose another address."]
    elif not _is_slug(slug):
        errors["slug"] = [
            f"Use {MIN_SLUG_LENGTH} to {MAX_SLUG_LENGTH} small letters, digits and single hyphens; "
            "begin with a letter and don't end with a hyphen."
        ]
