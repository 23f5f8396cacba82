"""A person's second factors: listed, added, removed and used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Table, delete, exists, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from notifapp import clock, inputs
from notifapp.access import Principal, sessions
from notifapp.access.models import User
from notifapp.audit.service import Action, record
from notifapp.database import AnyRow, insert_sealed, reading, table_of, writing
from notifapp.errors import Conflict, NotFound, ValidationFailed
from notifapp.inputs import FieldErrors
from notifapp.second_factor import passkeys, pending, recovery_codes, totp
from notifapp.second_factor.models import Passkey, TotpApp
from notifapp.second_factor.passkeys import Assertion, NotVerified, Owner, Site

_WRONG_CODE = "That code is wrong or was used already. Wait for the next one, and check the clock of your phone."
_NOT_VERIFIED = "The passkey could not be verified. Try again."


class FactorKind(StrEnum):
    """The kinds of factors."""

    PASSKEY = "passkey"
    APP = "app"

    @property
    def label(self) -> str:
        """The kind in a sentence."""
        return {FactorKind.PASSKEY: "passkey", FactorKind.APP: "authenticator app"}[self]

    @property
    def table(self) -> Table:
        """Where they are stored."""
        return table_of({FactorKind.PASSKEY: Passkey, FactorKind.APP: TotpApp}[self])


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person has: rows with id, name, created_at and last_used_at, and the number of recovery codes left."""

    passkeys: Sequence[AnyRow]
    apps: Sequence[AnyRow]
    codes_left: int


def factors_of(user_id: int) -> Factors:
    """What this person has."""
    with reading() as connection:
        keys, apps = (connection.execute(_list(kind.table, user_id)).all() for kind in FactorKind)
    return Factors(keys, apps, recovery_codes.count_left(user_id))


def get_factor(kind: FactorKind, factor_id: int, *, principal: Principal) -> AnyRow:
    """One of the caller's own factors. Raise `NotFound`."""
    table = kind.table
    with reading() as connection:
        row = connection.execute(_list(table, principal.user_id).where(table.c.id == factor_id)).one_or_none()
    if row is None:
        raise NotFound
    return row


def passkey_options(site: Site, *, visitor: str, principal: Principal) -> str:
    """What the caller's browser needs to make a passkey, as JSON."""
    table = FactorKind.PASSKEY.table
    own = select(table.c.credential_id).where(table.c.user_id == principal.user_id, table.c.rp_id == site.rp_id)
    with reading() as connection:
        known = list(connection.scalars(own))
    return passkeys.creation_options(_owner(principal), site, visitor=visitor, known=known)


def add_passkey(name: str, credential: str, site: Site, *, visitor: str, principal: Principal) -> list[str]:
    """Add the passkey that the browser made. Return the caller's recovery codes if these are the first, else nothing.

    Raise `ValidationFailed`.
    """
    name = _checked_name(name)
    try:
        made = passkeys.verify_new(credential, _owner(principal), site, visitor=visitor)
    except NotVerified:
        raise ValidationFailed({"non_field_errors": [_NOT_VERIFIED]}) from None
    values = {
        "rp_id": site.rp_id,
        "credential_id": made.credential_id,
        "public_key": made.public_key,
        "sign_count": made.sign_count,
    }
    try:
        with writing() as connection:
            if not passkeys.use_challenge(connection, made.challenge):
                raise ValidationFailed({"non_field_errors": [_NOT_VERIFIED]})
            return _add(connection, FactorKind.PASSKEY, name, values, principal)
    except IntegrityError:
        raise ValidationFailed({"non_field_errors": ["This passkey is registered already."]}) from None


def add_app(name: str, secret: str, code: str, *, principal: Principal) -> list[str]:
    """Add an authenticator app that shows this code for the secret, and use the code up.

    Return what `add_passkey` does. Raise `ValidationFailed`.
    """
    errors = FieldErrors()
    with errors.of("name"):
        name = inputs.display_name(name)
    step = totp.matching_step(secret, code)
    if step is None:
        errors.messages["code"] = [_WRONG_CODE]
    errors.raise_any()
    with writing() as connection:
        return _add(connection, FactorKind.APP, name, {"secret": secret, "last_step": step}, principal)


def remove(kind: FactorKind, factor_id: int, *, principal: Principal) -> None:
    """Remove one of the caller's own factors; with the last one the recovery codes go too. Raise `NotFound`."""
    table, user_id = kind.table, _id(principal)
    with writing() as connection:
        _lock(connection, user_id)
        is_own = (table.c.id == factor_id, table.c.user_id == user_id)
        name = connection.scalars(delete(table).where(*is_own).returning(table.c.name)).one_or_none()
        if name is None:
            raise NotFound
        if not _note_whether_any(connection, user_id):
            recovery_codes.forget(connection, user_id)
        detail = {"kind": kind.label, "name": name}
        record(connection, Action.SECOND_FACTOR_REMOVED, principal=principal, subject=principal.email, detail=detail)


def renew_recovery_codes(*, principal: Principal) -> list[str]:
    """Replace the caller's recovery codes and return the new ones. Raise `Conflict` without a second factor."""
    user_id = _id(principal)
    with writing() as connection:
        if not _lock(connection, user_id).has_second_factor:
            raise Conflict("Add a passkey or an authenticator app first.")
        codes = recovery_codes.renew(connection, user_id)
        record(connection, Action.RECOVERY_CODES_MADE, principal=principal, subject=principal.email)
    return codes


def reset(user_id: int, *, principal: Principal) -> None:
    """Remove all of another person's factors, end their sessions, and tell them when they next sign in.

    Raise `NotFound`, and `Conflict` for the caller's own account and for a person without a second factor.
    """
    if user_id == principal.user_id:
        raise Conflict("You can't reset your own second step. Ask another admin.")
    with writing() as connection:
        user = _lock(connection, user_id)
        if not user.has_second_factor:
            raise Conflict("This person has no second step.")
        for kind in FactorKind:
            connection.execute(delete(kind.table).where(kind.table.c.user_id == user_id))
        recovery_codes.forget(connection, user_id)
        sessions.end_sessions_of(connection, user_id)
        pending.end_all(connection, user_id)
        values = {"has_second_factor": False, "second_factor_reset_at": clock.now()}
        connection.execute(update(User).where(User.id == user_id).values(values))
        record(connection, Action.SECOND_FACTOR_RESET, principal=principal, subject=user.email)


def take_reset_notice(connection: Connection, user_id: int) -> bool:
    """Whether this person has yet to be told that their factors were reset; from now on they have been."""
    is_untold = (User.id == user_id, User.second_factor_reset_at.is_not(None))
    return connection.execute(update(User).where(*is_untold).values(second_factor_reset_at=None)).rowcount > 0


def use_passkey(connection: Connection, assertion: Assertion) -> str | None:
    """Use up a passkey's verified response. Return why it is refused, for the audit log, or None."""
    if not passkeys.use_challenge(connection, assertion.challenge):
        return "answer used before"
    return None if passkeys.count_up(connection, assertion) else "counter went back"


def _add(
    connection: Connection, kind: FactorKind, name: str, values: dict[str, Any], principal: Principal
) -> list[str]:
    user_id = _id(principal)
    is_first = not _lock(connection, user_id).has_second_factor
    added = {"user_id": user_id, "name": name, "created_at": clock.now(), **values}
    insert_sealed(connection, kind.table, added)
    _note_whether_any(connection, user_id)
    detail = {"kind": kind.label, "name": name}
    record(connection, Action.SECOND_FACTOR_ADDED, principal=principal, subject=principal.email, detail=detail)
    return recovery_codes.renew(connection, user_id) if is_first else []


def _note_whether_any(connection: Connection, user_id: int) -> bool:
    """Keep `has_second_factor` true to the factors that there are; the user's row must be locked."""
    any_left = or_(*(exists().where(kind.table.c.user_id == user_id) for kind in FactorKind))
    noted = update(User).where(User.id == user_id).values(has_second_factor=any_left).returning(User.has_second_factor)
    return connection.execute(noted).scalar_one()


def _lock(connection: Connection, user_id: int) -> AnyRow:
    """The user's row, locked, so that changes of one person's factors are serialised. Raise `NotFound`."""
    columns = (User.id, User.email, User.has_second_factor)
    locked = select(*columns).where(User.id == user_id).with_for_update(key_share=True)
    row = connection.execute(locked).one_or_none()
    if row is None:
        raise NotFound("There is no such user.")
    return row


def _list(table: Table, user_id: int | None) -> Any:
    columns = (table.c.id, table.c.name, table.c.created_at, table.c.last_used_at)
    return select(*columns).where(table.c.user_id == user_id).order_by(table.c.id)


def _checked_name(name: str) -> str:
    errors = FieldErrors()
    with errors.of("name"):
        name = inputs.display_name(name)
    errors.raise_any()
    return name


def _owner(principal: Principal) -> Owner:
    return Owner(_id(principal), principal.email, principal.name)


def _id(principal: Principal) -> int:
    if principal.user_id is None:
        raise NotFound("There is no such user.")
    return principal.user_id
