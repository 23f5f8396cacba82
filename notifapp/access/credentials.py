"""Random credentials that are shown once; the database keeps their digest."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_PREFIX_LENGTH = 12  # characters of an API token that are public, "ntf_" included


def new_token() -> str:
    """An API token with 256 random bits, recognisable to secret scanners by its `ntf_`."""
    return "ntf_" + secrets.token_hex(4) + secrets.token_hex(32)


def new_key() -> str:
    """A key for a session or a one-time link, 256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """SHA-256 in hex: enough for secrets that are themselves 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
