"""A database that is too busy says so."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

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


@pytest.mark.slow
def test_a_lost_connection_costs_each_thread_nothing_but_the_call_that_notices(
    databases: Databases, tmp_path: Path
) -> None:
    app = create_app(config_for(databases.make("postgresql"), tmp_path))
    world, api = World(app), ApiClient(app)
    token = world.token(world.admin(), world.project())
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda _: api.get_settings(token).status_code, range(40))) == {200}
        with app.app_context(), db.engine.connect() as connection:
            everybody_else = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            connection.execute(text(f"{everybody_else} AND pid <> pg_backend_pid()"))
        statuses = [api.get_settings(token).status_code]
        statuses += threads.map(lambda _: api.get_settings(token).status_code, range(40))
    assert statuses == [503] + [200] * 40
    with app.app_context():
        db.engine.dispose()


def test_writers_of_two_processes_take_turns(databases: Databases, tmp_path: Path) -> None:
    """Nobody waits for SQLite's own sleeping and asking again: the one that waits is woken."""
    app = create_app(config_for(databases.make("sqlite"), tmp_path))
    world, api = World(app), ApiClient(app)
    token = world.token(world.admin(), world.project())
    turn = app.extensions["database"].turn
    other = os.open(turn._path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as thread:
        changed = thread.submit(api.patch_settings, token, {"notifications_otp_ttl": 60})
        with pytest.raises(TimeoutError):
            changed.result(0.5)
        fcntl.flock(other, fcntl.LOCK_UN)
        assert changed.result(5).status_code == 200
    os.close(other)
    with app.app_context():
        db.engine.dispose()
