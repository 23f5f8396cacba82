"""API tokens: created for one user in one project, listed by their public prefix, revoked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.engine import Connection

from notifapp import clock, inputs
from notifapp.access import Principal, credentials
from notifapp.access.models import ApiToken, Membership, Project, User
from notifapp.audit.service import Action, record
from notifapp.database import MAX_ID, reading, table_of, writing
from notifapp.errors import Conflict, NotFound
from notifapp.inputs import FieldErrors

MIN_DAYS, MAX_DAYS = 1, 3650

_table, _users, _projects, _members = table_of(ApiToken), table_of(User), table_of(Project), table_of(Membership)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just created; `token` is the credential itself, which is stored nowhere."""

    id: int
    prefix: str
    token: str = field(repr=False)


def create_token(
    user_id: int, project_id: int, name: str, *, principal: Principal, expires_in_days: int | None = None
) -> NewToken:
    """Create a token that acts for this user in this project until it expires or is revoked.

    Raise `ValidationFailed` on `name`, `expires_in_days`, `owner` or `project`. The database refuses a duplicate
    prefix (32 random bits), which is too rare to handle.
    """
    errors = FieldErrors()
    with errors.of("name"):
        name = inputs.display_name(name)
    if expires_in_days is not None and not MIN_DAYS <= expires_in_days <= MAX_DAYS:
        errors.messages["expires_in_days"] = [f"Enter a number of days from {MIN_DAYS} to {MAX_DAYS}."]
    token = credentials.new_token()
    prefix = token[: credentials.TOKEN_PREFIX_LENGTH]
    now = clock.now()
    with writing() as connection:
        owner = _check_place(connection, user_id, project_id, errors.messages)
        errors.raise_any()
        values = {
            "user_id": user_id,
            "project_id": project_id,
            "name": name,
            "prefix": prefix,
            "digest": credentials.digest(token),
            "created_at": now,
            "expires_at": None if expires_in_days is None else now + timedelta(days=expires_in_days),
        }
        token_id = connection.execute(insert(_table).values(values).returning(_table.c.id)).scalar_one()
        detail = {"name": name, "owner": owner, "expires_in_days": expires_in_days}
        record(
            connection,
            Action.TOKEN_CREATED,
            principal=principal,
            subject=prefix,
            project_id=project_id,
            detail=detail,
        )
    return NewToken(token_id, prefix, token)


def revoke_token(token_id: int, *, principal: Principal) -> None:
    """Revoke a token, at once and permanently. Raise `NotFound`, or `Conflict` if it is already revoked."""
    if not 0 < token_id <= MAX_ID:
        raise NotFound
    is_it = _table.c.id == token_id
    with writing() as connection:
        revoked = connection.execute(
            update(_table)
            .where(is_it, _table.c.revoked_at.is_(None))
            .values(revoked_at=clock.now())
            .returning(_table.c.prefix, _table.c.name, _table.c.project_id)
        ).one_or_none()
        if revoked is None:
            raise _why_not_revoked(connection, is_it)
        record(
            connection,
            Action.TOKEN_REVOKED,
            principal=principal,
            subject=revoked.prefix,
            project_id=revoked.project_id,
            detail={"name": revoked.name},
        )


def find_token(prefix: str) -> int:
    """The id of the token with this public prefix, valid or not. Raise `NotFound`."""
    is_plausible = prefix.isascii() and prefix.isprintable()
    with reading() as connection:
        statement = select(_table.c.id).where(_table.c.prefix == prefix)
        token_id: int | None = connection.scalars(statement).one_or_none() if is_plausible else None
    if token_id is None:
        raise NotFound(f"There is no token {prefix!r}.")
    return token_id


def _check_place(connection: Connection, user_id: int, project_id: int, errors: dict[str, list[str]]) -> str:
    """The owner's email address; add to `errors` why this user can't have a token in this project.

    Both rows are locked until the transaction ends, so that neither is deactivated or archived meanwhile.
    """
    users, projects, members = _users.c, _projects.c, _members.c
    project = connection.execute(
        select(projects.archived_at).where(projects.id == project_id).with_for_update(read=True)
    ).one_or_none()
    owner = connection.execute(
        select(users.email, users.is_active, users.is_admin, members.project_id.label("member_of"))
        .outerjoin_from(_users, _members, (members.user_id == users.id) & (members.project_id == project_id))
        .where(users.id == user_id)
        .with_for_update(read=True, of=_users)
    ).one_or_none()
    if project is None or project.archived_at:
        errors["project"] = ["Choose a project that exists and is not archived."]
    if owner is None or not owner.is_active:
        errors["owner"] = ["Choose a user who exists and is active."]
    elif "project" not in errors and not (owner.is_admin or owner.member_of):
        errors["owner"] = ["This user is not a member of the project. Add the membership first."]
    return owner.email if owner else ""


def _why_not_revoked(connection: Connection, is_it: ColumnElement[bool]) -> Exception:
    exists = connection.execute(select(_table.c.id).where(is_it)).first()
    return Conflict("This token is revoked already.") if exists else NotFound()
