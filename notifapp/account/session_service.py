"""The sessions of a person: where somebody is signed in, and ending what shouldn't be."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select

from notifapp import clock
from notifapp.access import Principal
from notifapp.access.last_uses import DUE_AFTER
from notifapp.access.models import User, UserSession
from notifapp.audit.service import Action, record
from notifapp.database import AnyRow, reading, table_of, writing
from notifapp.errors import NotFound

MAX_SHOWN = 50

_table = table_of(UserSession)
_session = _table.c


def list_sessions(user_id: int, *, idle: int) -> list[AnyRow]:
    """A user's open sessions, the last used first: `id`, `device`, `address`, `created_at`, `used_at`.

    `idle` is after how many seconds an unused session ends.
    """
    now = clock.now()
    # A last use is written down up to a minute late, so a session may be that much younger than its row says.
    is_open = (_session.expires_at > now, _session.used_at > now - timedelta(seconds=idle) - DUE_AFTER)
    columns = (_session.id, _session.device, _session.address, _session.created_at, _session.used_at)
    statement = select(*columns).where(_session.user_id == user_id, *is_open).order_by(_session.used_at.desc())
    with reading() as connection:
        return list(connection.execute(statement.limit(MAX_SHOWN)))


def end_own_session(session_id: int, *, principal: Principal) -> None:
    """End one of the caller's own sessions. Raise `NotFound` if there is no such session any more."""
    ended = _end(
        _session.user_id == principal.user_id, _session.id == session_id, subject=principal.email, principal=principal
    )
    if not ended:
        raise NotFound("This session has already ended.")


def end_other_sessions(session_id: int, *, principal: Principal) -> int:
    """End all of the caller's sessions except the one with this id. Return how many have ended."""
    return _end(
        _session.user_id == principal.user_id, _session.id != session_id, subject=principal.email, principal=principal
    )


def end_sessions_of_user(user_id: int, *, principal: Principal) -> int:
    """End all sessions of a user, as an admin. Return how many have ended. Raise `NotFound` for an unknown user."""
    with reading() as connection:
        email = connection.scalars(select(User.email).where(User.id == user_id)).one_or_none()
    if email is None:
        raise NotFound("There is no such user.")
    return _end(_session.user_id == user_id, subject=email, principal=principal)


def _end(*which: ColumnElement[bool], subject: str, principal: Principal) -> int:
    with writing() as connection:
        ended = connection.scalars(delete(_table).where(*which).returning(_session.device)).all()
        if ended:
            detail = {"devices": sorted(ended)}
            record(connection, Action.SESSIONS_ENDED, principal=principal, subject=subject, detail=detail)
    return len(ended)
