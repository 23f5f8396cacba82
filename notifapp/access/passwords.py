"""Password rules and hashes: argon2id as in OWASP's cheat sheet, lengths as in NIST SP 800-63B-4 §3.1.1.2."""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app

MIN_LENGTH = 15  # characters; NIST SP 800-63B-4 requires 15 without a second factor
MAX_LENGTH = 128
MEMORY_COST = 19 * 1024  # KiB

_MIN_UNGUESSABLE = 8  # characters that must remain once the guessable parts are removed
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb")
_WORDS = ("notifapp", "password", "passwort", "letmein", "welcome", "admin")


def make_hasher(*, cheap: bool = False) -> PasswordHasher:
    """The app's hasher; `cheap` is only for tests."""
    return PasswordHasher(time_cost=1 if cheap else 2, memory_cost=8 if cheap else MEMORY_COST, parallelism=1)


def problems(password: str, *, email: str = "") -> list[str]:
    """Messages about what is wrong with a new password; empty if it is acceptable."""
    if len(password) < MIN_LENGTH:
        return [f"Use at least {MIN_LENGTH} characters."]
    if len(password) > MAX_LENGTH:
        return [f"Use at most {MAX_LENGTH} characters."]
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        return ["Use no line breaks or control characters."]
    if len(_unguessable(password.lower(), email.lower())) < _MIN_UNGUESSABLE:
        return ["This is too easy to guess: use less of your address, of common words, and of characters in a row."]
    return []


def hash_password(password: str) -> str:
    """The argon2id hash to store, including salt and parameters."""
    return _hasher().hash(_as_bytes(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether they match. False without a hash, but it takes as long, so that timing doesn't reveal who exists."""
    hasher = _hasher()
    try:
        return hasher.verify(password_hash or _decoy(hasher), _as_bytes(password)) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Whether the parameters have changed since this hash was made."""
    return _hasher().check_needs_rehash(password_hash)


def _unguessable(password: str, email: str) -> str:
    """What is left of a password without the user's address, common words, runs of keys and repetitions."""
    own = [part for part in (email, *email.split("@")) if len(part) > 2]
    for guess in (*own, *_WORDS):
        password = password.replace(guess, "")
    pairs = zip(" " + password, password, strict=False)
    kept = "".join(after for before, after in pairs if before != after and not _is_run(before + after))
    period = (kept + kept).find(kept, 1)  # "abcabc" repeats after 3 characters: only those count
    return kept[:period]


def _is_run(pair: str) -> bool:
    return any(pair in run or pair[::-1] in run for run in _RUNS)


def _as_bytes(password: str) -> bytes:
    """The password normalised to NFKC, so that every keyboard yields the same bytes (NIST SP 800-63B-4 §3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _hasher() -> PasswordHasher:
    hasher: PasswordHasher = current_app.extensions["password_hasher"]
    return hasher


def _decoy(hasher: PasswordHasher) -> str:
    """A hash that no password matches, with the parameters of real ones."""
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${'A' * 22}${'A' * 43}"
