"""Devices that people sign in with: their names, and how one is known again, so that strangers can't use up its tries.

After signing in, a browser keeps a cookie that proves it (OWASP, "Slow Down Online Guessing Attacks with Device
Cookies"). It lets nobody in. It holds a signed random number for each of a few accounts; the signature covers the
account and its password hash, so it is worth nothing for other accounts and once the password has changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from itsdangerous import BadSignature, TimestampSigner
from sqlalchemy import select

from notifapp.access import credentials
from notifapp.access.models import User
from notifapp.access.sessions import UNKNOWN_DEVICE
from notifapp.database import reading

LIFETIME = timedelta(days=180)
MAX_ACCOUNTS = 5  # people who share a computer, as in a shop

_SEPARATOR = "~"

# The first mark found counts: browsers name those that they descend from, too.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("YaBrowser/", "Yandex Browser"),
    ("Vivaldi/", "Vivaldi"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Device:
    """Where somebody signs in: the client's IP address, a name such as "Firefox on Windows", and its cookie."""

    address: str | None = None
    name: str = ""
    cookie: str = ""

    def mark_for(self, user_id: int, password_hash: str | None) -> str | None:
        """The cookie's mark for this account, as it is now; None if this device has never signed in to it."""
        return next((mark for mark in self.marks if _is_valid(mark, user_id, password_hash)), None)

    @property
    def marks(self) -> list[str]:
        """The marks of all accounts, valid or not."""
        return [mark for mark in self.cookie.split(_SEPARATOR)[:MAX_ACCOUNTS] if mark]


def device_name(user_agent: str) -> str:
    """What to call the sender of this `User-Agent` header, such as "Firefox on Windows".

    It consists only of the words above, so no text of the sender's is ever stored or shown.
    """
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or UNKNOWN_DEVICE


def remember(device: Device, user_id: int) -> str:
    """The cookie that this device is to keep from now on, because it has just signed in to this account."""
    with reading() as connection:
        password_hash = connection.execute(select(User.password_hash).where(User.id == user_id)).scalar_one()
    old = device.mark_for(user_id, password_hash)
    others = [mark for mark in device.marks if mark != old]
    new = _signer(user_id, password_hash).sign(credentials.new_key()).decode()
    return _SEPARATOR.join([new, *others][:MAX_ACCOUNTS])


def _first(marks: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for mark, name in marks if mark in text), None)


def _is_valid(mark: str, user_id: int, password_hash: str | None) -> bool:
    try:
        _signer(user_id, password_hash).unsign(mark, max_age=int(LIFETIME.total_seconds()))
    except BadSignature:
        return False
    return True


def _signer(user_id: int, password_hash: str | None) -> TimestampSigner:
    salt = f"known-device:{user_id}:{password_hash}"
    key = current_app.secret_key or ""
    return TimestampSigner(key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
