"""Sending through a stored notifier: the only place where its secrets meet its backend."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.fernet import InvalidToken
from sqlalchemy import select

from notifapp.database import read_connection, table_of
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.backends.base import Message, Receipt, SendFailed
from notifapp.notifiers.models import Notifier


def send_through(notifier_id: int, message: Message) -> Receipt:
    """Send by a stored notifier, enabled or not, and return the gateway's receipt. Raise `SendFailed`."""
    notifier = table_of(Notifier).c
    statement = select(notifier.backend, notifier.settings, notifier.secrets).where(notifier.id == notifier_id)
    try:
        with read_connection() as connection:
            row = connection.execute(statement).one_or_none()
    except InvalidToken:
        raise SendFailed("The notifier's secrets can't be decrypted.", code="key", retryable=False) from None
    if row is None:
        raise SendFailed("The notifier has been deleted.", code="notifier", retryable=False)
    return send_with(row.backend, {**row.settings, **row.secrets}, message)


def send_with(backend_key: str, values: Mapping[str, object], message: Message) -> Receipt:
    """Send by a backend with these valid settings. Raise `SendFailed`."""
    backend = find_backend(backend_key)
    return backend.send(backend.load(values), message)
