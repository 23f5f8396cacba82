"""The models' base, column types, `reading()` and `writing()`, compiled statements and keyset slices."""

from notifapp.database.base import MAX_ID, AnyRow, Base, table_of
from notifapp.database.column_types import EncryptedJson, UtcDateTime, decrypt_json, vault
from notifapp.database.connections import close_connection, init_engine, reading, writing
from notifapp.database.statements import Statement, insertion, upsert

__all__ = [
    "MAX_ID",
    "AnyRow",
    "Base",
    "EncryptedJson",
    "Statement",
    "UtcDateTime",
    "close_connection",
    "decrypt_json",
    "init_engine",
    "insertion",
    "reading",
    "table_of",
    "upsert",
    "vault",
    "writing",
]
