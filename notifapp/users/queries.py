"""Queries for the users' pages."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from notifapp import clock
from notifapp.access import PRESETS, Permission, ProjectRef
from notifapp.access.models import ApiToken, Membership, MembershipPermission, PasswordLink, Project, User
from notifapp.database import AnyRow, keyset, reading, table_of
from notifapp.errors import NotFound

OFFERED_PROJECTS = OFFERED_USERS = SHOWN_ADMINS = 20

_user, _project, _link = table_of(User).c, table_of(Project).c, table_of(PasswordLink).c
_member, _held, _token = table_of(Membership).c, table_of(MembershipPermission).c, table_of(ApiToken).c


@dataclass(frozen=True, slots=True)
class MembershipLine:
    """A project that a user is a member of, and the user's permissions there."""

    slug: str
    name: str
    archived_at: datetime | None
    permissions: list[Permission]


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a project and the permissions held there; `preset` is their name, if they are a preset's."""

    user_id: int
    name: str
    email: str
    is_admin: bool
    is_active: bool
    permissions: list[Permission]

    @property
    def preset(self) -> str | None:
        """The label of the preset with exactly these permissions."""
        held = frozenset(self.permissions)
        return next((preset.label for preset in PRESETS.values() if preset.permissions == held), None)


@dataclass(frozen=True, slots=True)
class Place:
    """A user's standing in a project; `codes` are the permission codes held there."""

    project: ProjectRef
    is_member: bool
    codes: list[int]


def list_users(search: str, cursor: keyset.Cursor | None) -> keyset.Slice:
    """The users whose name or email address contains `search`, sorted by email address."""
    projects = select(func.count()).where(_member.user_id == _user.id).correlate(table_of(User)).scalar_subquery()
    statement = select(_user.id, _user.email, _user.name, _user.is_admin, _user.is_active, projects.label("projects"))
    if search:
        found = (column.icontains(search, autoescape=True) for column in (_user.email, _user.name))
        statement = statement.where(or_(*found))
    return keyset.fetch(statement, [_user.email], cursor)


def get_user(user_id: int) -> AnyRow:
    """A user with `has_password`, the number of valid `tokens`, and the `link_expires_at` of an open password link.

    Raise `NotFound`.
    """
    now = clock.now()
    is_open = and_(_link.user_id == _user.id, _link.expires_at > now)
    not_expired = or_(_token.expires_at.is_(None), _token.expires_at > now)
    tokens = select(func.count()).where(_token.user_id == _user.id, _token.revoked_at.is_(None), not_expired)
    statement = (
        select(
            _user.id,
            _user.email,
            _user.name,
            _user.is_admin,
            _user.is_active,
            _user.created_at,
            _user.has_second_factor,
            _user.password_hash.is_not(None).label("has_password"),
            _link.expires_at.label("link_expires_at"),
            tokens.correlate(table_of(User)).scalar_subquery().label("tokens"),
        )
        .select_from(table_of(User).outerjoin(table_of(PasswordLink), is_open))
        .where(_user.id == user_id)
    )
    with reading() as connection:
        user = connection.execute(statement).one_or_none()
    if user is None:
        raise NotFound("There is no such user.")
    return user


def list_memberships(user_id: int, cursor: keyset.Cursor | None) -> tuple[keyset.Slice, list[MembershipLine]]:
    """The projects that a user is a member of, sorted by slug."""
    statement = (
        select(_project.id, _project.slug, _project.name, _project.archived_at)
        .join(table_of(Membership), _member.project_id == _project.id)
        .where(_member.user_id == user_id)
    )
    part = keyset.fetch(statement, [_project.slug], cursor)
    held = _permissions(user_id, [row.id for row in part.rows])
    return part, [MembershipLine(row.slug, row.name, row.archived_at, held[row.id]) for row in part.rows]


def list_members(project: ProjectRef, cursor: keyset.Cursor | None) -> tuple[keyset.Slice, list[Member]]:
    """The members of a project, sorted by email address."""
    columns = (_user.id, _user.name, _user.email, _user.is_admin, _user.is_active)
    statement = (
        select(*columns).join(table_of(Membership), _member.user_id == _user.id).where(_member.project_id == project.id)
    )
    part = keyset.fetch(statement, [_user.email], cursor)
    held: defaultdict[int, list[Permission]] = defaultdict(list)
    codes = (
        select(_held.user_id, _held.code)
        .where(_held.project_id == project.id, _held.user_id.in_([row.id for row in part.rows]))
        .order_by(_held.code)
    )
    with reading() as connection:
        for row in connection.execute(codes):
            held[row.user_id].append(Permission(row.code))
    return part, [Member(row.id, row.name, row.email, row.is_admin, row.is_active, held[row.id]) for row in part.rows]


def list_admins() -> list[str]:
    """The names of the first active admins, sorted."""
    statement = select(_user.name).where(_user.is_admin, _user.is_active).order_by(_user.name).limit(SHOWN_ADMINS)
    with reading() as connection:
        return list(connection.scalars(statement))


def find_people(project: ProjectRef, search: str) -> list[AnyRow]:
    """The first active users with `search` in their name or email address who could be added to the project."""
    found = (column.icontains(search, autoescape=True) for column in (_user.email, _user.name))
    is_member = select(_member.user_id).where(_member.project_id == project.id)
    statement = (
        select(_user.id, _user.name, _user.email, _user.is_admin)
        .where(_user.is_active, _user.id.not_in(is_member), or_(*found))
        .order_by(_user.email)
        .limit(OFFERED_USERS)
    )
    with reading() as connection:
        return list(connection.execute(statement))


def find_projects(user_id: int, search: str) -> list[AnyRow]:
    """The first projects with `search` in their name or slug that the user could be added to, sorted by slug."""
    found = (column.icontains(search, autoescape=True) for column in (_project.slug, _project.name))
    is_member = select(_member.project_id).where(_member.user_id == user_id)
    statement = (
        select(_project.slug, _project.name)
        .where(_project.archived_at.is_(None), _project.id.not_in(is_member), or_(*found))
        .order_by(_project.slug)
        .limit(OFFERED_PROJECTS)
    )
    with reading() as connection:
        return list(connection.execute(statement))


def get_place(user_id: int, project: ProjectRef) -> Place:
    """A user's standing in a project."""
    statement = select(_member.user_id).where(_member.user_id == user_id, _member.project_id == project.id)
    with reading() as connection:
        is_member = connection.execute(statement).first() is not None
    codes = [int(permission) for permission in _permissions(user_id, [project.id])[project.id]]
    return Place(project, is_member, codes)


def _permissions(user_id: int, project_ids: list[int]) -> defaultdict[int, list[Permission]]:
    held: defaultdict[int, list[Permission]] = defaultdict(list)
    statement = (
        select(_held.project_id, _held.code)
        .where(_held.user_id == user_id, _held.project_id.in_(project_ids))
        .order_by(_held.code)
    )
    with reading() as connection:
        for row in connection.execute(statement):
            held[row.project_id].append(Permission(row.code))
    return held
