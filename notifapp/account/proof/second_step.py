"""The second step of signing in, and signing in with only a passkey."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.engine import Connection

from notifapp.access import Principal, Source, throttle
from notifapp.access.models import User
from notifapp.account import password_limits
from notifapp.account.devices import Device
from notifapp.account.service import SignIn, open_session
from notifapp.audit.service import Action, record
from notifapp.database import AnyRow, reading, writing
from notifapp.errors import ValidationFailed
from notifapp.second_factor import passkeys, pending, recovery_codes, totp
from notifapp.second_factor.passkeys import Assertion, NotVerified, Site
from notifapp.second_factor.service import use_passkey

# Three codes of a million are right at a time: with these, a year of guessing by somebody who knows the password
# succeeds with a probability below 6 %.
PER_QUARTER = throttle.Limit(count=10, seconds=15 * 60)
PER_DAY = throttle.Limit(count=50, seconds=24 * 3600)

_WRONG_CODE = "That code is wrong or was used already. Wait for the next one, and check the clock of your phone."
_WRONG_RECOVERY_CODE = "That is none of your recovery codes, or it was used already."
_REFUSED = "This passkey was not accepted. Try again, or sign in another way."
_COPIED = "This passkey was refused: a copy of it seems to be in use. Sign in another way, and remove it."


class SecondStepOver(Exception):
    """The password was given too long ago, or the second step was done already."""


def finish(key: str, *, code: str = "", recovery_code: str = "", device: Device, lifetime: int) -> SignIn:
    """Open a session of `lifetime` seconds for the person who gave the password, if their code is right, and use it up.

    Raise `SecondStepOver`, `ValidationFailed` on `code` or `recovery_code`, and `TooManyRequests`.
    """
    user = pending.find(key)
    if user is None:
        raise SecondStepOver
    taken = throttle.take({f"second-step:{user.id}": PER_QUARTER, f"second-step-day:{user.id}": PER_DAY})
    principal = _person(user, device.address)
    with writing() as connection:
        method = _use(connection, user.id, code, recovery_code)
        if method is None:
            detail = {"at": "recovery code" if recovery_code else "authenticator app"}
            record(connection, Action.SECOND_STEP_FAILED, principal=principal, subject=user.email, detail=detail)
        else:
            if not pending.end(connection, key):
                raise SecondStepOver
            if recovery_code:
                record(connection, Action.RECOVERY_CODE_USED, principal=principal, subject=user.email)
            session = open_session(connection, principal, device=device.name, lifetime=lifetime, method=method)
    if method is None:
        wrong = {"recovery_code": [_WRONG_RECOVERY_CODE]} if recovery_code else {"code": [_WRONG_CODE]}
        raise ValidationFailed(wrong)
    throttle.give_back(taken)
    return session


def sign_in_with_passkey(credential: str, site: Site, *, visitor: str, device: Device, lifetime: int) -> SignIn:
    """Open a session of `lifetime` seconds for a passkey's owner. `credential` is what the browser returned, as JSON.

    Raise `ValidationFailed`, and `TooManyRequests` after too many failures from this address.
    """
    taken = throttle.take(password_limits.of_address(device.address))
    verified, owner = _verify(credential, site, visitor, device.address)
    with writing() as connection:
        refusal = refuse(connection, verified, principal=owner)
        if refusal is None:
            session = open_session(connection, owner, device=device.name, lifetime=lifetime, method="passkey")
    if refusal:
        raise ValidationFailed({"non_field_errors": [refusal]})
    throttle.give_back(taken)
    return session


def refuse(connection: Connection, assertion: Assertion, *, principal: Principal) -> str | None:
    """Use up a passkey's response. If that fails, record it, and return the message for its owner."""
    reason = use_passkey(connection, assertion)
    if reason is None:
        return None
    detail = {"name": assertion.name, "reason": reason}
    record(connection, Action.PASSKEY_REFUSED, principal=principal, subject=principal.email, detail=detail)
    return _COPIED if reason.startswith("counter") else _REFUSED


def _use(connection: Connection, user_id: int, code: str, recovery_code: str) -> str | None:
    """Use up a code of either kind. Return how it is called in the audit log; None if it is wrong."""
    if recovery_code:
        return "recovery code" if recovery_codes.use(connection, user_id, recovery_code) else None
    return "authenticator app" if totp.use(connection, user_id, code) else None


def _verify(credential: str, site: Site, visitor: str, address: str | None) -> tuple[Assertion, Principal]:
    try:
        verified = passkeys.verify(credential, site, visitor=visitor)
    except NotVerified as error:
        if error.owner_id is not None:
            _record_failure(_owner(error.owner_id, address))
        raise ValidationFailed({"non_field_errors": [_REFUSED]}) from None
    return verified, _owner(verified.user_id, address)


def _record_failure(owner: Principal) -> None:
    with writing() as connection:
        detail = {"at": "passkey"}
        record(connection, Action.SECOND_STEP_FAILED, principal=owner, subject=owner.email, detail=detail)


def _owner(user_id: int, address: str | None) -> Principal:
    columns = (User.id, User.email, User.name, User.is_admin)
    with reading() as connection:
        return _person(connection.execute(select(*columns).where(User.id == user_id)).one(), address)


def _person(user: AnyRow, address: str | None) -> Principal:
    return Principal(Source.PAGE, user.email, user.name, user.is_admin, user_id=user.id, address=address)
