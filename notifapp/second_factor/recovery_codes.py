"""Recovery codes, for a person whose phone or key is lost: shown once, each works once.

With 120 random bits a plain SHA-256 suffices to store them (OWASP ASVS 5, 6.5.2).
"""

from __future__ import annotations

import re
import secrets
from base64 import b32encode

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access import credentials
from notifapp.database import reading, table_of
from notifapp.second_factor.models import RecoveryCode

COUNT = 10

_BYTES = 15
_table = table_of(RecoveryCode)
_code = _table.c
_SEPARATORS = re.compile(r"[\s-]")


def renew(connection: Connection, user_id: int) -> list[str]:
    """Replace a person's codes. Return the new ones, of which only digests are stored."""
    codes = [_new_code() for _ in range(COUNT)]
    forget(connection, user_id)
    connection.execute(insert(_table), [{"user_id": user_id, "digest": _digest(code)} for code in codes])
    return codes


def use(connection: Connection, user_id: int, code: str) -> bool:
    """Use a code up. Return False if it isn't one of this person's, or was used already."""
    is_left = (_code.user_id == user_id, _code.digest == _digest(code), _code.used_at.is_(None))
    return connection.execute(update(_table).where(*is_left).values(used_at=clock.now())).rowcount > 0


def forget(connection: Connection, user_id: int) -> None:
    """Delete a person's codes."""
    connection.execute(delete(_table).where(_code.user_id == user_id))


def count_left(user_id: int) -> int:
    """How many of a person's codes can still be used."""
    with reading() as connection:
        is_left = (_code.user_id == user_id, _code.used_at.is_(None))
        return connection.execute(select(func.count()).where(*is_left)).scalar_one()


def _new_code() -> str:
    """A code as it is shown: six groups of four letters and digits."""
    text = b32encode(secrets.token_bytes(_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _digest(code: str) -> str:
    return credentials.digest(_SEPARATORS.sub("", code).lower())
