"""A small world to act in, made directly in the database so that tests of one feature don't lean on another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import insert, select, update

from notifapp import clock
from notifapp.access import ProjectRef, credentials, passwords
from notifapp.access.models import ApiToken, Membership, MembershipPermission, Project, User, UserSession
from notifapp.database import insert_sealed, reading, table_of, unseal, writing
from notifapp.notifiers.models import Notifier
from notifapp.settings import service as settings_service

_notifier = table_of(Notifier).c
PASSWORD = "correct horse battery staple"


class World:
    """Each method makes one thing and returns its id (or, for a token, its text)."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def _insert(self, model: type[Any], **values: Any) -> int:
        with self.app.app_context(), writing() as connection:
            inserted = connection.execute(insert(model).values(**values).returning(model.id))
            return int(inserted.scalar_one())

    def project(self, slug: str = "shop", name: str | None = None) -> ProjectRef:
        with self.app.app_context(), writing() as connection:
            name = name or slug.title()
            values = {"slug": slug, "name": name, "created_at": clock.now()}
            project_id = connection.execute(insert(Project).values(**values).returning(Project.id)).scalar_one()
            settings_service.create_default_settings(connection, project_id)
            return ProjectRef(project_id, slug, name)

    def user(self, email: str = "staff@example.org", *, admin: bool = False, active: bool = True) -> int:
        with self.app.app_context():
            password_hash = passwords.hash_password(PASSWORD)
        return self._insert(
            User,
            email=email,
            name=email.split("@")[0].title(),
            is_admin=admin,
            is_active=active,
            password_hash=password_hash,
            created_at=clock.now(),
        )

    def session(self, user_id: int) -> int:
        """A browser in which this person is signed in, of which nobody has the cookie."""
        now = clock.now()
        times = {"created_at": now, "used_at": now, "expires_at": now + timedelta(hours=1)}
        return self._insert(
            UserSession, user_id=user_id, digest=credentials.new_token()[:64], device="Firefox", **times
        )

    def admin(self, email: str = "admin@example.org") -> int:
        return self.user(email, admin=True)

    def member(self, project: ProjectRef, *codes: int, email: str = "staff@example.org") -> int:
        """A new user who is a member of `project` with these codes."""
        user_id = self.user(email)
        self.join(user_id, project, codes)
        return user_id

    def join(self, user_id: int, project: ProjectRef, codes: Iterable[int]) -> None:
        with self.app.app_context(), writing() as connection:
            membership = {"user_id": user_id, "project_id": project.id, "created_at": clock.now()}
            connection.execute(insert(Membership).values(**membership))
            rows = [{"user_id": user_id, "project_id": project.id, "code": int(code)} for code in codes]
            if rows:
                connection.execute(insert(MembershipPermission), rows)

    def token(self, user_id: int, project: ProjectRef, **values: Any) -> str:
        text = credentials.new_token()
        self._insert(
            ApiToken,
            **{
                "user_id": user_id,
                "project_id": project.id,
                "name": "test",
                "prefix": text[: credentials.TOKEN_PREFIX_LENGTH],
                "digest": credentials.digest(text),
                "created_at": clock.now(),
                **values,
            },
        )
        return text

    def staff_token(self, project: ProjectRef, *codes: int, email: str = "staff@example.org") -> str:
        """A token of a new member of `project` with these codes."""
        return self.token(self.member(project, *codes, email=email), project)

    def notifier(
        self,
        project: ProjectRef,
        channel: str = "sms",
        name: str = "ippanel_one",
        *,
        enabled: bool = True,
        **values: Any,
    ) -> int:
        now = clock.now()
        row: dict[str, Any] = {
            "project_id": project.id,
            "channel": channel,
            "name": name,
            "is_enabled": enabled,
            "backend": "console",
            "settings": {},
            "secrets": {},
            "created_at": now,
            "updated_at": now,
        } | values
        with self.app.app_context(), writing() as connection:
            return int(insert_sealed(connection, table_of(Notifier), row).id)

    def set_enabled(self, notifier_id: int, enabled: bool) -> None:
        with self.app.app_context(), writing() as connection:
            connection.execute(update(Notifier).where(Notifier.id == notifier_id).values(is_enabled=enabled))

    def prove(self, *notifier_ids: int) -> None:
        """As if each had delivered a code that somebody typed back just now."""
        now = clock.now()
        proven = {"digest": "d", "configured_at": now, "proven_digest": "d", "proven_at": now}
        with self.app.app_context(), writing() as connection:
            connection.execute(update(Notifier).where(Notifier.id.in_(notifier_ids)).values(proven))

    def archive(self, project: ProjectRef) -> None:
        with self.app.app_context(), writing() as connection:
            connection.execute(update(Project).where(Project.id == project.id).values(archived_at=clock.now()))


def stored_secrets(app: Flask) -> list[Any]:
    """The secrets of every notifier, decrypted, in the order of their ids."""
    with app.app_context(), reading() as connection:
        rows = connection.execute(select(table_of(Notifier)).order_by(_notifier.id))
        return [unseal(_notifier.secrets, row) for row in rows]
