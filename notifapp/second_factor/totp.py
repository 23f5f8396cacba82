"""Codes of authenticator apps (RFC 6238): six digits, a new one every 30 seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence

import segno
from pyotp import TOTP, random_base32
from pyotp.utils import strings_equal
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from notifapp import clock, inputs
from notifapp.database import AnyRow, Unreadable, table_of, unseal
from notifapp.second_factor.models import TotpApp

STEP = 30  # seconds
DRIFT = 1  # steps that a phone's clock may be off

_table = table_of(TotpApp)
_app = _table.c
_BLANKS = re.compile(r"[\s-]")


def new_secret() -> str:
    """A secret of 160 random bits, in base32 as apps expect it."""
    return random_base32()


def address(secret: str, *, email: str, site: str) -> str:
    """The `otpauth://` address that an app reads from the QR code."""
    return TOTP(secret).provisioning_uri(name=email, issuer_name=f"notifapp ({site})")


def qr_code(text: str) -> str:
    """An SVG image as a `data:` URL, on white with a quiet zone so that a phone can read it in dark mode too."""
    uri: str = segno.make(text, error="m").svg_data_uri(scale=5, border=4, dark="#000", light="#fff")
    return uri


def matching_step(secret: str, code: str) -> int | None:
    """The time step that this code belongs to, if it is the present one or a neighbour."""
    typed = inputs.ascii_digits(_BLANKS.sub("", code))
    now = int(clock.now().timestamp()) // STEP
    steps = range(now - DRIFT, now + DRIFT + 1)
    return next((step for step in steps if strings_equal(TOTP(secret).generate_otp(step), typed)), None)


def use(connection: Connection, user_id: int, code: str) -> str | None:
    """Use a code up. Return the name of its app; None if no app of this user shows it, or it was used already."""
    for app in _apps(connection, user_id):
        secret = _secret(app)
        step = matching_step(secret, code) if secret else None
        if step is not None and _take_step(connection, app.id, step):
            return str(app.name)
    return None


def _take_step(connection: Connection, app_id: int, step: int) -> bool:
    is_new = (_app.id == app_id, _app.last_step < step)
    used = update(_table).where(*is_new).values(last_step=step, last_used_at=clock.now())
    return connection.execute(used).rowcount > 0


def _apps(connection: Connection, user_id: int) -> Sequence[AnyRow]:
    columns = (_app.id, _app.user_id, _app.name, _app.secret)
    return connection.execute(select(*columns).where(_app.user_id == user_id)).all()


def _secret(app: AnyRow) -> str | None:
    try:
        return str(unseal(_app.secret, app))
    except Unreadable:  # its encryption key was removed: no code can be checked
        return None
