"""People with a second factor, and what they type."""

from __future__ import annotations

from flask import Flask
from pyotp import TOTP
from sqlalchemy import update

from notifapp import clock
from notifapp.access.models import User
from notifapp.database import insert_sealed, table_of, writing
from notifapp.second_factor import recovery_codes, totp
from notifapp.second_factor.models import TotpApp


def give_app(app: Flask, user_id: int, name: str = "Old phone") -> str:
    """Give this person an authenticator app, and return its secret."""
    secret = totp.new_secret()
    with app.app_context(), writing() as connection:
        values = {"user_id": user_id, "secret": secret, "name": name, "last_step": 0, "created_at": clock.now()}
        insert_sealed(connection, table_of(TotpApp), values)
        connection.execute(update(User).where(User.id == user_id).values(has_second_factor=True))
    return secret


def give_recovery_codes(app: Flask, user_id: int) -> list[str]:
    """Give this person ten recovery codes."""
    with app.app_context(), writing() as connection:
        return recovery_codes.renew(connection, user_id)


def shown(secret: str, *, steps: int = 0) -> str:
    """What the app shows now, or some steps later."""
    return TOTP(secret).generate_otp(int(clock.now().timestamp()) // totp.STEP + steps)


def wrong(secret: str) -> str:
    """Six digits that the app doesn't show now."""
    near = {shown(secret, steps=steps) for steps in range(-3, 4)}
    return next(
        code
        for code in ("000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777")
        if code not in near
    )
