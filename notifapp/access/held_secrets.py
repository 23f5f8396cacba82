"""What one page leaves for the next: encrypted, for one session and one purpose, for ten minutes at most.

So a new credential can be shown after a redirect, and what was typed survives a test or the end of a session, without
being written into a page or a cookie.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select

from notifapp import clock
from notifapp.access.models import HeldSecret, UserSession
from notifapp.database import Statement, Unreadable, UtcDateTime, reading, seal, table_of, unseal, upsert, writing

LIFETIME = timedelta(minutes=10)
FORM = "form"  # the purpose of a form that was sent after its session had ended

_table, _session = table_of(HeldSecret), table_of(UserSession).c
_held = _table.c


def _hold(insert: Any) -> Any:
    row = insert.values({column.name: bindparam(column.name) for column in _held if column.name != "id"})
    return row.on_conflict_do_update(
        index_elements=[_held.session_id, _held.purpose],
        set_={"value": row.excluded.value, "expires_at": row.excluded.expires_at},
    )


_FORGET_EXPIRED = delete(_table).where(_held.expires_at <= bindparam("now", type_=UtcDateTime))
_HOLD = Statement(upsert(_table, _hold))


def hold(session_id: int, purpose: str, value: Any) -> None:
    """Hold a JSON value for this session, in place of what it held for the same purpose."""
    now = clock.now()
    is_open = select(_session.id).where(_session.id == session_id).with_for_update(key_share=True)
    with writing() as connection:
        connection.execute(_FORGET_EXPIRED, {"now": now})
        if connection.execute(is_open).first():  # a session that has ended meanwhile holds nothing
            place = {"session_id": session_id, "purpose": purpose}
            _HOLD.execute(connection, **place, value=seal(_held.value, value, **place), expires_at=now + LIFETIME)


def forget_expired() -> None:
    """Erase what nobody has taken in time."""
    with writing() as connection:
        connection.execute(_FORGET_EXPIRED, {"now": clock.now()})


def peek(session_id: int, purpose: str) -> Any:
    """What this session holds for the purpose; None if nothing, or not any more."""
    with reading() as connection:
        row = connection.execute(select(_table).where(*_one(session_id, purpose))).one_or_none()
    try:
        return unseal(_held.value, row) if row else None
    except Unreadable:  # its encryption key was removed meanwhile
        return None


def take(session_id: int, purpose: str) -> Any:
    """The same, and erase it."""
    value = peek(session_id, purpose)
    return value if forget(session_id, purpose) else None


def forget(session_id: int, purpose: str) -> bool:
    """Erase what this session holds for the purpose, and say whether there was anything."""
    with writing() as connection:
        return connection.execute(delete(_table).where(*_one(session_id, purpose))).rowcount > 0


def _one(session_id: int, purpose: str) -> tuple[Any, ...]:
    return _held.session_id == session_id, _held.purpose == purpose, _held.expires_at > clock.now()
