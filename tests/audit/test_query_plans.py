"""Every filter of the audit trail is served by an index in the page's own order, however long the trail is."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import text

from notifapp.access import Source
from notifapp.audit import queries
from notifapp.audit.queries import Filters
from notifapp.audit.service import Action
from notifapp.database.keyset import Cursor
from notifapp.extensions import db
from tests.statements import analyze, plans, sent
from tests.world import World

EVENTS = 50_000
PROJECTS = 40

DAYS = datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)
CASES = {
    "ix_audit_event_at": [Filters(), Filters(since=DAYS[0], until=DAYS[1])],
    "ix_audit_event_action": [Filters(action=Action.TOKEN_REVOKED), Filters(action=Action.PROJECT_CREATED)],
    "ix_audit_event_actor": [Filters(actor="a7@example.org"), Filters(actor="nobody@example.org")],
    "ix_audit_event_project": [Filters(project="p-7"), Filters(project="p-7", since=DAYS[0])],
    "ix_audit_event_source": [Filters(source=Source.CLI)],
}
CURSORS = [
    None,
    Cursor(("2026-01-20T00:00:00+00:00", "27000")),
    Cursor(("2026-01-20T00:00:00+00:00", "27000"), is_before=True),
]

_SERIES = {
    "sqlite": (
        "(WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < :events) SELECT i FROM s)",
        "strftime('%Y-%m-%d %H:%M:%f000', '2026-01-01', '+' || i || ' minutes')",
    ),
    "postgresql": (
        "generate_series(1, :events) AS s(i)",
        "timestamptz '2026-01-01 00:00:00+00' + i * interval '1 minute'",
    ),
}


def fill(app: Flask, world: World) -> None:
    """A long trail: a minute between events, 50 actors, 40 projects, few revoked tokens, fewer command lines."""
    for number in range(PROJECTS):
        world.project(f"p-{number}")
    with app.app_context(), db.engine.begin() as connection:
        series, at = _SERIES[connection.dialect.name]
        first = connection.execute(text("SELECT min(id) FROM project")).scalar_one()
        statement = f"""
            INSERT INTO audit_event (at, action, actor, source, project_id, subject, detail)
            SELECT {at}, CASE WHEN i % 1000 = 0 THEN 'token_revoked' ELSE 'settings_changed' END,
                   'a' || (i % 50) || '@example.org', CASE WHEN i % 5000 = 0 THEN 'cli' ELSE 'api' END,
                   {first} + i % {PROJECTS}, 'x', '{{}}'
            FROM {series}"""
        connection.execute(text(statement), {"events": EVENTS})
    with app.app_context():
        analyze()


def plan(filters: Filters, cursor: Cursor | None) -> str:
    """How the database goes about the statement that the page really sends."""
    with sent() as statements:
        queries.list_events(filters, cursor)
    [(_statement, found)] = plans(statements[-1:])
    return found


def test_each_filter_has_its_index(app: Flask, world: World) -> None:
    fill(app, world)
    with app.app_context():
        for index, cases in CASES.items():
            for filters in cases:
                for cursor in CURSORS:
                    found = plan(filters, cursor)
                    assert f" {index}" in found, f"{filters} at {cursor}:\n{found}"
                    assert "Seq Scan on audit_event" not in found
                    assert "TEMP B-TREE" not in found, f"{filters} at {cursor} is sorted:\n{found}"
