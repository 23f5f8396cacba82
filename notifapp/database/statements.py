"""Statements of the hot paths: compiled once per database, then run directly by the driver.

On every call SQLAlchemy builds a statement's cache key, looks up its compiled form, and wraps the cursor and its rows.
For a single row that takes several times as long as SQLite needs to find it. A `Statement` does that work once, at its
first use. Values still pass through their column types, rows are named tuples, and the driver's errors become
SQLAlchemy's, so callers see no difference.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Table, bindparam, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.base import Executable

Processor = Callable[[Any], Any]


class Statement:
    """A Core statement whose values are `bindparam`s, or one such statement per database, by dialect name."""

    def __init__(self, construct: Executable | Mapping[str, Executable]) -> None:
        self._construct = construct
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, /, **values: Any) -> list[Any]:
        """Every row, as named tuples."""
        compiled = self._for(connection.dialect)
        return [compiled.row(raw) for raw in self._run(connection, compiled, values).fetchall()]

    def first(self, connection: Connection, /, **values: Any) -> Any:
        """The first row as a named tuple, or None."""
        compiled = self._for(connection.dialect)
        raw = self._run(connection, compiled, values).fetchone()
        return None if raw is None else compiled.row(raw)

    def execute(self, connection: Connection, /, **values: Any) -> int:
        """Execute it and return the number of affected rows."""
        count: int = self._run(connection, self._for(connection.dialect), values).rowcount
        return count

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            construct = self._construct[dialect.name] if isinstance(self._construct, Mapping) else self._construct
            found = self._compiled[dialect.name] = _Compiled(construct, dialect)
        return found

    def _run(self, connection: Connection, compiled: _Compiled, values: Mapping[str, Any]) -> Any:
        driver: Any = connection.connection.driver_connection
        try:
            return driver.execute(compiled.sql, compiled.parameters(values))
        except connection.dialect.loaded_dbapi.Error as error:
            raise _translated(error, compiled.sql, connection) from error


class _Compiled:
    """The SQL for one dialect, and the conversion of its values and rows."""

    def __init__(self, construct: Executable, dialect: Dialect) -> None:
        compiled: Any = construct.compile(dialect=dialect)  # type: ignore[attr-defined]
        self.sql: str = compiled.string
        self._is_positional: bool = compiled.positional
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        names = compiled.positiontup if self._is_positional else binds
        self._binds = [(name, _bind_processor(binds[name].type, dialect)) for name in names]
        self._fixed = {name: compiled.params[name] for name, bind in binds.items() if not bind.required}
        columns = list(getattr(construct, "exported_columns", ()))
        self._results = [_result_processor(column.type, dialect) for column in columns]
        self._row: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """The driver's parameters: a tuple, or a mapping if it binds by name."""
        given = {**self._fixed, **values}
        if self._is_positional:
            return tuple(given[name] if process is None else process(given[name]) for name, process in self._binds)
        return {name: given[name] if process is None else process(given[name]) for name, process in self._binds}

    def row(self, raw: Iterable[Any]) -> Any:
        """The driver's row as a named tuple, with the values converted by their column types."""
        return self._row._make(
            [value if process is None else process(value) for value, process in zip(raw, self._results, strict=True)]
        )


def insertion(table: Table, *, without: Collection[str] = (), returning: Iterable[Any] = ()) -> Statement:
    """An INSERT of one row with a value for each column except `without`, which the database fills in."""
    construct = insert(table).values(
        {column.name: bindparam(column.name) for column in table.c if column.name not in without}
    )
    return Statement(construct.returning(*returning) if returning else construct)


def upsert(table: Table, complete: Callable[[Any], Any]) -> dict[str, Executable]:
    """An INSERT … ON CONFLICT for each database: `complete` gets the dialect's `insert(table)` and adds the rest."""
    return {"sqlite": complete(sqlite.insert(table)), "postgresql": complete(postgresql.insert(table))}


def _bind_processor(type_: Any, dialect: Dialect) -> Processor | None:
    processor: Processor | None = type_.dialect_impl(dialect).bind_processor(dialect)
    return processor


def _result_processor(type_: Any, dialect: Dialect) -> Processor | None:
    processor: Processor | None = type_.dialect_impl(dialect).result_processor(dialect, None)
    return processor


def _translated(error: Exception, sql: str, connection: Connection) -> BaseException:
    """The driver's error as SQLAlchemy would raise it; a lost connection is invalidated."""
    is_lost = connection.dialect.is_disconnect(error, connection.connection, None)  # type: ignore[arg-type]
    if is_lost:
        connection.invalidate(error)
    dbapi_error = connection.dialect.loaded_dbapi.Error
    return DBAPIError.instance(
        sql, None, error, dbapi_error, hide_parameters=True, connection_invalidated=is_lost, dialect=connection.dialect
    )
