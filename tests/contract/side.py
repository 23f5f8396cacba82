"""One side of the comparison: an app, and the database behind it, both filled alike."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import Client

from notifapp import clock
from notifapp.access import ProjectRef, credentials
from notifapp.database import reading, table_of, writing
from notifapp.settings.models import NotificationSettings, SettingsRevision
from tests.world import World

PATH = "/api/settings/notifications"

SMS, EMAIL, OTHER_SMS, OTHER_EMAIL, DISABLED_SMS, DISABLED_EMAIL, FOREIGN_SMS, FOREIGN_EMAIL = range(1, 9)
"""The notifiers' ids: two of each channel, one disabled of each, and one of each in another project."""

IN_FORCE = {"sms_notifier_id": SMS, "email_notifier_id": DISABLED_EMAIL, "otp_code_len": 5, "otp_ttl": 120}
"""The settings before each case. The email notifier was disabled after it had been chosen."""


@dataclass(frozen=True)
class Case:
    """One request, and what it is about. `body` is sent as it stands; a header that is None isn't sent."""

    name: str
    body: bytes = b""
    content_type: str | None = "application/json"
    method: str = "PATCH"
    path: str = PATH
    token: str = "staff"
    headers: dict[str, str] = field(default_factory=dict)
    environ: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a request: the answer, and the settings afterwards."""

    status: int
    body: Any
    challenge: str | None
    allow: frozenset[str] | None
    settings: tuple[Any, ...]
    revisions: int


class Side:
    """Sends requests to one of the two apps."""

    def __init__(self, client: Client, app: Flask) -> None:
        """`app` is notifapp on the database that `client` reaches: it fills it and looks into it."""
        self.client = client
        self.app = app
        self.project = _fill(World(app))

    def outcome(self, case: Case) -> Outcome:
        """Put the settings back, send the request, and see what came of it."""
        self._put_back()
        response = self.client.open(
            case.path, method=case.method, input_stream=io.BytesIO(case.body), environ_overrides=_environ(case)
        )
        # DRF tells the methods with every answer; HTTP asks for them only with 405 (RFC 9110, 10.2.1).
        tells_methods = response.status_code == 405 or (case.method == "OPTIONS" and response.status_code == 200)
        allow = response.headers.get("Allow") if tells_methods else None
        return Outcome(
            status=response.status_code,
            body=None if case.method == "HEAD" else response.get_json(silent=True),  # servers leave it out
            challenge=response.headers.get("WWW-Authenticate"),
            allow=frozenset(allow.split(", ")) if allow else None,
            settings=self._settings(),
            revisions=self._revisions(),
        )

    def _put_back(self) -> None:
        settings, revision = table_of(NotificationSettings), table_of(SettingsRevision)
        with self.app.app_context(), writing() as connection:
            connection.execute(revision.delete())
            connection.execute(
                update(settings).where(settings.c.project_id == self.project.id).values(version=0, **IN_FORCE)
            )

    def _settings(self) -> tuple[Any, ...]:
        table = table_of(NotificationSettings)
        columns = [table.c[name] for name in ("version", *IN_FORCE)]
        with self.app.app_context(), reading() as connection:
            return tuple(connection.execute(select(*columns).where(table.c.project_id == self.project.id)).one())

    def _revisions(self) -> int:
        with self.app.app_context(), reading() as connection:
            return connection.execute(select(func.count()).select_from(table_of(SettingsRevision))).scalar_one()


def _environ(case: Case) -> dict[str, Any]:
    authorization = {"Authorization": f"Token {case.token}"} if case.token else {}
    headers = {name.upper().replace("-", "_"): value for name, value in (authorization | case.headers).items()}
    environ: dict[str, Any] = {f"HTTP_{name}": value for name, value in headers.items()}
    environ["CONTENT_LENGTH"] = str(len(case.body))
    environ["CONTENT_TYPE"] = case.content_type or ""
    return environ | case.environ


def _fill(world: World) -> ProjectRef:
    shop, other, archived = world.project("shop"), world.project("other"), world.project("archived")
    made = [
        world.notifier(shop, "sms", "sms_one"),
        world.notifier(shop, "email", "email_one"),
        world.notifier(shop, "sms", "sms_two"),
        world.notifier(shop, "email", "email_two"),
        world.notifier(shop, "sms", "sms_disabled", enabled=False),
        world.notifier(shop, "email", "email_disabled", enabled=False),
        world.notifier(other, "sms", "foreign_sms"),
        world.notifier(other, "email", "foreign_email"),
    ]
    assert made == [SMS, EMAIL, OTHER_SMS, OTHER_EMAIL, DISABLED_SMS, DISABLED_EMAIL, FOREIGN_SMS, FOREIGN_EMAIL]
    for name, codes in {
        "staff": (1036, 1037),
        "reader": (1036,),
        "writer": (1037,),
        "guest": (),
        "else": (2811,),
    }.items():
        _token(world, name, world.member(shop, *codes, email=f"{name}@example.org"), shop)
    _token(world, "admin", world.admin(), shop)
    past = clock.now() - timedelta(days=1)
    late = world.member(shop, 1036, 1037, email="late@example.org")
    _token(world, "expired", late, shop, expires_at=past)
    _token(world, "revoked", late, shop, revoked_at=past)
    _token(world, "valid-for-a-day", late, shop, expires_at=clock.now() + timedelta(days=1))
    _token(world, "inactive", world.user("gone@example.org", active=False), shop)
    _token(world, "archived", late, archived)
    _token(world, "outsider", world.member(other, 1036, 1037, email="outsider@example.org"), shop)
    world.archive(archived)
    return shop


def _token(world: World, text: str, user_id: int, project: ProjectRef, **values: Any) -> None:
    world.token(user_id, project, prefix=text[:16], digest=credentials.digest(text), **values)
