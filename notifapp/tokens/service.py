"""API tokens: created for one user in one project, listed by their public prefix, revoked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import ColumnElement, exists, insert, or_, select, update
from sqlalchemy.engine import Connection

from notifapp import clock, inputs
from notifapp.access import Permission, Principal, credentials
from notifapp.access.models import ApiToken, Membership, MembershipPermission, Project, User
from notifapp.audit.service import Action, record
from notifapp.database import MAX_ID, AnyRow, reading, table_of, writing
from notifapp.errors import Conflict, NotFound
from notifapp.inputs import FieldErrors

MIN_DAYS, MAX_DAYS = 1, 3650
USUAL_DAYS = 365

_table, _users, _projects, _members = table_of(ApiToken), table_of(User), table_of(Project), table_of(Membership)
_held = table_of(MembershipPermission).c


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just created; `token` is the credential itself, which is stored nowhere."""

    id: int
    prefix: str
    token: str = field(repr=False)


def create_token(
    user_id: int,
    project_id: int,
    name: str,
    *,
    principal: Principal,
    expires_in_days: int | None = USUAL_DAYS,
    codes: Iterable[int] | None = None,
) -> NewToken:
    """Create a token that acts for this user in this project until it expires or is revoked.

    It never expires if `expires_in_days` is None. With `codes` it may do nothing else, even if its owner may. Raise
    `ValidationFailed` on `name`, `expires_in_days`, `codes`, `owner` or `project`. The database refuses a duplicate
    prefix (32 random bits), which is too rare to handle.
    """
    errors = FieldErrors()
    with errors.of("name"):
        name = inputs.display_name(name)
    if expires_in_days is not None and not MIN_DAYS <= expires_in_days <= MAX_DAYS:
        errors.messages["expires_in_days"] = [f"Enter a number of days from {MIN_DAYS} to {MAX_DAYS}."]
    limited_to = None if codes is None else frozenset(codes)
    token = credentials.new_token()
    prefix = token[: credentials.TOKEN_PREFIX_LENGTH]
    now = clock.now()
    with writing() as connection:
        owner = _check_place(connection, user_id, project_id, limited_to, errors.messages)
        errors.raise_any()
        values = {
            "user_id": user_id,
            "project_id": project_id,
            "name": name,
            "prefix": prefix,
            "digest": credentials.digest(token),
            "codes": limited_to,
            "created_at": now,
            "expires_at": None if expires_in_days is None else now + timedelta(days=expires_in_days),
        }
        token_id = connection.execute(insert(_table).values(values).returning(_table.c.id)).scalar_one()
        detail: dict[str, object] = {"name": name, "owner": owner, "expires_in_days": expires_in_days}
        if limited_to is not None:
            detail["codes"] = sorted(limited_to)
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
        _record_end(connection, revoked, principal)


def is_live(user_id: int) -> ColumnElement[bool]:
    """The condition for this user's tokens that are neither revoked nor expired."""
    not_expired = or_(_table.c.expires_at.is_(None), _table.c.expires_at > clock.now())
    return (_table.c.user_id == user_id) & _table.c.revoked_at.is_(None) & not_expired


def end_tokens(
    connection: Connection, user_id: int, *only: ColumnElement[bool], reason: str, principal: Principal
) -> None:
    """In the caller's transaction, revoke this user's live tokens, or those among them that meet `only`.

    They are revoked for good, so that nothing that comes back later brings them back, too.
    """
    ended = connection.execute(
        update(_table)
        .where(is_live(user_id), *only)
        .values(revoked_at=clock.now())
        .returning(_table.c.name, _table.c.prefix, _table.c.project_id)
    ).all()
    for token in ended:
        _record_end(connection, token, principal, reason=reason)


def end_tokens_without_membership(
    connection: Connection, user_id: int, project_id: int | None = None, *, reason: str, principal: Principal
) -> None:
    """`end_tokens` for this project, or for all of them, where the user is not, or no longer, a member."""
    is_member = exists().where(_members.c.user_id == user_id, _members.c.project_id == _table.c.project_id)
    in_project = () if project_id is None else (_table.c.project_id == project_id,)
    end_tokens(connection, user_id, ~is_member, *in_project, reason=reason, principal=principal)


def find_token(prefix: str) -> int:
    """The id of the token with this public prefix, valid or not. Raise `NotFound`."""
    is_plausible = prefix.isascii() and prefix.isprintable()
    with reading() as connection:
        statement = select(_table.c.id).where(_table.c.prefix == prefix)
        token_id: int | None = connection.scalars(statement).one_or_none() if is_plausible else None
    if token_id is None:
        raise NotFound(f"There is no token {prefix!r}.")
    return token_id


def codes_of_member(connection: Connection, user_id: int, project_id: int) -> frozenset[int] | None:
    """The permission codes that a member holds; None for a non-member."""
    rows = connection.execute(
        select(_held.code)
        .select_from(_members)
        .outerjoin(
            table_of(MembershipPermission),
            (_held.user_id == _members.c.user_id) & (_held.project_id == _members.c.project_id),
        )
        .where(_members.c.user_id == user_id, _members.c.project_id == project_id)
    ).scalars()
    codes = list(rows)
    return frozenset(code for code in codes if code is not None) if codes else None


def _record_end(connection: Connection, token: AnyRow, principal: Principal, **reason: str) -> None:
    record(
        connection,
        Action.TOKEN_REVOKED,
        principal=principal,
        subject=token.prefix,
        project_id=token.project_id,
        detail={"name": token.name, **reason},
    )


def _check_place(
    connection: Connection, user_id: int, project_id: int, codes: frozenset[int] | None, errors: dict[str, list[str]]
) -> str:
    """The owner's email address; add to `errors` why this user can't have a token with these codes in this project.

    Both rows are locked until the transaction ends, so that neither is deactivated or archived and no membership ends
    meanwhile. What else there is to know of the owner is read after that: a lock may have been waited for.
    """
    projects, users = _projects.c, _users.c
    project = connection.execute(
        select(projects.archived_at).where(projects.id == project_id).with_for_update(read=True)
    ).one_or_none()
    owner = connection.execute(
        select(users.email, users.is_active, users.is_admin).where(users.id == user_id).with_for_update(read=True)
    ).one_or_none()
    held = codes_of_member(connection, user_id, project_id)
    if project is None or project.archived_at:
        errors["project"] = ["Choose a project that exists and is not archived."]
    if owner is None or not owner.is_active:
        errors["owner"] = ["Choose a user who exists and is active."]
    elif "project" not in errors and not owner.is_admin and held is None:
        errors["owner"] = ["This user is not a member of the project. Add the membership first."]
    may_hold = frozenset(Permission) if owner is None or owner.is_admin or held is None else held
    if codes is not None and (problem := _code_problem(codes, may_hold)):
        errors["codes"] = [problem]
    return owner.email if owner else ""


def _code_problem(codes: frozenset[int], may_hold: frozenset[int]) -> str | None:
    if not codes:
        return "Choose at least one permission."
    if unknown := sorted(codes.difference(Permission)):
        return " ".join(f"There is no permission code {code}." for code in unknown)
    if lacking := sorted(codes - may_hold):
        names = ", ".join(f"“{Permission(code).label}” ({code})" for code in lacking)
        return f"The owner does not hold {names} in this project."
    return None


def _why_not_revoked(connection: Connection, is_it: ColumnElement[bool]) -> Exception:
    exists = connection.execute(select(_table.c.id).where(is_it)).first()
    return Conflict("This token is revoked already.") if exists else NotFound()
