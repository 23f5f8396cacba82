"""What a session may take once is gone when it was taken, and after ten minutes."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifapp.access import held_secrets
from notifapp.access.models import HeldSecret, UserSession
from notifapp.database import reading, table_of
from notifapp.delivery.worker import Worker
from tests.client import Browser
from tests.clock import Clock
from tests.world import World


@pytest.fixture
def session_id(app: Flask, world: World) -> int:
    Browser(app).sign_in(world.admin())
    with app.app_context(), reading() as connection:
        return int(connection.execute(select(table_of(UserSession).c.id)).scalar_one())


def held(app: Flask) -> int:
    with app.app_context(), reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table_of(HeldSecret))).scalar_one())


def test_it_is_taken_once(app: Flask, session_id: int) -> None:
    with app.app_context():
        held_secrets.hold(session_id, "token 1", "secret")
        assert held_secrets.take(session_id, "token 1") == "secret"
        assert held_secrets.take(session_id, "token 1") is None


def test_a_worker_erases_what_nobody_took_in_time(app: Flask, session_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock(monkeypatch)
    with app.app_context():
        held_secrets.hold(session_id, "token 1", "secret")
    assert held(app) == 1
    time.advance(held_secrets.LIFETIME.total_seconds())
    with app.app_context():
        assert held_secrets.take(session_id, "token 1") is None
        Worker(app, senders=1)._beat()
    assert held(app) == 0
