"""Seals stored secrets again, once the operator has put a new key first in the list."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, and_, bindparam, select, tuple_, update
from sqlalchemy.engine import Connection

from notifapp.access import Principal
from notifapp.audit.service import Action, record
from notifapp.database import AnyRow, Base, Unreadable, seal, sealed_columns, unseal, writing
from notifapp.errors import Conflict

BATCH = 500


def reencrypt_secrets(*, principal: Principal) -> int:
    """Seal every stored secret, of all tables, with the newest key, in batches, and return their number.

    Afterwards the older keys can be removed from the list. Raise `Conflict` if no listed key fits a secret.
    """
    tables = Base.metadata.sorted_tables
    return sum(_reencrypt(column, principal) for table in tables for column in sealed_columns(table))


def _reencrypt(column: Column[str], principal: Principal) -> int:
    count, last = 0, None
    while True:
        with writing() as connection:
            rows = _next_rows(connection, column, last)
            if not rows:
                return count
            _seal_again(connection, column, rows)
            detail = {"rows": len(rows)}
            record(
                connection, Action.SECRETS_REENCRYPTED, principal=principal, subject=column.table.name, detail=detail
            )
        count, last = count + len(rows), rows[-1]


def _next_rows(connection: Connection, column: Column[str], last: AnyRow | None) -> list[AnyRow]:
    """Up to BATCH rows with a secret, in the order of the primary key, after the last one."""
    table = column.table
    key = tuple_(*table.primary_key)
    is_next: list[ColumnElement[bool]] = [column.is_not(None)]
    if last is not None:
        is_next.append(key > tuple(getattr(last, each.name) for each in table.primary_key))
    statement = select(table).where(*is_next).order_by(*table.primary_key).limit(BATCH).with_for_update()
    return list(connection.execute(statement))


def _seal_again(connection: Connection, column: Column[str], rows: list[AnyRow]) -> None:
    table = column.table
    is_it = and_(*(each == bindparam(f"key_{each.name}") for each in table.primary_key))
    try:
        values = [
            {f"key_{each.name}": getattr(row, each.name) for each in table.primary_key}
            | {"sealed": seal(column, unseal(column, row), **row._mapping)}
            for row in rows
        ]
    except Unreadable:
        raise Conflict("Some secrets can't be read with any of the listed keys.") from None
    connection.execute(update(table).where(is_it).values({column: bindparam("sealed")}), values)
