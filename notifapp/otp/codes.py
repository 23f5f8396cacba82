"""One-time codes, stored only as HMAC-SHA256 under a separate key and compared in constant time.

The operator lists the keys newest first. What is stored from now on is under the newest; a code that was sent under an
older one is still right, and a recipient who was counted under an older one is found by it.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from notifapp.keys import macs

_CHALLENGE_ID = re.compile(r"[0-9a-f]{32}")


def new_code(length: int) -> str:
    """A code of exactly `length` random digits, which may start with zeros."""
    return "".join(secrets.choice("0123456789") for _ in range(length))


def new_challenge_id() -> str:
    """A public id with 128 random bits, so that it can't be guessed."""
    return secrets.token_hex(16)


def is_challenge_id(text: str) -> bool:
    """Whether a text has the form of a challenge's id."""
    return _CHALLENGE_ID.fullmatch(text) is not None


def code_mac(challenge_id: str, code: str, number: int = 1) -> str:
    """The MAC of a challenge's code, bound to the challenge and to its number among the codes, under the newest key."""
    return _code_macs(challenge_id, code, number)[0]


class Code(NamedTuple):
    """One of a challenge's codes: the first has number 1, and each that was sent again the next."""

    number: int
    mac: str
    length: int
    expires_at: datetime
    delivery_id: int | None


def is_right(typed: str, challenge_id: str, code: Code) -> bool:
    """Whether this is what was sent, under any of the keys. Compares in constant time."""
    return is_among(code.mac, _code_macs(challenge_id, typed, code.number))


def is_among(mac: str, known: Iterable[str]) -> bool:
    """Whether a MAC is one of these. Compares each in constant time."""
    return any(hmac.compare_digest(mac, each) for each in known)


def recipient_digests(project_id: int, channel: str, recipient: str) -> list[str]:
    """The MACs that identify a recipient within a project and channel, without storing the address.

    There is one for each key, newest first: the first is written, all of them are looked for.
    """
    return macs("recipient", str(project_id), channel, recipient)


def client_digest(project_id: int, client: str) -> str:
    """The MAC that identifies a client of a project: an IP address or any other text. Only under the newest key.

    Of an IPv6 address the first 64 bits count, because a client that has one has the whole network (RFC 6177).
    """
    return macs("client", str(project_id), _network_of(client))[0]


def normalise(code: str) -> str:
    """The code as ASCII digits, without white space and hyphens.

    All Unicode decimal digits, such as Persian or Arabic-Indic ones, are converted; other characters stay, so that
    the code never matches.
    """
    return "".join(_ascii(character) for character in code if not character.isspace() and character != "-")


def _ascii(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)


def _network_of(client: str) -> str:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address.packed, 64), strict=False))


def _code_macs(challenge_id: str, code: str, number: int) -> list[str]:
    # A challenge had one code once, so the first one's MAC names no number.
    return macs("code", challenge_id, code) if number == 1 else macs("code", challenge_id, str(number), code)
