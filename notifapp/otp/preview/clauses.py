"""What two standards ask of codes, and whether a length, a lifetime and the project's limits meet it.

NIST SP 800-63B-4, 3.1.3 (out-of-band devices) and 3.2.2 (rate limiting); OWASP ASVS 5.0, 6.5 and 6.6.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from notifapp import wording
from notifapp.channels import Channel
from notifapp.otp.limits.service import Limits

LEAST_DIGITS = 6
LONGEST_TTL = 600  # seconds
MOST_FAILURES = 100


@dataclass(frozen=True, slots=True)
class Clause:
    """A requirement, where it stands, and whether it is met: None if that is up to the project's own backend."""

    requirement: str
    places: tuple[str, ...]
    is_met: bool | None
    why: str


def clauses(length: int, ttl: int, limits: Limits, channels: Collection[Channel]) -> list[Clause]:
    """The requirements, for codes of `length` digits that live `ttl` seconds and go out on these channels."""
    return [
        Clause(
            "A code has at least six digits",
            (_nist("3.1.3.2"), _asvs("6.5.4")),
            length >= LEAST_DIGITS,
            f"It has {wording.count(length, 'digit')}.",
        ),
        Clause(
            "A code is valid for ten minutes at most",
            (_nist("3.1.3.2"), _asvs("6.5.5")),
            ttl <= LONGEST_TTL,
            f"It is valid for {wording.validity(ttl)}.",
        ),
        Clause(
            "A code is random, and accepted once",
            (_nist("3.1.3.2"), _asvs("6.5.1"), _asvs("6.5.3")),
            True,
            "It comes from the system's randomness, and the first right answer uses it up.",
        ),
        Clause(
            "Tries are limited, and a new code doesn't reset their count",
            (_nist("3.1.3.2"), _asvs("6.6.3")),
            True,
            f"There are {wording.count(limits.max_attempts, 'try', 'tries')} for a code, and wrong ones count until a "
            "right one.",
        ),
        _failures(limits),
        _email(channels),
        _sms(channels),
        Clause(
            "A code counts only for the request that it was sent for",
            (_asvs("6.6.2"),),
            None,
            "Your backend must keep the challenge's id on its server.",
        ),
    ]


def _failures(limits: Limits) -> Clause:
    """The last code before a block keeps its tries, so some more than the project's number of wrong codes count."""
    most = limits.max_failures - 1 + limits.max_attempts
    first = MOST_FAILURES + 1 - limits.max_attempts
    because = f", because the last code keeps its tries: block after {first}" if most > MOST_FAILURES else ""
    why = f"Up to {most} are compared{because}."
    if limits.stop_hours is not None:
        why += f" The block ends after {wording.count(limits.stop_hours, 'hour')}: let only an admin end it."
    is_met = most <= MOST_FAILURES and limits.stop_hours is None
    return Clause(
        "After a hundred wrong codes in a row no more are accepted until somebody sees to it", (_nist("3.2.2"),),
        is_met, why,
    )  # fmt: skip


def _email(channels: Collection[Channel]) -> Clause:
    is_met = Channel.EMAIL not in channels
    why = "No email notifier is chosen." if is_met else "An email notifier is chosen. Its codes prove an address only."
    return Clause("No code that signs somebody in goes by email", (_nist("3.1.3.1"),), is_met, why)


def _sms(channels: Collection[Channel]) -> Clause:
    is_used = Channel.SMS in channels
    why = "Your sign-in must offer another way, and tell of the risk." if is_used else "No SMS notifier is chosen."
    return Clause(
        "SMS is one way of several, and people know its risk", (_nist("3.1.3.3"), _asvs("6.6.1")),
        None if is_used else True, why,
    )  # fmt: skip


def _nist(number: str) -> str:
    return f"NIST SP 800-63B-4, {number}"


def _asvs(number: str) -> str:
    return f"ASVS 5, {number}"
