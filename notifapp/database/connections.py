"""The two doors to the database: `reading()` and `writing()`.

Both give the same SQLAlchemy connection throughout a request, for Core statements and for the compiled ones of
statements.py. The driver opens no transaction by itself: a single SELECT needs none, and `writing` opens one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import RLock
from typing import Any, cast

from flask import Flask, current_app, g
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

SQLITE_BUSY_TIMEOUT = 15_000  # milliseconds that a writer waits for one that isn't ours, such as a backup


def init_engine(app: Flask, engine: Engine) -> None:
    """Prepare the engine's connections, and an engine on its pool for the doors."""

    @event.listens_for(engine, "connect")
    def configure(driver: Any, _record: object) -> None:
        if engine.dialect.name == "sqlite":
            driver.isolation_level = None
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                f"busy_timeout={SQLITE_BUSY_TIMEOUT}",
            ):
                driver.execute(f"PRAGMA {pragma}")
        else:
            driver.autocommit = True

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Flask-SQLAlchemy's own engine, which migrations use, expects a transaction as it is usual.
        connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr]

    app.extensions["database"] = create_engine(engine.url, pool=engine.pool)
    app.extensions["write_turn"] = _WriteTurn(Path(engine.url.database or "")) if _is_sqlite(engine) else nullcontext()
    app.teardown_appcontext(lambda _error: release_connection())


def reading() -> AbstractContextManager[Connection]:
    """A connection for single SELECTs, each its own transaction: no BEGIN and no ROLLBACK are sent."""
    return nullcontext(_connection())


@contextmanager
def writing() -> Iterator[Connection]:
    """One transaction that writes: committed at the end of the block, rolled back by any exception.

    On SQLite it begins immediate and in turn, so that concurrent writers wait for each other instead of failing.
    """
    connection = _connection()
    with current_app.extensions["write_turn"]:
        _begin(connection)
        try:
            yield connection
            connection.commit()
        except BaseException:
            connection.rollback()
            raise


def release_connection() -> None:
    """Give the request's connection back to the pool; the next statement takes another.

    Call this before waiting for somebody else, such as a gateway.
    """
    connection: Connection | None = g.pop("connection", None)
    if connection is not None:
        connection.close()


class _WriteTurn:
    """Lets the writers of one SQLite file take turns.

    SQLite itself makes a writer sleep and ask again, so some wait many times as long as others. A lock in the process
    and a lock on a file beside the database, for other processes, wake the next one at once.
    """

    def __init__(self, database: Path) -> None:
        self._lock = RLock()
        self._path = database.with_name(f"{database.name}-turn")
        self._file: int | None = None

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(cast(int, self._file), fcntl.LOCK_UN)
        self._lock.release()


def _connection() -> Connection:
    connection: Connection | None = g.get("connection")
    if connection is None:
        connection = g.connection = current_app.extensions["database"].connect()
    return connection


def _begin(connection: Connection) -> None:
    if not connection.in_transaction():
        connection.begin()  # sends nothing; without it SQLAlchemy would not know that there is something to commit
    statement = "BEGIN IMMEDIATE" if _is_sqlite(connection) else "BEGIN"
    try:
        connection.connection.driver_connection.execute(statement)  # type: ignore[union-attr]
    except connection.dialect.loaded_dbapi.OperationalError as error:  # past SQLAlchemy, which would name it so itself
        raise OperationalError(statement, None, error) from error


def _is_sqlite(of: Connection | Engine) -> bool:
    return of.dialect.name == "sqlite"
