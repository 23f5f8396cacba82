"""When a token was last used is noted by the requests and written down together, off them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select

from notifapp import clock
from notifapp.access import last_uses
from notifapp.access.models import ApiToken
from notifapp.database import reading
from tests.client import ApiClient
from tests.conftest import Databases, config_for
from tests.delivery.outbox import eventually
from tests.statements import sent
from tests.world import World


def last_use(app: Flask) -> Any:
    with app.app_context(), reading() as connection:
        return connection.execute(select(ApiToken.last_used_at)).scalar_one()


def test_a_call_with_a_token_is_noted_and_written_down_later(app: Flask, api: ApiClient, world: World) -> None:
    token = world.token(world.admin(), world.project())
    with sent() as statements:
        assert api.get_settings(token).status_code == 200
    assert not [statement for statement, _ in statements if statement.startswith("UPDATE")]
    assert last_use(app) is None
    app.extensions["last_uses"].write()
    assert clock.now() - last_use(app) < timedelta(seconds=20)


def test_a_use_within_the_minute_is_not_written_again(app: Flask, api: ApiClient, world: World) -> None:
    just_now = clock.now() - timedelta(seconds=30)
    token = world.token(world.admin(), world.project(), last_used_at=just_now)
    api.get_settings(token)
    app.extensions["last_uses"].write()
    assert last_use(app) == just_now


def test_many_tokens_cost_few_statements(app: Flask, api: ApiClient, world: World) -> None:
    project, admin = world.project(), world.admin()
    tokens = [world.token(admin, project) for _ in range(20)]
    for token in tokens:
        api.get_settings(token)
    with sent() as statements:
        app.extensions["last_uses"].write()
    assert len(statements) == 1


def test_a_refused_token_leaves_no_note(app: Flask, api: ApiClient, world: World) -> None:
    token = world.token(world.user(active=False), world.project())
    assert api.get_settings(token).status_code == 401
    app.extensions["last_uses"].write()
    assert last_use(app) is None


def test_the_notes_are_written_by_themselves(databases: Databases, tmp_path: Any, monkeypatch: Any) -> None:
    from notifapp import create_app
    from notifapp.extensions import db

    monkeypatch.setattr(last_uses, "INTERVAL", 0.05)
    app = create_app(config_for(databases.make("sqlite"), tmp_path))
    world = World(app)
    ApiClient(app).get_settings(world.token(world.admin(), world.project()))
    eventually(lambda: last_use(app))
    with app.app_context():
        db.engine.dispose()
