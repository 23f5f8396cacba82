"""What kept a gateway from taking or delivering a message, read from the reason.

Reasons are in our own words (notifiers/gateway/base.py), so that a few of these words tell the cause on every gateway.
"""

from __future__ import annotations

from notifapp.timeline.verdicts import Verdict

_STOPPED, _NOT_IN_TIME, _NO_KEY = "stopped", "expired", "key"  # codes of our own
# The first that has one of its words in the reason; in lower case.
_WORDS: tuple[tuple[Verdict, tuple[str, ...]], ...] = (
    (Verdict.CREDIT_OUT, ("credit", "balance")),
    (
        Verdict.BLACKLISTED,
        ("blocklist", "blacklist", "has unsubscribed", "opted out", "recipient has blocked", "recipient blocks",
         "blocks these messages"),
    ),
    (
        Verdict.KEY_REFUSED,
        ("api key", "auth token", "token was not", "account sid", "password was not", "console key", "the key may not"),
    ),
    (Verdict.GATEWAY_LIMIT, ("limit is reached", "too many messages")),
    (
        Verdict.ADDRESS_REFUSED,
        (
            "blocked this address", "from this address", "names no address", "address that may not",
            "may not be connected", "a proxy or a firewall",
        ),
    ),
    (Verdict.ACCOUNT_CLOSED, ("trial account", "account's plan", "account may not use patterns")),
    (Verdict.SENDER_REFUSED, ("sender", " line", "messaging service")),
    (Verdict.PATTERN_WRONG, ("pattern", "template", "value is too long")),
    (Verdict.NUMBER_REJECTED, ("the recipient", "unreachable")),
    (Verdict.ACCOUNT_CLOSED, ("account",)),
    (Verdict.TEXT_REFUSED, ("text", "filtered")),
    (Verdict.UNDELIVERED, ("carrier failed", "was not delivered")),
    (
        Verdict.GATEWAY_DOWN,
        (
            "could not be reached", "did not answer", "busy", "out of order", "closed the connection", "updated",
            "refused the connection", "certificate", "can't be understood", "went wrong on our side",
        ),
    ),
)  # fmt: skip


def cause_of(code: str | None, reason: str | None) -> Verdict:
    """Why a message failed, from its error's code and reason."""
    if code == _STOPPED:
        return Verdict.STOPPED
    if code == _NO_KEY:
        return Verdict.OWN_KEY_MISSING
    words = (reason or "").lower()
    found = next((verdict for verdict, signs in _WORDS if any(sign in words for sign in signs)), None)
    if found is None and code == _NOT_IN_TIME:
        return Verdict.NOT_SENT_IN_TIME
    return found or Verdict.GATEWAY_REFUSED
