"""Password rules and hashes: argon2id as in OWASP's cheat sheet, rules as in NIST SP 800-63B-4 §3.1.1.2.

A verification takes 19 MiB and tens of milliseconds, and as long for an account that doesn't exist.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from math import prod

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app

MIN_LENGTH = 15  # characters; NIST SP 800-63B-4 requires 15 without a second factor
MAX_LENGTH = 128
MEMORY_COST = 19 * 1024  # KiB

_MIN_GUESSES = 10**9  # without names; at the 100 tries that an account has a day they take 27,000 years
_MAX_JUDGED = 32  # characters; zxcvbn's time grows with their square, and a good beginning makes a good password
_SITE = "notifapp"


def make_hasher(*, cheap: bool = False) -> PasswordHasher:
    """The app's hasher; `cheap` is only for tests."""
    return PasswordHasher(time_cost=1 if cheap else 2, memory_cost=8 if cheap else MEMORY_COST, parallelism=1)


def problems(password: str, *, names: Iterable[str] = ()) -> list[str]:
    """Messages about what is wrong with a new password; empty if it is acceptable.

    `names` are those that a stranger would try first: the person's, their email address, their projects'.
    """
    if len(password) < MIN_LENGTH:
        return [f"Use at least {MIN_LENGTH} characters."]
    if len(password) > MAX_LENGTH:
        return [f"Use at most {MAX_LENGTH} characters."]
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        return ["Use no line breaks or control characters."]
    if _guesses(password, names) < _MIN_GUESSES:
        return [
            "This is too easy to guess. Use four or more words that have nothing to do with each other, "
            "with you or with your projects."
        ]
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


def _guesses(password: str, names: Iterable[str]) -> float:
    """How many guesses it takes to find what is left of a password without the names, by zxcvbn's estimate.

    It knows common passwords, words and names, keyboard patterns, sequences, repetitions, dates, and letters as digits.
    """
    from zxcvbn import zxcvbn  # its dictionaries take 14 MB, which workers and most commands never need

    parts = {_SITE, *names, *(part for name in names for part in re.split(r"[\W_]+", name))}
    own = sorted((part for part in parts if len(part) > 2), key=len, reverse=True)
    left = re.sub("|".join(map(re.escape, own)), "", password, flags=re.IGNORECASE)
    if not left:
        return 1
    found = zxcvbn(left[:_MAX_JUDGED], user_inputs=own)["sequence"]  # names again, for those written with digits
    return prod(part["guesses"] for part in found if part.get("dictionary_name") != "user_inputs")


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
