"""Authenticates API tokens (the contract's "Who may", with Django REST Framework's messages)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, String, bindparam, cast, func, literal_column, select

from notifapp import clock
from notifapp.access import credentials, last_uses
from notifapp.access.models import ApiToken, MembershipPermission, Project, User
from notifapp.access.principal import Principal, ProjectRef, Source
from notifapp.database import Statement, reading, table_of
from notifapp.errors import Unauthenticated

_token, _user, _project = table_of(ApiToken).c, table_of(User).c, table_of(Project).c
_held = table_of(MembershipPermission).c


def _look_up(join_strings: Any) -> Select[Any]:
    codes = (
        select(join_strings(cast(_held.code, String), literal_column("','")))
        .where(_held.user_id == _token.user_id, _held.project_id == _token.project_id)
        .scalar_subquery()
    )
    return (
        select(
            _token.id.label("token_id"),
            _token.expires_at,
            _token.revoked_at.is_not(None).label("is_revoked"),
            _token.last_used_at,
            _token.codes.label("limited_to"),
            _user.id.label("user_id"),
            _user.email,
            _user.name,
            _user.is_admin,
            _user.is_active,
            _project.id.label("project_id"),
            _project.slug,
            _project.name.label("project_name"),
            _project.phone_region,
            codes.label("held"),
        )
        .join_from(table_of(ApiToken), table_of(User), _user.id == _token.user_id)
        .join(table_of(Project), _project.id == _token.project_id)
        .where(_token.digest == bindparam("digest"), _project.archived_at.is_(None))
    )


_LOOK_UP = Statement({"sqlite": _look_up(func.group_concat), "postgresql": _look_up(func.string_agg)})


@dataclass(frozen=True, slots=True)
class TokenCaller:
    """A valid token's user, its project, and the permission codes that the token has there now.

    The token of an admin, if limited to certain codes, is no admin: it has these codes and nothing else.
    """

    principal: Principal
    project: ProjectRef
    codes: frozenset[int]
    is_use_due: bool


def token_of(header: str | None) -> str:
    """The token in an `Authorization` header. Raise `Unauthenticated`, with the reason, if there is none."""
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
    """The caller with this token. Raise `Unauthenticated` unless token, user and project are all active.

    `address` is the client's IP address.
    """
    with reading() as connection:
        found = _LOOK_UP.first(connection, digest=credentials.digest(token))
    if found is None:
        raise Unauthenticated("Invalid token.")
    if found.expires_at and found.expires_at <= clock.now():
        raise Unauthenticated("Invalid token.")
    if not found.is_active:
        raise Unauthenticated("User inactive or deleted.")
    if found.is_revoked:
        raise Unauthenticated("Invalid token.")
    return TokenCaller(
        principal=Principal(
            source=Source.API,
            email=found.email,
            name=found.name,
            is_admin=found.is_admin and found.limited_to is None,
            user_id=found.user_id,
            token_id=found.token_id,
            address=address,
        ),
        project=ProjectRef(found.project_id, found.slug, found.project_name, phone_region=found.phone_region),
        codes=_codes(found),
        is_use_due=last_uses.is_due(found.last_used_at),
    )


def _codes(found: Any) -> frozenset[int]:
    """What the owner holds now, as far as the token may use it. An admin holds everything."""
    held = frozenset(map(int, found.held.split(",") if found.held else ()))
    if found.limited_to is None:
        return held
    limited_to: frozenset[int] = found.limited_to
    return limited_to if found.is_admin else held & limited_to
