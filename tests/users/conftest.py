"""An admin, and somebody to add to a project."""

from __future__ import annotations

import pytest

from notifapp.access import ProjectRef
from tests.client import Browser
from tests.world import World


@pytest.fixture
def shop(world: World) -> ProjectRef:
    """A project, an admin who is user 1, and user 2 who is member of nothing yet."""
    world.admin()
    world.user()
    return world.project()


@pytest.fixture
def admin(shop: ProjectRef, browser: Browser) -> Browser:
    return browser.sign_in(1)
