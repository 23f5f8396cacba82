"""JSON as these tables keep it, readable and encrypted."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models

from notifapp.database import Vault


@cache
def vault() -> MultiFernet:
    """What encrypts at rest; notifapp's own keys, for the tables are its own."""
    keys = (settings.KEYS_DIR / "encryption_keys").read_text().split()
    return MultiFernet([Fernet(key) for key in keys])


@cache
def sealed() -> Vault:
    """What reads the notifiers' secrets, which notifapp has written."""
    return Vault((settings.KEYS_DIR / "encryption_keys").read_text().split())


def secrets_of(notifier: Any) -> Any:
    """A notifier's secrets."""
    bound_to = notifier.project_id, notifier.id, notifier.backend, notifier.settings
    return sealed().open(notifier.secrets, ["notifier", "secrets", *bound_to])


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
        return None if value is None else json.loads(vault().decrypt(value.encode()))
