"""What is sent to the database, and how the database goes about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import event
from sqlalchemy.engine import Engine

from notifapp.database import Statement
from notifapp.extensions import db

_READ_ROW_BY_ROW = {"sqlite": re.compile(r"\bSCAN ([a-z]\w+)"), "postgresql": re.compile(r"Seq Scan on (\w+)")}


@contextmanager
def sent() -> Iterator[list[tuple[str, Any]]]:
    """Within the block, every statement that is sent is added to the list, with its parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        seen.append((statement, parameters))

    run = Statement._run

    def note_compiled(self: Statement, connection: Any, compiled: Any, values: Any) -> Any:
        seen.append((compiled.sql, compiled.parameters(values)))
        return run(self, connection, compiled, values)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with patch.object(Statement, "_run", note_compiled):
            yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def analyze() -> None:
    """Let the planner know how large every table is now, as a database in use knows it."""
    with db.engine.begin() as connection:  # PostgreSQL forgets what isn't committed
        connection.exec_driver_sql("ANALYZE")


def plans(statements: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each statement that looks for rows, with the plan that the database makes for it."""
    with db.engine.connect() as connection:
        explain = "EXPLAIN"
        if connection.dialect.name == "sqlite":
            explain = "EXPLAIN QUERY PLAN"
            connection.exec_driver_sql("ANALYZE sqlite_schema")  # an open connection keeps the statistics that it knows
        for statement, parameters in statements:
            if statement.startswith(("SELECT", "UPDATE", "DELETE")):
                rows = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
                yield statement, "\n".join(str(row[-1]) for row in rows)


def read_row_by_row(plan: str) -> set[str]:
    """The tables that a plan reads from end to end."""
    return set(_READ_ROW_BY_ROW[db.engine.dialect.name].findall(plan))
