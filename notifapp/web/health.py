"""Health checks: whether the process is alive, and whether it is ready to serve requests."""

from __future__ import annotations

from alembic.script import ScriptDirectory
from flask import Response, current_app
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from notifapp.access import public
from notifapp.database import reading
from notifapp.extensions import MIGRATIONS
from notifapp.web.json_api import json_response


@public
def healthz() -> Response:
    """The process is alive."""
    return json_response({"status": "ok"})


@public
def readyz() -> Response:
    """The database responds and its migrations are current; otherwise 503 with the reason."""
    problem = _problem()
    if problem:
        return json_response({"status": "unavailable", "detail": problem}, status=503)
    return json_response({"status": "ready"})


def _problem() -> str | None:
    try:
        with reading() as connection:
            applied = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    except SQLAlchemyError:
        return "The database can't be reached or has not been set up: run `flask --app app init`."
    if set(applied) != set(_heads()):
        return "The database's migrations are not current: run `flask --app app db upgrade`."
    return None


def _heads() -> list[str]:
    heads: list[str] | None = current_app.extensions.get("migration_heads")
    if heads is None:
        heads = current_app.extensions["migration_heads"] = ScriptDirectory(str(MIGRATIONS)).get_heads()
    return heads
