"""The generated keys in the instance folder, created once by `flask init`, and MACs under those for codes."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from flask import current_app

SECRET_KEY_FILE = "secret_key"  # noqa: S105 - a file's name
ENCRYPTION_KEYS_FILE = "encryption_keys"
OTP_KEY_FILE = "otp_key"


def macs(*parts: str) -> list[str]:
    """The HMAC-SHA256 of these texts under each of the operator's keys for codes, newest first.

    The first one is what to store; what was stored under an older key is found by the others. The first part says what
    the MAC is for, so that none serves for another purpose.
    """
    message = "\0".join(parts).encode("utf-8", "surrogatepass")
    keys: tuple[str, ...] = current_app.config["NOTIFAPP"].otp_keys
    return [hmac.digest(key.encode(), message, "sha256").hex() for key in keys]


class KeyFileError(Exception):
    """A key file is readable by others."""


def generate_missing(instance_dir: Path) -> None:
    """Create the key files that are missing; leave existing ones untouched."""
    instance_dir.mkdir(parents=True, exist_ok=True)
    for name, value in (
        (SECRET_KEY_FILE, secrets.token_urlsafe(48)),
        (ENCRYPTION_KEYS_FILE, Fernet.generate_key().decode()),
        (OTP_KEY_FILE, secrets.token_urlsafe(48)),
    ):
        write_private(instance_dir / name, value + "\n")


def write_private(path: Path, text: str) -> bool:
    """Write `text` to a new file with mode 600. If the file exists, change nothing and return False."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return True


def read_private(path: Path) -> str | None:
    """The text of a key file, or None if there is no file. Raise `KeyFileError` if others may read it."""
    if not path.exists():
        return None
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path} may be read by others: run chmod 600 {path}")
    return path.read_text().strip()
