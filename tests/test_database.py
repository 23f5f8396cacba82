"""A database that is too busy says so."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from notifapp import create_app
from notifapp.database import connections
from notifapp.extensions import db
from tests.client import ApiClient
from tests.conftest import Databases, config_for
from tests.world import World


def test_a_writer_that_gets_no_turn_is_told_to_try_again(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SQLITE_BUSY_TIMEOUT", 50)
    url = databases.make("sqlite")
    app = create_app(config_for(url, tmp_path))
    world, api = World(app), ApiClient(app)
    project = world.project()
    token = world.token(world.admin(), project)
    assert api.get_settings(token).status_code == 200  # and the token's use is noted
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        answer = api.patch_settings(token, {"notifications_otp_ttl": 60})
    finally:
        other.close()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert api.patch_settings(token, {"notifications_otp_ttl": 60}).status_code == 200
    with app.app_context():
        db.engine.dispose()
