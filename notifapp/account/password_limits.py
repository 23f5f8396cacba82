"""How many wrong passwords there may be, counted by what, so that nobody guesses one or locks others out.

NIST SP 800-63B-4 §3.2.2 wants guessing online held to 100 failures in a row. A strict stop there would let strangers
close any account for good, so an account takes `PER_ACCOUNT` from unknown devices altogether, and from each network far
fewer. A device that has signed in to the account before has tries of its own, which nobody else can use up.
"""

from __future__ import annotations

from ipaddress import ip_network

from notifapp.access import credentials
from notifapp.access.throttle import Limit

PER_ACCOUNT_AND_NETWORK = Limit(count=10, seconds=15 * 60)
PER_ACCOUNT = Limit(count=100, seconds=24 * 3600)
PER_DEVICE = Limit(count=10, seconds=15 * 60)
PER_ADDRESS = Limit(count=100, seconds=15 * 60)
PER_PERSON = Limit(count=10, seconds=15 * 60)


def of_sign_in(email: str, address: str | None, mark: str | None) -> dict[str, Limit]:
    """The limits of a try to sign in, by the keys to count it under.

    `mark` is what shows that the device has signed in to this account before; see devices.py.
    """
    account, network = credentials.digest(email), _network(address)
    limits = of_address(address)
    if mark:
        limits[f"sign-in:device:{credentials.digest(mark)}"] = PER_DEVICE
    else:
        limits[f"sign-in:account:{account}"] = PER_ACCOUNT
        limits[f"sign-in:account:{account[:32]}:{network}"] = PER_ACCOUNT_AND_NETWORK
    return limits


def of_own_password(user_id: int, address: str | None) -> dict[str, Limit]:
    """The limits of a signed-in person's tries to give their own password; no stranger can use them up."""
    return {f"password:user:{user_id}": PER_PERSON, **of_address(address)}


def of_address(address: str | None) -> dict[str, Limit]:
    """The limit of tries to sign in from this IP address, for all accounts together."""
    return {f"sign-in:address:{_network(address)}": PER_ADDRESS} if address else {}


def _network(address: str | None) -> str:
    """What an address is counted by: for IPv6 its /64, because a single subscriber has all of it."""
    text = address or ""
    try:
        return str(ip_network(f"{text}/64", strict=False)) if ":" in text else text[:64]
    except ValueError:
        return text[:64]
