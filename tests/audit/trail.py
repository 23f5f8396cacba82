"""What the audit trail holds, and how to make it refuse to hold anything more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import select, text

from notifapp.audit.models import AuditEvent
from notifapp.extensions import db

_REFUSE = {
    "sqlite": ["CREATE TRIGGER refuse BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'refused'); END"],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON audit_event EXECUTE FUNCTION refuse()",
    ],
}
_ACCEPT = {
    "sqlite": ["DROP TRIGGER refuse"],
    "postgresql": ["DROP TRIGGER refuse ON audit_event", "DROP FUNCTION refuse"],
}


def events(app: Flask, *actions: str) -> list[AuditEvent]:
    """The events of these kinds, or all, oldest first."""
    with app.app_context():
        found = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    return [event for event in found if event.action in actions or not actions]


@contextmanager
def refusing(app: Flask) -> Iterator[None]:
    """Within the block the database itself refuses every audit event."""
    _run(app, _REFUSE)
    try:
        yield
    finally:
        _run(app, _ACCEPT)


def _run(app: Flask, statements: dict[str, list[str]]) -> None:
    with app.app_context(), db.engine.begin() as connection:
        for statement in statements[connection.dialect.name]:
            connection.execute(text(statement))
