"""Models' base, column types, the two doors to the database, compiled statements and keyset slices."""

from notifapp.database.base import MAX_ID, AnyRow, Base, table_of
from notifapp.database.column_types import EncryptedJson, UtcDateTime, vault
from notifapp.database.connections import init_engine, reading, release_connection, writing
from notifapp.database.statements import Statement, insertion, upsert

__all__ = [
    "MAX_ID",
    "AnyRow",
    "Base",
    "EncryptedJson",
    "Statement",
    "UtcDateTime",
    "init_engine",
    "insertion",
    "reading",
    "release_connection",
    "table_of",
    "upsert",
    "vault",
    "writing",
]
