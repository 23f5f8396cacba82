"""Re-encrypts stored secrets, once the operator has put a new key first in the list."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import Column, bindparam, select, update
from sqlalchemy.engine import Connection

from notifapp.access import Principal
from notifapp.audit.service import Action, record
from notifapp.database import table_of, writing
from notifapp.errors import Conflict
from notifapp.notifiers.models import Notifier, OutboxMessage
from notifapp.second_factor.models import TotpApp

BATCH = 500
_outbox = table_of(OutboxMessage).c
_ENCRYPTED = (table_of(Notifier).c.secrets, table_of(TotpApp).c.secret, _outbox.body, _outbox.subject)


def reencrypt_secrets(*, principal: Principal) -> int:
    """Encrypt every stored secret with the newest key, in batches, and return their number.

    Afterwards the older keys can be removed from the list. Raise `Conflict` if no listed key fits a secret.
    """
    count = 0
    for column in _ENCRYPTED:
        last_id, rows = 0, BATCH
        while rows == BATCH:
            with writing() as connection:
                last_id, rows = _reencrypt_batch(connection, column, last_id, principal)
            count += rows
    return count


def _reencrypt_batch(
    connection: Connection, column: Column[Any], after_id: int, principal: Principal
) -> tuple[int, int]:
    """Re-encrypt up to BATCH rows with ids above `after_id`; return the last one's id and their number."""
    table = column.table
    is_next = table.c.id > after_id, column.is_not(None)
    next_rows = select(table.c.id, column).where(*is_next).order_by(table.c.id).limit(BATCH)
    try:
        rows = connection.execute(next_rows.with_for_update()).all()
    except InvalidToken:
        raise Conflict("Some secrets can't be read with any of the listed keys.") from None
    if not rows:
        return after_id, 0
    # Reading decrypts with the key that fits, and writing encrypts with the newest: see EncryptedJson.
    again = update(table).where(table.c.id == bindparam("row_id")).values({column: bindparam("value")})
    connection.execute(again, [{"row_id": row[0], "value": row[1]} for row in rows])
    detail = {"rows": len(rows)}
    record(connection, Action.SECRETS_REENCRYPTED, principal=principal, subject=table.name, detail=detail)
    return rows[-1][0], len(rows)
