"""JSON as these tables keep it, readable and encrypted."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models


@cache
def vault() -> MultiFernet:
    """What encrypts at rest; notifapp's own keys, for the tables are its own."""
    keys = (settings.KEYS_DIR / "encryption_keys").read_text().split()
    return MultiFernet([Fernet(key) for key in keys])


def decrypted(text: str) -> Any:
    """The JSON value in an encrypted text."""
    return json.loads(vault().decrypt(text.encode()))


class JSONField(models.JSONField):
    """Django's own, for a column of PostgreSQL's type `json`, which its driver has parsed already."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Parse what is a text still."""
        return json.loads(value) if isinstance(value, str) else value


class EncryptedJSONField(models.TextField):
    """A JSON value, encrypted at rest."""

    def get_prep_value(self, value: Any) -> str | None:
        """Encrypt."""
        return None if value is None else vault().encrypt(json.dumps(value).encode()).decode()

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        """Decrypt."""
        return None if value is None else decrypted(value)
