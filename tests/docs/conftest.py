"""A SQLite app of this folder's own, and a small project whose ids are those that the document's examples use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from notifapp import create_app
from notifapp.access import passwords
from notifapp.extensions import db
from tests.conftest import Databases, config_for
from tests.world import World


@pytest.fixture
def documented_app(databases: Databases) -> Iterator[Flask]:
    app = create_app(config_for(databases.make("sqlite"), databases._folder))
    app.extensions["password_hasher"] = passwords.make_hasher(cheap=True)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def token(documented_app: Flask) -> str:
    """An admin's token in a project with the notifiers 1 and 2 (SMS) and 3 (email), all with real backends."""
    world = World(documented_app)
    project = world.project()
    world.notifier(project, "sms", "melipayamak_main", backend="melipayamak", secrets={"token": "x" * 20})
    world.notifier(
        project,
        "sms",
        "ippanel_one",
        backend="ippanel",
        settings={"from_number": "+983000101"},
        secrets={"token": "x" * 20},
    )
    smtp = {
        "host": "smtp.example.org",
        "port": 587,
        "username": "shop",
        "from_email": "shop@example.org",
        "use_tls": True,
        "use_ssl": False,
        "fail_silently": False,
    }
    world.notifier(project, "email", "moeinmail", backend="smtp", settings=smtp, secrets={"password": "x" * 20})
    return world.token(world.admin(), project)
