"""An admin, a member and an outsider, and the project that they meet in."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask

from notifapp.access import Permission, ProjectRef
from tests.client import Browser
from tests.world import World


@dataclass
class People:
    """Browsers of the people, each signed in, and their project."""

    project: ProjectRef
    admin: Browser
    staff: Browser
    outsider: Browser


def gather(app: Flask, world: World) -> People:
    """Admin, staff holding 1036 in "Corner Shop" (shop), and an outsider; all at example.org."""
    shop = world.project("shop", "Corner Shop")
    staff = world.member(shop, Permission.NOTIFICATIONS_SETTINGS_READ)
    return People(
        project=shop,
        admin=Browser(app).sign_in(world.admin()),
        staff=Browser(app).sign_in(staff),
        outsider=Browser(app).sign_in(world.user("outsider@example.org")),
    )
