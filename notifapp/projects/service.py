"""Projects: created, renamed, archived and restored by admins."""

from __future__ import annotations

import re

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from notifapp import clock, countries, inputs
from notifapp.access import Principal, ProjectRef
from notifapp.access.archived import lock_out_writes
from notifapp.access.models import Project
from notifapp.audit.service import Action, Change, record
from notifapp.database import AnyRow, reading, table_of, writing
from notifapp.errors import Conflict, NotFound, ValidationFailed
from notifapp.inputs import FieldErrors
from notifapp.settings.service import create_default_settings

MIN_SLUG_LENGTH, MAX_SLUG_LENGTH = 2, 63
RESERVED_SLUGS = frozenset({"new"})  # /projects/new is the form

_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_table = table_of(Project)
_project = _table.c


def create_project(slug: str, name: str, *, principal: Principal) -> ProjectRef:
    """Create a project with its default settings. Raise `ValidationFailed` on `slug` or `name`."""
    errors = FieldErrors()
    with errors.of("slug"):
        slug = _checked_slug(slug)
    with errors.of("name"):
        name = inputs.display_name(name)
    errors.raise_any()
    new = insert(_table).values(slug=slug, name=name, created_at=clock.now()).returning(_project.id)
    with writing() as connection:
        try:
            project_id = connection.execute(new).scalar_one()
        except IntegrityError:
            raise ValidationFailed({"slug": ["Another project has this address already."]}) from None
        create_default_settings(connection, project_id)
        record(
            connection,
            Action.PROJECT_CREATED,
            principal=principal,
            subject=slug,
            project_id=project_id,
            detail={"name": name},
        )
    return ProjectRef(project_id, slug, name)


def rename_project(project_id: int, name: str, *, principal: Principal) -> None:
    """Rename a project; nothing is recorded if the name is the same.

    Raise `ValidationFailed` on `name`, `Conflict` for an archived project, and `NotFound`.
    """
    errors = FieldErrors()
    with errors.of("name"):
        name = inputs.display_name(name)
    errors.raise_any()
    with writing() as connection:
        project = _locked(connection, project_id)
        if project.archived_at:
            raise Conflict("This project is archived: restore it before you rename it.")
        if project.name == name:
            return
        _set(connection, project_id, name=name)
        record(
            connection,
            Action.PROJECT_RENAMED,
            principal=principal,
            subject=project.slug,
            project_id=project_id,
            detail={"changes": [Change("Name", project.name, name)]},
        )


def set_phone_region(project_id: int, code: str, *, principal: Principal) -> None:
    """Set the country whose phone numbers may be given without + and the country's code; "" sets none.

    Raise `ValidationFailed` on `phone_region`, `Conflict` for an archived project, and `NotFound`.
    """
    if code and code not in countries.NAMES:
        raise ValidationFailed({"phone_region": ["Choose a country from the list."]})
    with writing() as connection:
        project = _locked(connection, project_id)
        if project.archived_at:
            raise Conflict("This project is archived: restore it before you change its phone region.")
        before, after = project.phone_region, code or None
        if before == after:
            return
        _set(connection, project_id, phone_region=after)
        change = Change("Phone region", *(countries.label(region) if region else "None" for region in (before, after)))
        record(
            connection,
            Action.PHONE_REGION_CHANGED,
            principal=principal,
            subject=project.slug,
            project_id=project_id,
            detail={"changes": [change]},
        )


def archive(connection: Connection, project_id: int, *, principal: Principal) -> None:
    """Archive a project: staff don't see it, its tokens are refused, and nothing in it can be changed or is deleted.

    For delivery/stopping.py, which also stops what is queued in it, in the same transaction. Raise `Conflict` if it is
    already archived, and `NotFound`.
    """
    lock_out_writes(connection)
    project = _locked(connection, project_id)
    if project.archived_at:
        raise Conflict("This project is archived already.")
    _set(connection, project_id, archived_at=clock.now())
    record(connection, Action.PROJECT_ARCHIVED, principal=principal, subject=project.slug, project_id=project_id)


def restore_project(project_id: int, *, principal: Principal) -> None:
    """Undo the archiving of a project. Raise `Conflict` if it isn't archived, and `NotFound`."""
    with writing() as connection:
        project = _locked(connection, project_id)
        if not project.archived_at:
            raise Conflict("This project is not archived.")
        _set(connection, project_id, archived_at=None)
        record(connection, Action.PROJECT_RESTORED, principal=principal, subject=project.slug, project_id=project_id)


def find_project(slug: str) -> ProjectRef:
    """The project with this slug, archived or not. Raise `NotFound`."""
    columns = (_project.id, _project.slug, _project.name, _project.archived_at, _project.phone_region)
    statement = select(*columns).where(_project.slug == slug)
    row = None
    if _is_slug(slug):
        with reading() as connection:
            row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"There is no project {slug!r}.")
    return ProjectRef(*row)


def _locked(connection: Connection, project_id: int) -> AnyRow:
    """The project's row, locked until the transaction ends."""
    project = connection.execute(select(_table).where(_project.id == project_id).with_for_update()).one_or_none()
    if project is None:
        raise NotFound
    return project


def _set(connection: Connection, project_id: int, **values: object) -> None:
    connection.execute(update(_table).where(_project.id == project_id).values(**values))


def _is_slug(text: str) -> bool:
    return MIN_SLUG_LENGTH <= len(text) <= MAX_SLUG_LENGTH and _SLUG.fullmatch(text) is not None


def _checked_slug(text: str) -> str:
    slug = text.strip()
    if not slug:
        raise ValueError("Enter an address.")
    if slug in RESERVED_SLUGS:
        raise ValueError(f"“{slug}” is reserved. Choose another address.")
    if not _is_slug(slug):
        raise ValueError(
            f"Use {MIN_SLUG_LENGTH} to {MAX_SLUG_LENGTH} small letters, digits and single hyphens; "
            "begin with a letter and don't end with a hyphen."
        )
    return slug
