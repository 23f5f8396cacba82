"""How admins manage users, and their memberships and permission codes in projects."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from notifapp import clock, inputs, wording
from notifapp.access import Permission, Principal, credentials, passwords, sessions
from notifapp.access.archived import keep_open
from notifapp.access.models import Membership, MembershipPermission, PasswordLink, Project, User
from notifapp.audit.service import Action, Change, record
from notifapp.database import AnyRow, reading, writing
from notifapp.errors import Conflict, NotFound, ValidationFailed
from notifapp.inputs import FieldErrors
from notifapp.tokens.service import codes_of_member, end_tokens, end_tokens_without_membership

PASSWORD_LINK_LIFETIME = timedelta(hours=24)


def find_user(email: str) -> int:
    """The id of the user with this email address, in any case. Raise `NotFound`."""
    try:
        address = inputs.account_email(email)
    except ValueError:
        raise NotFound("There is no user with this email address.") from None
    with reading() as connection:
        user_id = connection.scalars(select(User.id).where(User.email == address)).one_or_none()
    if user_id is None:
        raise NotFound("There is no user with this email address.")
    return user_id


def create_user(
    email: str, name: str, *, principal: Principal, is_admin: bool = False, password: str | None = None
) -> int:
    """Create a user, who can't sign in without a password. Return the id. Raise `ValidationFailed`."""
    email, name = _checked(email, name, password)
    new = insert(User).values(
        email=email,
        name=name,
        is_admin=is_admin,
        is_active=True,
        created_at=clock.now(),
        password_hash=None if password is None else passwords.hash_password(password),
    )
    try:
        with writing() as connection:
            user_id = connection.execute(new.returning(User.id)).scalar_one()
            detail = {"name": name, "is_admin": is_admin}
            record(connection, Action.USER_CREATED, principal=principal, subject=email, detail=detail)
            return user_id
    except IntegrityError:
        raise _duplicate() from None


def update_user(user_id: int, *, name: str, email: str, is_admin: bool, principal: Principal) -> None:
    """Change a user. A former admin loses the tokens in projects that they are not a member of.

    Raise `ValidationFailed`, also if it would demote the last active admin or the caller.
    """
    email, name = _checked(email, name)
    try:
        with writing() as connection:
            user, is_last_admin = _locked(connection, user_id)
            if user.is_admin and not is_admin:
                _refuse_demotion(user, is_last_admin, principal)
            changes = _changes(user, email, name, is_admin)
            if changes:
                connection.execute(
                    update(User).where(User.id == user_id).values(email=email, name=name, is_admin=is_admin)
                )
                if email != user.email:  # an unused link may have been sent to the old address
                    connection.execute(delete(PasswordLink).where(PasswordLink.user_id == user_id))
                if user.is_admin and not is_admin:
                    reason = "no longer an admin"
                    end_tokens_without_membership(connection, user_id, reason=reason, principal=principal)
                detail = {"changes": changes}
                record(connection, Action.USER_CHANGED, principal=principal, subject=email, detail=detail)
    except IntegrityError:
        raise _duplicate() from None


def deactivate_user(user_id: int, *, principal: Principal) -> None:
    """Deactivate a user: sessions, tokens and a password link end at once, and for good.

    Raise `Conflict` for the caller's own account and for the last active admin.
    """
    with writing() as connection:
        user, is_last_admin = _locked(connection, user_id)
        if user_id == principal.user_id:
            raise Conflict("You can't deactivate yourself. Ask another admin.")
        if is_last_admin:
            raise Conflict("This is the last active admin. Make somebody else an admin first.")
        if user.is_active:
            connection.execute(update(User).where(User.id == user_id).values(is_active=False))
            connection.execute(delete(PasswordLink).where(PasswordLink.user_id == user_id))
            sessions.end_sessions_of(connection, user_id)
            record(connection, Action.USER_DEACTIVATED, principal=principal, subject=user.email)
            end_tokens(connection, user_id, reason="owner deactivated", principal=principal)


def reactivate_user(user_id: int, *, principal: Principal) -> None:
    """Reactivate a user, whose password and memberships become valid again. Tokens that ended stay so."""
    with writing() as connection:
        user, _ = _locked(connection, user_id)
        if not user.is_active:
            connection.execute(update(User).where(User.id == user_id).values(is_active=True))
            record(connection, Action.USER_REACTIVATED, principal=principal, subject=user.email)


def create_password_link(user_id: int, *, principal: Principal) -> str:
    """Create a link that sets this user's password once, within 24 hours; it replaces an earlier one.

    Return its key, of which only the digest is stored. Raise `Conflict` for a deactivated user.
    """
    key = credentials.new_key()
    with writing() as connection:
        user, _ = _locked(connection, user_id)
        if not user.is_active:
            raise Conflict("This user is deactivated. Reactivate the account first.")
        connection.execute(delete(PasswordLink).where(PasswordLink.user_id == user_id))
        expires_at = clock.now() + PASSWORD_LINK_LIFETIME
        digest = credentials.digest(key)
        connection.execute(insert(PasswordLink).values(user_id=user_id, digest=digest, expires_at=expires_at))
        record(connection, Action.PASSWORD_LINK_CREATED, principal=principal, subject=user.email)
    return key


def set_membership(user_id: int, project_id: int, codes: Iterable[int], *, principal: Principal) -> None:
    """Make the user a member of the project with exactly these permission codes.

    Raise `ValidationFailed` for an unknown code, and `Conflict` if the project is archived.
    """
    wanted = set(codes)
    unknown = sorted(wanted.difference(Permission))
    if unknown:
        raise ValidationFailed({"codes": [f"There is no permission code {code}." for code in unknown]})
    with writing() as connection:
        user, _ = _pair(connection, user_id, project_id)
        keep_open(connection, project_id)
        held = codes_of_member(connection, user_id, project_id)
        if held is None:
            connection.execute(
                insert(Membership).values(user_id=user_id, project_id=project_id, created_at=clock.now())
            )
        granted, taken = sorted(wanted - (held or set())), sorted((held or set()) - wanted)
        _write_codes(connection, user_id, project_id, granted, taken)
        if held is None or granted or taken:
            record(
                connection,
                Action.MEMBERSHIP_SET,
                principal=principal,
                subject=user.email,
                project_id=project_id,
                detail={"granted": granted, "taken": taken},
            )


def remove_membership(user_id: int, project_id: int, *, principal: Principal) -> None:
    """Remove a user from a project, with all permission codes and tokens there. Raise `NotFound` for a non-member.

    The tokens of an admin stay, as does the access.
    """
    with writing() as connection:
        user, _ = _pair(connection, user_id, project_id)
        held = codes_of_member(connection, user_id, project_id)
        if held is None:
            raise NotFound("This user is not a member of the project.")
        connection.execute(delete(Membership).where(Membership.user_id == user_id, Membership.project_id == project_id))
        record(
            connection,
            Action.MEMBERSHIP_REMOVED,
            principal=principal,
            subject=user.email,
            project_id=project_id,
            detail={"taken": sorted(held)},
        )
        if not user.is_admin:
            end_tokens_without_membership(
                connection, user_id, project_id, reason="membership removed", principal=principal
            )


def _checked(email: str, name: str, password: str | None = None) -> tuple[str, str]:
    """The normalised email address and name. Raise `ValidationFailed` with every failing field."""
    errors = FieldErrors()
    with errors.of("email"):
        email = inputs.account_email(email)
    with errors.of("name"):
        name = inputs.display_name(name)
    if password is not None and (found := passwords.problems(password, names=(email, name))):
        errors.messages["password"] = found
    errors.raise_any()
    return email, name


def _duplicate() -> ValidationFailed:
    return ValidationFailed({"email": ["A user with this email address already exists."]})


def _refuse_demotion(user: AnyRow, is_last_admin: bool, principal: Principal) -> None:
    if user.id == principal.user_id:
        raise ValidationFailed({"is_admin": ["You can't take away your own admin flag. Ask another admin."]})
    if is_last_admin:
        raise ValidationFailed({"is_admin": ["This is the last active admin. Make somebody else an admin first."]})


def _changes(user: AnyRow, email: str, name: str, is_admin: bool) -> list[Change]:
    """The values that differ."""
    found = [
        Change("Email", user.email, email),
        Change("Name", user.name, name),
        Change("Admin", wording.value(user.is_admin), wording.value(is_admin)),
    ]
    return [change for change in found if change.before != change.after]


def _locked(connection: Connection, user_id: int) -> tuple[AnyRow, bool]:
    """The user's row, locked, and whether this is the last active admin. Raise `NotFound`.

    All active admins are locked too, always in the same order, so that two can't be demoted at the same time.
    """
    is_live_admin = and_(User.is_admin, User.is_active)
    rows = connection.execute(
        select(User.id, User.email, User.name, User.is_admin, User.is_active)
        .where(or_(User.id == user_id, is_live_admin))
        .order_by(User.id)
        .with_for_update(key_share=True)  # a full lock would deadlock with the audit rows that refer to admins
    ).all()
    admins = [row.id for row in rows if row.is_admin and row.is_active]
    for row in rows:
        if row.id == user_id:
            return row, admins == [user_id]
    raise NotFound("There is no such user.")


def _pair(connection: Connection, user_id: int, project_id: int) -> tuple[AnyRow, AnyRow]:
    """The user's and the project's row. The user's is locked, so that changes of one membership are serialised."""
    user = connection.execute(
        select(User.id, User.email, User.is_admin).where(User.id == user_id).with_for_update(key_share=True)
    ).one_or_none()
    project = connection.execute(select(Project.id, Project.archived_at).where(Project.id == project_id)).one_or_none()
    if user is None or project is None:
        raise NotFound("There is no such user." if user is None else "There is no such project.")
    return user, project


def _write_codes(connection: Connection, user_id: int, project_id: int, granted: list[int], taken: list[int]) -> None:
    held = MembershipPermission
    if taken:
        connection.execute(
            delete(held).where(held.user_id == user_id, held.project_id == project_id, held.code.in_(taken))
        )
    if granted:
        rows = [{"user_id": user_id, "project_id": project_id, "code": int(code)} for code in granted]
        connection.execute(insert(held), rows)
