"""An app of this folder's own, and a small project whose ids are those that the document's examples use."""

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
def app(databases: Databases) -> Iterator[Flask]:
    """The app on SQLite alone: nothing here depends on the database."""
    app = create_app(config_for(databases.make("sqlite"), databases._folder))
    app.extensions["password_hasher"] = passwords.make_hasher(cheap=True)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def token(world: World) -> str:
    """An admin's token in a project as the document's examples have it: the notifiers 2 (SMS) and 3 (email)."""
    project = world.project()
    world.notifier(project, "sms", "melipayamak_main", enabled=False)
    line = {"from_number": "+983000505"}
    world.notifier(project, "sms", "ippanel_one", backend="ippanel", settings=line, secrets={"token": "x" * 20})
    server = {
        "host": "smtp.example.com",
        "port": 587,
        "username": "shop@example.com",
        "from_email": "shop@example.com",
        "use_tls": True,
        "use_ssl": False,
        "fail_silently": False,
    }
    world.notifier(project, "email", "moeinmail", backend="smtp", settings=server, secrets={"password": "x" * 20})
    return world.token(world.admin(), project)
