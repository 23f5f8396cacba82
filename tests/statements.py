"""What is sent to the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import event
from sqlalchemy.engine import Engine

from notifapp.database import Statement


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
