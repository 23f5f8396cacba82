"""JSON values as they were encrypted before revision 0015: with Fernet, and bound to no row."""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app


def encrypt(value: Any) -> str:
    """Encrypt a JSON value with the operator's newest key."""
    return _keys().encrypt(json.dumps(value).encode()).decode()


def decrypt(text: str) -> Any:
    """The JSON value that was encrypted with any of the listed keys. Raise `ValueError`."""
    try:
        return json.loads(_keys().decrypt(text.encode()))
    except InvalidToken:
        raise ValueError("no listed key decrypts it") from None


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in current_app.config["NOTIFAPP"].encryption_keys])
