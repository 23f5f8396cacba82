"""Users, projects, memberships with their permissions, and credentials."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, String, UniqueConstraint, false, true
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from notifapp.access.permissions import Permission
from notifapp.database import Base, Sealed, UtcDateTime

_CODES = ", ".join(str(int(code)) for code in Permission)


class Project(Base):
    """A tenant, such as a shop or an app. No data crosses its boundary."""

    __tablename__ = "project"
    __table_args__ = (
        CheckConstraint("slug <> ''", "slug_not_empty"),
        CheckConstraint("name <> ''", "name_not_empty"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    phone_region: Mapped[str | None] = mapped_column(String(2))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class User(Base):
    """A person. `email` is normalised and in lower case; without a password hash the user can't sign in.

    Without a time zone the browser's is used. `has_second_factor` is true as long as there is a passkey or an
    authenticator app; `second_factor_reset_at` is set when somebody else removed them, until the user has been told.
    """

    __tablename__ = "user_account"
    __table_args__ = (
        CheckConstraint("email = lower(email)", "email_lower"),
        CheckConstraint("name <> ''", "name_not_empty"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(server_default=false())
    is_active: Mapped[bool] = mapped_column(server_default=true())
    time_zone: Mapped[str | None] = mapped_column(String(64))
    has_second_factor: Mapped[bool] = mapped_column(server_default=false())
    second_factor_reset_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Membership(Base):
    """A user's membership in a project. A user may hold different codes in different projects."""

    __tablename__ = "membership"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MembershipPermission(Base):
    """One permission code that a member holds in a project."""

    __tablename__ = "membership_permission"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "project_id"], ["membership.user_id", "membership.project_id"], ondelete="CASCADE"
        ),
        CheckConstraint(f"code IN ({_CODES})", "code_known"),
    )

    user_id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Codes(TypeDecorator[frozenset[int]]):
    """A set of permission codes as text, such as "9001,9002"; the hot path reads it without a second table."""

    impl = String(200)
    cache_ok = True

    def process_bind_param(self, value: frozenset[int] | None, dialect: Dialect) -> str | None:
        """Write the codes in their order."""
        return None if value is None else ",".join(str(int(code)) for code in sorted(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> frozenset[int] | None:
        """Read what `process_bind_param` wrote."""
        return None if value is None else frozenset(map(int, value.split(",")))


class ApiToken(Base):
    """A credential for one user in one project. Shown once; only a public prefix and the SHA-256 are stored.

    It may do what its owner may, but nothing outside `codes` unless these are null. No codes at all can't be stored,
    so that only null ever means all of them.
    """

    __tablename__ = "api_token"
    __table_args__ = (
        CheckConstraint("name <> ''", "name_not_empty"),
        CheckConstraint("codes <> ''", "codes_not_empty"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    codes: Mapped[frozenset[int] | None] = mapped_column(Codes)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UserSession(Base):
    """A signed-in browser.

    A cookie is valid only as long as this row exists (OWASP ASVS 5, 7.4.1). `device` is a name such as "Firefox on
    Windows"; `address` is the IP address of the last use; `proved_at` is when a password or a passkey was last given.
    """

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    device: Mapped[str] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(45))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    proved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class HeldSecret(Base):
    """What a session may take once, for some minutes; see held_secrets.py."""

    __tablename__ = "held_secret"
    __table_args__ = (UniqueConstraint("session_id", "purpose"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("user_session.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(254))
    value: Mapped[str] = mapped_column(Sealed("session_id", "purpose"))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class PasswordLink(Base):
    """A link that sets a password once; each user has at most one."""

    __tablename__ = "password_link"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Throttle(Base):
    """The number of tries in the current window; see throttle.py."""

    __tablename__ = "throttle"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    window_started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    count: Mapped[int]
