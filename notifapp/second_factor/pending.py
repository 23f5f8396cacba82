"""Sign-ins whose password was right and whose second step is due: a key that grants nothing, for ten minutes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access import credentials
from notifapp.access.models import User
from notifapp.database import AnyRow, reading, table_of
from notifapp.second_factor.models import PendingSignIn

LIFETIME = timedelta(minutes=10)

_table = table_of(PendingSignIn)
_pending, _user = _table.c, table_of(User).c


def start(connection: Connection, user_id: int) -> str:
    """Note that this person's password was right. Return the key for the second step; its digest is stored."""
    now = clock.now()
    connection.execute(delete(_table).where(_pending.expires_at <= now))
    key = credentials.new_key()
    digest = credentials.digest(key)
    connection.execute(insert(_table).values(digest=digest, user_id=user_id, expires_at=now + LIFETIME))
    return key


def find(key: str) -> AnyRow | None:
    """The person whose second step this key is for: id, email, name and is_admin. None if it took too long."""
    columns = (_user.id, _user.email, _user.name, _user.is_admin)
    is_live = (
        _pending.digest == credentials.digest(key),
        _pending.expires_at > clock.now(),
        _user.is_active,
    )
    with reading() as connection:
        statement = select(*columns).join(_table, _pending.user_id == _user.id).where(*is_live)
        return connection.execute(statement).one_or_none()


def end(connection: Connection, key: str) -> bool:
    """Use the key up. Return False if it isn't valid any more."""
    is_live = (_pending.digest == credentials.digest(key), _pending.expires_at > clock.now())
    return connection.execute(delete(_table).where(*is_live)).rowcount > 0


def end_all(connection: Connection, user_id: int) -> None:
    """End everything that this person has begun."""
    connection.execute(delete(_table).where(_pending.user_id == user_id))
