"""The models' base, column types, sealed columns, `reading()` and `writing()`, compiled statements, keyset slices."""

from notifapp.database.base import MAX_ID, AnyRow, Base, table_of
from notifapp.database.column_types import UtcDateTime
from notifapp.database.connections import close_connection, init_engine, reading, writing
from notifapp.database.sealed import Sealed, Unreadable, Vault, insert_sealed, seal, sealed_columns, unseal, vault
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
    "insert_sealed",
    "insertion",
    "reading",
    "seal",
    "sealed_columns",
    "table_of",
    "unseal",
    "upsert",
    "vault",
    "writing",
]
