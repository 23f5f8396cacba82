"""Nothing is written into a project once it is archived, not even by calls that had already begun.

Archiving locks the project's row (`lock_out_writes`) and every write in a project shares it (`is_open`), so that one
waits for the other. The second sees what the first has done.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, bindparam, select, text
from sqlalchemy.engine import Connection

from notifapp.access.models import Project
from notifapp.access.principal import ProjectArchived
from notifapp.database import Statement, table_of

_project = table_of(Project).c


def is_open(project_id: Any) -> ColumnElement[bool]:
    """Whether the project isn't archived, as a column or condition of a statement that runs anyway.

    It locks the project's row against archiving until the transaction ends. SQLite's writers take turns instead.
    """
    open_project = select(_project.id).where(_project.id == project_id, _project.archived_at.is_(None))
    return open_project.with_for_update(read=True).exists()


_IS_OPEN = Statement(select(is_open(bindparam("project_id")).label("is_open")))


def keep_open(connection: Connection, project_id: int) -> None:
    """Keep the project from being archived until the transaction ends. Raise `ProjectArchived` if it is already."""
    if not _IS_OPEN.first(connection, project_id=project_id).is_open:
        raise ProjectArchived


def lock_out_writes(connection: Connection) -> None:
    """Wait for the writes under way, and have new ones wait until the transaction ends; before archiving.

    On PostgreSQL a row that writers keep sharing may never be free to be locked. A lock of the whole table makes new
    writers queue behind it, while reading goes on. SQLite's writers take turns anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE project IN EXCLUSIVE MODE"))
