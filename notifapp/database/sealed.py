"""Columns sealed at rest: JSON values, encrypted and bound to the row that they were written to.

AES-256-GCM (NIST SP 800-38D) with a random nonce. What is authenticated besides the value is its place: the table, the
column, and the values of the row's columns that `Sealed` names: what identifies the row, and its project if it has one.

Against whom:

- Somebody who reads the database, a backup or a replica without the keys learns lengths and nothing else.
- Somebody who may also write to it can't have a value opened anywhere but in its place: copied to another row, column,
  table or project, it is unreadable. Nor can the address that a notifier's secrets are sent to be changed under them,
  because they are bound to the notifier's settings as well.
- Not held off: an older value of the same place that is put back (rows have no number of their version), the deletion
  of values, and anyone who has the keys or runs code in the application.

The keys are those of NOTIFAPP_ENCRYPTION_KEYS, newest first: the first seals, all of them open. Each is a Fernet key,
from which the key proper is derived (HKDF, RFC 5869), so that one key is never used with two algorithms. A sealed value
begins with its format and its key's id. With random nonces a key may seal 2**32 values (SP 800-38D, 8.3), far more than
codes are sent in the year after which it should be replaced.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app
from sqlalchemy import Column, Table, Text, insert, update
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator

from notifapp.database.base import AnyRow

_FORMAT = "g1"
_NONCE_BYTES = 12
_ID_BYTES = 6


class Unreadable(Exception):
    """A sealed value whose key isn't listed, or that was sealed for another place."""


class Sealed(TypeDecorator[str]):
    """The type of a column that `seal` writes and `unseal` reads.

    `bound_to` names the columns of the row that a value is bound to. They must be known when it is written, and
    be unique together; when one of them changes, the value must be sealed again.
    """

    impl = Text
    cache_ok = True

    def __init__(self, *bound_to: str) -> None:
        super().__init__()
        self.bound_to = bound_to


class Vault:
    """Seals and opens JSON values under the operator's keys."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` are Fernet keys, newest first; there is at least one."""
        derived = [_derive(key) for key in keys]
        self._newest = derived[0][0]
        self._ciphers = dict(reversed(derived))

    def seal(self, value: Any, place: Sequence[Any]) -> str:
        """Encrypt a JSON value for a place: any JSON values that say where it is kept."""
        nonce = os.urandom(_NONCE_BYTES)
        encrypted = self._ciphers[self._newest].encrypt(nonce, json.dumps(value).encode(), _encoded(place))
        return f"{_FORMAT}.{self._newest}.{base64.urlsafe_b64encode(nonce + encrypted).decode()}"

    def open(self, sealed: str, place: Sequence[Any]) -> Any:
        """The value that was sealed for this place. Raise `Unreadable`."""
        try:
            form, key_id, text = sealed.split(".")
            data = base64.urlsafe_b64decode(text)
            cipher = self._ciphers[key_id]
            value = cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _encoded(place))
        except (ValueError, KeyError, InvalidTag):
            raise Unreadable from None
        if form != _FORMAT:
            raise Unreadable
        return json.loads(value)


def seal(column: Column[Any], value: Any, /, **row: Any) -> str:
    """What to store in a `Sealed` column for a JSON value; `row` has at least the columns that it is bound to."""
    return vault().seal(value, _place(column, row.__getitem__))


def unseal(column: Column[Any], row: Any) -> Any:
    """The value of a `Sealed` column in a row that has the columns it is bound to, too; None for a null.

    Raise `Unreadable`.
    """
    sealed = getattr(row, column.name)
    return None if sealed is None else vault().open(sealed, _place(column, lambda name: getattr(row, name)))


def sealed_columns(table: Table) -> list[Column[Any]]:
    """The table's columns of the type `Sealed`."""
    return [column for column in table.c if isinstance(column.type, Sealed)]


def insert_sealed(connection: Connection, table: Table, values: Mapping[str, Any]) -> AnyRow:
    """Insert a row and return it; `values` has its sealed columns in the clear, None for a null.

    It takes two statements where they are bound to the row's id, which is known only after the first.
    """
    clear = {column: values[column.name] for column in sealed_columns(table) if values.get(column.name) is not None}
    blank = {column.name: "" for column in clear}
    row = connection.execute(insert(table).values({**values, **blank}).returning(table)).one()
    if not clear:
        return row
    sealed = {column.name: seal(column, value, **row._mapping) for column, value in clear.items()}
    changed = update(table).where(table.c.id == row.id).values(sealed).returning(table)
    return connection.execute(changed).one()


def vault() -> Vault:
    """The app's vault."""
    found: Vault = current_app.extensions["vault"]
    return found


def _place(column: Any, value_of: Any) -> list[Any]:
    return [column.table.name, column.name, *(value_of(name) for name in column.type.bound_to)]


def _encoded(place: Sequence[Any]) -> bytes:
    return json.dumps(place, sort_keys=True).encode()


def _derive(key: str) -> tuple[str, AESGCM]:
    """A key's id and its cipher, by the order of the derived bytes."""
    hkdf = HKDF(SHA256(), 32 + _ID_BYTES, salt=None, info=b"notifapp sealed columns: AES-256-GCM key, key id")
    derived = hkdf.derive(base64.urlsafe_b64decode(key))
    return derived[32:].hex(), AESGCM(derived[:32])
