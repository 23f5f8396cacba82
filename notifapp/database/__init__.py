"""The models' base, column types, sealed columns, `reading()` and `writing()`, compiled statements, keyset slices."""

from notifapp.database.base import MAX_ID, AnyRow, Base, table_of
from notifapp.database.column_types import UtcDateTime
from notifapp.database.connections import close_connection, init_engine, reading, writing
from notifapp.database.sealed import Sealed, Unreadable, Vault, seal, unseal, vault
from notifapp.database.statements import Statement, insertion, upsert

__all__ = [
    "MAX_ID",
    "AnyRow",
    "Base",
    "Sealed",
    "Statement",
    "Unreadable",
    "UtcDateTime",
    "Vault",
    "close_connection",
    "init_engine",
    "insertion",
    "reading",
    "seal",
    "table_of",
    "unseal",
    "upsert",
    "vault",
    "writing",
]
