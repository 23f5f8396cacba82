"""What an `Authorization` header is worth (the contract's "Who may", as Django REST Framework words it)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select, update

from notifapp import clock
from notifapp.access import secrets
from notifapp.access.models import ApiToken, MembershipPermission, Project, User
from notifapp.access.principal import Principal, ProjectRef, Source
from notifapp.database import read_connection, table_of, write_transaction
from notifapp.errors import Unauthenticated

LAST_USE_INTERVAL = timedelta(minutes=1)

_token, _user, _project = table_of(ApiToken).c, table_of(User).c, table_of(Project).c
_held = table_of(MembershipPermission).c

_LOOK_UP = (
    select(
        _token.id.label("token_id"),
        _token.expires_at,
        _token.last_used_at,
        _user.id.label("user_id"),
        _user.email,
        _user.name,
        _user.is_admin,
        _user.is_active,
        _project.id.label("project_id"),
        _project.slug,
        _project.name.label("project_name"),
        _held.code,
    )
    .join_from(table_of(ApiToken), table_of(User), _user.id == _token.user_id)
    .join(table_of(Project), _project.id == _token.project_id)
    .outerjoin(
        table_of(MembershipPermission),
        (_held.user_id == _token.user_id) & (_held.project_id == _token.project_id),
    )
    .where(_token.digest == bindparam("digest"), _token.revoked_at.is_(None), _project.archived_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class TokenCaller:
    """A token that counts: whose it is, for which project, with which codes at this moment."""

    principal: Principal
    project: ProjectRef
    codes: frozenset[int]
    use_is_due: bool


def token_of(header: str | None) -> str:
    """The token in an `Authorization` header. Raise `Unauthenticated` with the reason when there is none."""
    parts = (header or "").encode("latin-1", "replace").split()
    if not parts or parts[0].lower() != b"token":
        raise Unauthenticated
    if len(parts) == 1:
        raise Unauthenticated("Invalid token header. No credentials provided.")
    if len(parts) > 2:
        raise Unauthenticated("Invalid token header. Token string should not contain spaces.")
    try:
        return parts[1].decode()
    except UnicodeError:
        raise Unauthenticated("Invalid token header. Token string should not contain invalid characters.") from None


def authenticate(token: str, *, address: str | None) -> TokenCaller:
    """Who calls with this token. Raise `Unauthenticated` unless token, user and project are all alive."""
    with read_connection() as connection:
        rows = connection.execute(_LOOK_UP, {"digest": secrets.digest(token)}).all()
    if not rows:
        raise Unauthenticated("Invalid token.")
    token_id, expires_at, last_used_at, user_id, email, name, is_admin, is_active, *project, _ = rows[0]
    now = clock.now()
    if expires_at and expires_at <= now:
        raise Unauthenticated("Invalid token.")
    if not is_active:
        raise Unauthenticated("User inactive or deleted.")
    return TokenCaller(
        principal=Principal(
            source=Source.API,
            email=email,
            name=name,
            is_admin=is_admin,
            user_id=user_id,
            token_id=token_id,
            address=address,
        ),
        project=ProjectRef(*project),
        codes=frozenset(row[-1] for row in rows if row[-1] is not None),
        use_is_due=last_used_at is None or last_used_at < now - LAST_USE_INTERVAL,
    )


def record_use(token_id: int) -> None:
    """Keep when the token was last used, at most once a minute."""
    now: datetime = clock.now()
    due = or_(_token.last_used_at.is_(None), _token.last_used_at < now - LAST_USE_INTERVAL)
    with write_transaction() as session:
        session.execute(update(table_of(ApiToken)).where(_token.id == token_id, due).values(last_used_at=now))
