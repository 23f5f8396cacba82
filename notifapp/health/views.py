"""Health checks: whether the process is alive, and whether it is ready to serve requests."""

from __future__ import annotations

from alembic.script import ScriptDirectory
from flask import Response, current_app
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from notifapp.access import public
from notifapp.config import Config
from notifapp.database import reading
from notifapp.delivery.heartbeat import is_worker_running
from notifapp.extensions import MIGRATIONS
from notifapp.web.json_api import json_response


@public
def healthz() -> Response:
    """The process is alive."""
    return json_response({"status": "ok"})


@public
def readyz() -> Response:
    """The database responds and its migrations are current; 503 with the reason otherwise.

    It says whether a worker is running. Where the operator asks for it, a missing one is a 503 too.
    """
    problem = _problem()
    if problem:
        return json_response({"status": "unavailable", "detail": problem}, status=503)
    if is_worker_running():
        return json_response({"status": "ready", "worker": "running"})
    config: Config = current_app.config["NOTIFAPP"]
    if config.ready_needs_worker:
        detail = "No worker is running: start `flask --app app worker`."
        return json_response({"status": "unavailable", "detail": detail, "worker": "missing"}, status=503)
    return json_response({"status": "ready", "worker": "missing"})


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
