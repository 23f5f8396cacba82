"""Whether the process answers, and whether it can do its work."""

from __future__ import annotations

from pathlib import Path

from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from notifapp.access import public
from notifapp.api import json_answer
from notifapp.database import read_connection

MIGRATIONS = Path(__file__).parent / "migrations"

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    """The process is alive."""
    return json_answer({"status": "ok"})


@blueprint.get("/readyz")
@public
def readyz() -> Response:
    """The database answers and its migrations are current; 503 with the reason otherwise."""
    problem = _problem()
    if problem:
        return json_answer({"status": "unavailable", "detail": problem}, status=503)
    return json_answer({"status": "ready"})


def _problem() -> str | None:
    try:
        with read_connection() as connection:
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
