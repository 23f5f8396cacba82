"""Sessions of signed-in browsers, kept in the database so that ending one takes effect at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import UserMixin
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access import credentials
from notifapp.access.models import User, UserSession
from notifapp.database import Statement, UtcDateTime, reading, table_of

UNKNOWN_DEVICE = "Unknown device"
MAX_ADDRESS_LENGTH = 45  # characters of the longest IPv6 address
PROOF_LIFETIME = timedelta(minutes=10)

_table = table_of(UserSession)
_user, _session = table_of(User).c, _table.c
_LOAD = Statement(
    select(
        _session.id,
        _session.address,
        _session.used_at,
        _session.proved_at,
        _user.id.label("user_id"),
        _user.email,
        _user.name,
        _user.is_admin,
        _user.time_zone,
        _user.has_second_factor,
    )
    .join_from(_table, table_of(User), _user.id == _session.user_id)
    .where(
        _session.digest == bindparam("digest"),
        _session.expires_at > bindparam("now", type_=UtcDateTime),
        _user.is_active,
    )
)


def is_api_path(path: str) -> bool:
    """Whether this path belongs to the JSON API; the API's reference is a page like any other."""
    return path.startswith("/api/") and path.rstrip("/") != "/api/docs"


class PageSessions(SecureCookieSessionInterface):
    """Flask's cookie, signed with HMAC-SHA256, only for pages: the API neither reads nor sets cookies."""

    digest_method = staticmethod(hashlib.sha256)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session in the request's cookie; for the API None, which Flask replaces by an empty read-only one."""
        return None if is_api_path(request.path) else super().open_session(app, request)


@dataclass(frozen=True, slots=True)
class SignedInUser(UserMixin):  # type: ignore[misc]
    """The signed-in user, for Flask-Login; `get_id` returns the session's key, not the user's id.

    `used_at` and `address` are those of the session's last use that was recorded.
    """

    key: str
    session_id: int
    user_id: int
    email: str
    name: str
    is_admin: bool
    time_zone: str | None
    used_at: datetime
    address: str | None
    has_second_factor: bool
    proved_at: datetime | None

    @property
    def has_recent_proof(self) -> bool:
        """Whether the password or a passkey was given within the last ten minutes."""
        return self.proved_at is not None and self.proved_at > clock.now() - PROOF_LIFETIME

    def get_id(self) -> str:
        """The session's key, which the signed cookie carries."""
        return self.key


def open_session(
    connection: Connection, user_id: int, *, lifetime: int, device: str = UNKNOWN_DEVICE, address: str | None = None
) -> str:
    """Open a session that expires after `lifetime` seconds. Return its key, of which only the digest is stored.

    `device` is the name to list it under, and `address` the client's IP address.
    """
    now = clock.now()
    connection.execute(delete(_table).where(_session.expires_at <= now))
    key = credentials.new_key()
    new = {"digest": credentials.digest(key), "device": device, "address": address and address[:MAX_ADDRESS_LENGTH]}
    times = {"created_at": now, "proved_at": now, "used_at": now, "expires_at": now + timedelta(seconds=lifetime)}
    connection.execute(insert(_table).values(user_id=user_id, **new, **times))
    return key


def load_session(key: str) -> SignedInUser | None:
    """The user signed in with this key, or None if the session has ended or the user is deactivated."""
    with reading() as connection:
        row = _LOAD.first(connection, digest=credentials.digest(key), now=clock.now())
    if row is None:
        return None
    return SignedInUser(
        key=key,
        session_id=row.id,
        user_id=row.user_id,
        email=row.email,
        name=row.name,
        is_admin=row.is_admin,
        time_zone=row.time_zone,
        used_at=row.used_at,
        address=row.address,
        has_second_factor=row.has_second_factor,
        proved_at=row.proved_at,
    )


def renew_session(connection: Connection, session_id: int) -> str:
    """Give a session a new key and return it. Every copy of the old cookie is worth nothing then."""
    key = credentials.new_key()
    connection.execute(update(_table).where(_session.id == session_id).values(digest=credentials.digest(key)))
    return key


def note_proof(connection: Connection, session_id: int) -> None:
    """Note that the password or a passkey was given in this session now."""
    connection.execute(update(_table).where(_session.id == session_id).values(proved_at=clock.now()))


def end_session(connection: Connection, session_id: int) -> None:
    """End one session."""
    connection.execute(delete(_table).where(_session.id == session_id))


def end_sessions_of(connection: Connection, user_id: int, *, keep: int | None = None) -> None:
    """End every session of a user, except the one with the id `keep` if given."""
    connection.execute(delete(_table).where(_session.user_id == user_id, _session.id != (keep or 0)))
