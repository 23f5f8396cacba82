"""Random credentials that are shown once; the database stores only their digests."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_PREFIX_LENGTH = 12  # characters of an API token that are public, "ntf_" included


def new_token() -> str:
    """An API token with 256 random bits; secret scanners recognise it by its `ntf_` prefix."""
    return "ntf_" + secrets.token_hex(4) + secrets.token_hex(32)


def new_key() -> str:
    """A URL-safe key with 256 random bits, for a session or a one-time link."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """The SHA-256 in hex, which suffices for secrets with 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
