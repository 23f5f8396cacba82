"""Password rules and hashes: argon2id as OWASP's cheat sheet has it, lengths as NIST SP 800-63B-4 §3.1.1.2."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app

MIN_LENGTH = 15  # characters; NIST SP 800-63B-4 asks for 15 where a password stands alone
MAX_LENGTH = 128
MEMORY_COST = 19 * 1024  # KiB


def make_hasher(*, cheap: bool = False) -> PasswordHasher:
    """The app's hasher; `cheap` is for tests alone."""
    return PasswordHasher(time_cost=1 if cheap else 2, memory_cost=8 if cheap else MEMORY_COST, parallelism=1)


def problems(password: str, *, email: str = "") -> list[str]:
    """What is wrong with a new password, as messages; empty when it may be used."""
    found = []
    if len(password) < MIN_LENGTH:
        found.append(f"Use at least {MIN_LENGTH} characters. A few words in a row make a good password.")
    if len(password) > MAX_LENGTH:
        found.append(f"Use at most {MAX_LENGTH} characters.")
    if password and len(set(password.lower())) < 5:
        found.append("Use more than a few different characters.")
    if email and password.lower().startswith(email.split("@")[0].lower()) and len(password) < MIN_LENGTH + 5:
        found.append("Don't begin with your own name.")
    return found


def hash_password(password: str) -> str:
    """The argon2id hash to keep, salt and parameters included."""
    return _hasher().hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether they match. Without a hash it takes as long and is false, so that nobody learns who exists."""
    hasher = _hasher()
    try:
        return hasher.verify(password_hash or _decoy(hasher), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Whether the parameters have changed since this hash was made."""
    return _hasher().check_needs_rehash(password_hash)


def _hasher() -> PasswordHasher:
    hasher: PasswordHasher = current_app.extensions["password_hasher"]
    return hasher


def _decoy(hasher: PasswordHasher) -> str:
    decoy: str | None = current_app.extensions.get("password_decoy")
    if decoy is None:
        decoy = current_app.extensions["password_decoy"] = hasher.hash("nobody's password")
    return decoy
