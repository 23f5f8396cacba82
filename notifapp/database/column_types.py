"""Column types: times in UTC, and JSON encrypted at rest."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from cryptography.fernet import MultiFernet
from flask import current_app
from sqlalchemy import DateTime, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware UTC time; SQLite stores it without the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Raise `ValueError` for a naive time rather than guess its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return every time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class EncryptedJson(TypeDecorator[Any]):
    """A JSON value, encrypted at rest with the operator's newest key and readable with any listed one."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Encrypt."""
        return None if value is None else vault().encrypt(json.dumps(value).encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Decrypt. Raise `cryptography.fernet.InvalidToken` if no listed key fits."""
        return None if value is None else decrypt_json(value)


def decrypt_json(text: str) -> Any:
    """Decrypt what `EncryptedJson` stored. Raise `cryptography.fernet.InvalidToken` if no listed key fits."""
    return json.loads(vault().decrypt(text.encode()))


def vault() -> MultiFernet:
    """The app's encryption for secrets at rest."""
    multi_fernet: MultiFernet = current_app.extensions["vault"]
    return multi_fernet
