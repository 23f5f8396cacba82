"""A shop with two valid notifiers of each channel, and its people."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from notifapp.access import Permission, ProjectRef
from tests.client import Browser
from tests.world import World

READ, UPDATE = Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE


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
