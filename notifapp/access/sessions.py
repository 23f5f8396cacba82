"""Signed-in browsers: opened, found and ended in the database, so that an end takes effect at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import UserMixin
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from notifapp import clock
from notifapp.access import secrets
from notifapp.access.models import User, UserSession
from notifapp.database import read_connection, table_of

_user, _session = table_of(User).c, table_of(UserSession).c


class PageSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, for pages alone: at the API no cookie is read and none is set."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session in the request's cookie; None, an empty one that can't be changed, at the API."""
        return None if request.path.startswith("/api/") else super().open_session(app, request)


@dataclass(frozen=True, slots=True)
class SignedInUser(UserMixin):  # type: ignore[misc]
    """The person behind a session, as Flask-Login wants it; its id is the session's key, not the user's."""

    key: str
    session_id: int
    user_id: int
    email: str
    name: str
    is_admin: bool

    def get_id(self) -> str:
        """What the signed cookie carries."""
        return self.key


def open_session(session: Session, user_id: int, *, lifetime: int) -> str:
    """Open a session that ends by itself after `lifetime` seconds. Return its key; the digest is kept."""
    now = clock.now()
    session.execute(delete(UserSession).where(UserSession.expires_at <= now))
    key = secrets.new_key()
    session.add(
        UserSession(
            user_id=user_id,
            digest=secrets.digest(key),
            created_at=now,
            expires_at=now + timedelta(seconds=lifetime),
        )
    )
    return key


def load_session(key: str) -> SignedInUser | None:
    """Who is signed in with this key, or None where the session or the user is no longer alive."""
    statement = (
        select(_session.id, _user.id.label("user_id"), _user.email, _user.name, _user.is_admin)
        .join_from(table_of(UserSession), table_of(User), _user.id == _session.user_id)
        .where(_session.digest == secrets.digest(key), _session.expires_at > clock.now(), _user.is_active)
    )
    with read_connection() as connection:
        row = connection.execute(statement).one_or_none()
    return None if row is None else SignedInUser(key, row.id, row.user_id, row.email, row.name, row.is_admin)


def end_session(session: Session, session_id: int) -> None:
    """End one session."""
    session.execute(delete(UserSession).where(UserSession.id == session_id))


def end_sessions_of(session: Session, user_id: int, *, but: int | None = None) -> None:
    """End every session of a user, `but` perhaps the one in hand."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id, UserSession.id != (but or 0)))
