"""Signing in and out, and changing the user's own name and password."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, func, or_, select, true, update
from sqlalchemy.engine import Connection

from notifapp import clock, inputs
from notifapp.access import Principal, Source, credentials, passwords, sessions, throttle
from notifapp.access.models import Membership, PasswordLink, Project, User
from notifapp.account import password_limits
from notifapp.account.devices import Device
from notifapp.audit.service import Action, Change, record
from notifapp.database import AnyRow, reading, writing
from notifapp.errors import Conflict, NotFound, ValidationFailed
from notifapp.inputs import FieldErrors
from notifapp.second_factor import pending
from notifapp.second_factor.service import take_reset_notice
from notifapp.tokens.service import end_tokens, is_live

MAX_PROJECTS_NAMED = 100

_WRONG = "The email address or the password is wrong."
_DEAD_LINK = "This link was used already, has expired or was replaced by a newer one. Ask an admin for a new link."


class SignIn(NamedTuple):
    """The key of a new session, or, if it isn't complete, of the second step that is due.

    `was_reset` says that the person has to be told that somebody else removed their second factors.
    """

    key: str
    is_complete: bool = True
    was_reset: bool = False


def sign_in(email: str, password: str, *, device: Device, lifetime: int) -> SignIn:
    """Verify the password, and open a session of `lifetime` seconds unless a second step is due.

    Raise the same `ValidationFailed` for an unknown email address, a wrong password and a deactivated user, and
    `TooManyRequests` after too many failures; see password_limits.py.
    """
    email, typed = _lookup_name(email)
    user = _user_by_email(email)
    taken = throttle.take(_limits_of_sign_in(email, user, device))
    verified = passwords.verify_password(user.password_hash if user else None, password)
    begun = _begin(user, password, device, lifetime) if user and user.is_active and verified else None
    if begun is None:
        stranger = Principal(source=Source.PAGE, email=typed, name="", is_admin=False, address=device.address)
        _record_failure(stranger, "sign-in")
        raise ValidationFailed({"non_field_errors": [_WRONG]})
    throttle.give_back(taken)
    return begun


def open_session(connection: Connection, person: Principal, *, device: str, lifetime: int, method: str) -> SignIn:
    """Open a session for a person who has passed every step.

    `device` is the name to list it under, `method` how the steps were passed, for the audit log.
    """
    user_id = person.user_id or 0
    key = sessions.open_session(connection, user_id, lifetime=lifetime, device=device, address=person.address)
    detail = {"with": method}
    record(connection, Action.SIGNED_IN, principal=person, subject=person.email, detail=detail)
    return SignIn(key, was_reset=take_reset_notice(connection, user_id))


def sign_out(session_id: int, *, principal: Principal) -> None:
    """End this session, so that its cookie and any copy of it become invalid."""
    with writing() as connection:
        sessions.end_session(connection, session_id)
        record(connection, Action.SIGNED_OUT, principal=principal, subject=principal.email)


def change_profile(name: str, time_zone: str, *, principal: Principal) -> None:
    """Change the caller's own name and time zone; a blank zone means the browser's. Raise `ValidationFailed`."""
    errors = FieldErrors()
    with errors.of("name"):
        name = inputs.display_name(name)
    if time_zone and clock.zone(time_zone) is None:
        errors.messages["time_zone"] = ["Choose one from the list."]
    errors.raise_any()
    with writing() as connection:
        mine = User.id == principal.user_id
        before = connection.execute(select(User.name, User.time_zone).where(mine).with_for_update(key_share=True)).one()
        changes = [
            Change(label, old, new)
            for label, old, new in (("Name", before.name, name), ("Time zone", before.time_zone or "", time_zone))
            if old != new
        ]
        if changes:
            connection.execute(update(User).where(mine).values(name=name, time_zone=time_zone or None))
            detail = {"changes": changes}
            record(connection, Action.USER_CHANGED, principal=principal, subject=principal.email, detail=detail)


def change_password(current: str, new: str, *, session_id: int, principal: Principal) -> str:
    """Change the caller's own password, end their other sessions and revoke all their tokens.

    Return the new key of the session in hand: copies of its cookie are worth nothing from then on (NIST SP 800-63B-4
    §5.1, OWASP ASVS 5, 7.2.4). Raise `ValidationFailed` on `current` or `new`, and `TooManyRequests` after too many
    wrong ones.
    """
    errors = _new_password_problems(new, principal.user_id or 0, present=current)
    try:
        user = verify_own_password(current, field="current", what="password change", principal=principal)
    except ValidationFailed as failed:
        raise ValidationFailed({**failed.errors, **errors}) from None
    if errors:
        raise ValidationFailed(errors)
    new_hash = passwords.hash_password(new)
    with writing() as connection:
        unchanged = (User.id == user.id, User.password_hash == user.password_hash)
        changed = update(User).where(*unchanged).values(password_hash=new_hash).returning(User.id)
        if connection.scalars(changed).one_or_none() is None:
            raise Conflict("Your password was changed elsewhere in the meantime.")
        _after_password_change(connection, user.id, principal, keep=session_id)
        return sessions.renew_session(connection, session_id)


def verify_own_password(password: str, *, field: str, what: str, principal: Principal) -> AnyRow:
    """Verify the caller's own password, for `what` in the audit log, and return their account.

    Raise `ValidationFailed` on `field`, and `TooManyRequests` after too many wrong ones.
    """
    taken = throttle.take(password_limits.of_own_password(principal.user_id or 0, principal.address))
    user = _user_by_email(principal.email)
    if user is None or not passwords.verify_password(user.password_hash, password):
        _record_failure(principal, what)
        raise ValidationFailed({field: ["That is not your current password."]})
    throttle.give_back(taken)
    return user


def count_live_tokens(user_id: int) -> int:
    """The number of this user's API tokens that a password change would revoke."""
    with reading() as connection:
        return connection.execute(select(func.count()).where(is_live(user_id))).scalar_one()


def open_password_link(key: str) -> str:
    """The digest of the link's key, which the functions below take. Raise `NotFound` for a dead link."""
    digest = credentials.digest(key)
    peek_password_link(digest)
    return digest


def peek_password_link(digest: str) -> str:
    """The email address of the user whose password this link sets. Raise `NotFound` for a dead link."""
    return str(_linked_user(digest).email)


def set_password_by_link(digest: str, new: str, *, address: str | None) -> int:
    """Use up the link to set its user's password, end all their sessions and revoke all their tokens.

    Return the user's id. Raise `ValidationFailed` on `new`, which leaves the link usable, and `NotFound` for a dead
    link.
    """
    if errors := _new_password_problems(new, _linked_user(digest).id):
        raise ValidationFailed(errors)
    new_hash = passwords.hash_password(new)
    with writing() as connection:
        link = PasswordLink.user_id == User.id
        user = connection.execute(
            select(User.id, User.email, User.name, User.is_admin)
            .join(PasswordLink, link)
            .where(*_live_link(digest))
            .with_for_update(key_share=True)
        ).one_or_none()
        if user is None:
            raise NotFound(_DEAD_LINK)
        connection.execute(update(User).where(User.id == user.id).values(password_hash=new_hash))
        _after_password_change(connection, user.id, _person(user, address))
        return int(user.id)


def _lookup_name(email: str) -> tuple[str, str]:
    """The email address to look up, and what to record of it: never other text, such as a mistyped password."""
    try:
        email = inputs.account_email(email)
        return email, email
    except ValueError:
        return email.strip().lower(), "not an email address"


def _limits_of_sign_in(email: str, user: AnyRow | None, device: Device) -> dict[str, throttle.Limit]:
    mark = device.mark_for(user.id, user.password_hash) if user else None
    return password_limits.of_sign_in(email, device.address, mark)


def _user_by_email(email: str) -> AnyRow | None:
    columns = (User.id, User.email, User.name, User.is_admin, User.is_active, User.password_hash)
    with reading() as connection:
        return connection.execute(select(*columns).where(User.email == email.replace("\0", ""))).one_or_none()


def _linked_user(digest: str) -> AnyRow:
    with reading() as connection:
        user = connection.execute(
            select(User.id, User.email).join(PasswordLink, PasswordLink.user_id == User.id).where(*_live_link(digest))
        ).one_or_none()
    if user is None:
        raise NotFound(_DEAD_LINK)
    return user


def _new_password_problems(new: str, user_id: int, *, present: str | None = None) -> dict[str, list[str]]:
    problems = passwords.problems(new, names=_names_around(user_id))
    if new == present:
        problems.append("Choose a password that you don't use now.")
    return {"new": problems} if problems else {}


def _names_around(user_id: int) -> set[str]:
    """What a stranger would try first: the person's name and email address, and their projects' names."""
    theirs = Project.id.in_(select(Membership.project_id).where(Membership.user_id == user_id))
    statement = (
        select(User.email, User.name, Project.name.label("project"), Project.slug)
        .outerjoin(Project, or_(theirs, User.is_admin))
        .where(User.id == user_id)
        .limit(MAX_PROJECTS_NAMED)
    )
    with reading() as connection:
        return {name for row in connection.execute(statement) for name in row if name}


def _begin(user: AnyRow, password: str, device: Device, lifetime: int) -> SignIn | None:
    """Open a session, or begin the second step if the user has a second factor.

    None if the password has changed or the user was deactivated since the verification.
    """
    stale = passwords.needs_rehash(user.password_hash)
    new_hash = passwords.hash_password(password) if stale else user.password_hash
    with writing() as connection:
        same = (User.id == user.id, User.is_active, User.password_hash == user.password_hash)
        kept = update(User).where(*same).values(password_hash=new_hash).returning(User.has_second_factor)
        has_second_factor = connection.scalars(kept).one_or_none()
        if has_second_factor is None:
            return None
        if has_second_factor:
            return SignIn(pending.start(connection, user.id), is_complete=False)
        person = _person(user, device.address)
        return open_session(connection, person, device=device.name, lifetime=lifetime, method="password")


def _record_failure(principal: Principal, what: str) -> None:
    with writing() as connection:
        detail = {"at": what}
        record(connection, Action.SIGN_IN_FAILED, principal=principal, subject=principal.email, detail=detail)


def _person(user: AnyRow, address: str | None) -> Principal:
    return Principal(
        source=Source.PAGE,
        email=user.email,
        name=user.name,
        is_admin=user.is_admin,
        user_id=user.id,
        address=address,
    )


def _live_link(digest: str) -> tuple[ColumnElement[bool], ...]:
    return (
        PasswordLink.digest == digest,
        PasswordLink.expires_at > clock.now(),
        User.is_active == true(),
    )


def _after_password_change(
    connection: Connection, user_id: int, principal: Principal, *, keep: int | None = None
) -> None:
    """End what the old password may have opened: all sessions except `keep`, password links and tokens."""
    sessions.end_sessions_of(connection, user_id, keep=keep)
    pending.end_all(connection, user_id)
    connection.execute(delete(PasswordLink).where(PasswordLink.user_id == user_id))
    record(connection, Action.PASSWORD_CHANGED, principal=principal, subject=principal.email)
    end_tokens(connection, user_id, reason="password changed", principal=principal)
