"""A shop with two valid notifiers of each channel, and its people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from notifapp.access import Permission, ProjectRef
from notifapp.audit.models import AuditEvent
from notifapp.database import reading
from notifapp.settings.models import SettingsRevision
from tests.client import ApiClient, Browser
from tests.world import World

READ, UPDATE = Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE
UNTOUCHED = {
    "notifications_sms_notifier_data": None,
    "notifications_email_notifier_data": None,
    "notifications_otp_code_len": 5,
    "notifications_otp_ttl": 120,
}
Patch = Callable[..., TestResponse]
Shown = Callable[[], Any]


@dataclass
class Shop:
    """The project, its notifiers' ids, and a member who holds 1036 and 1037."""

    project: ProjectRef
    sms: int
    other_sms: int
    email: int
    staff: int
    path: str


@pytest.fixture
def shop(world: World) -> Shop:
    project = world.project("shop")
    return Shop(
        project=project,
        sms=world.notifier(project, "sms", "ippanel_one"),
        other_sms=world.notifier(project, "sms", "kavenegar_two"),
        email=world.notifier(project, "email", "moeinmail"),
        staff=world.member(project, READ, UPDATE),
        path=f"/projects/{project.slug}/settings",
    )


@pytest.fixture
def staff(browser: Browser, shop: Shop) -> Browser:
    """A browser in which the staff member is signed in."""
    return browser.sign_in(shop.staff)


@pytest.fixture
def token(world: World, shop: Shop) -> str:
    return world.token(shop.staff, shop.project)


@pytest.fixture
def patch(api: ApiClient, token: str) -> Patch:
    """Send these fields as JSON; or with `data` and `content_type`, any body."""

    def send(fields: object = None, **options: Any) -> TestResponse:
        if "data" in options:
            return api.call("PATCH", api.PATH, token, **options)
        return api.patch_settings(token, fields)

    return send


@pytest.fixture
def shown(api: ApiClient, token: str) -> Shown:
    """What a GET shows."""
    return lambda: api.get_settings(token).json


def written(app: Flask) -> tuple[int, int]:
    """How many revisions and audit events there are."""
    with app.app_context(), reading() as connection:
        counts = [
            connection.scalar(select(func.count()).select_from(table)) for table in (SettingsRevision, AuditEvent)
        ]
    return counts[0] or 0, counts[1] or 0
