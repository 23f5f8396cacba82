"""The only access to the database: `reading()` and `writing()`.

Both return the thread's SQLAlchemy connection, for Core statements and for the compiled ones of statements.py. It stays
open between requests, so there is one per server thread and no thread waits for another's. The driver runs in
autocommit mode: a single SELECT needs no transaction, and `writing` opens one.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

from flask import Flask, current_app
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

SQLITE_BUSY_TIMEOUT = 15_000  # milliseconds to wait for a writer outside this application, such as a backup


def init_engine(app: Flask, engine: Engine) -> None:
    """Configure the engine's connections, and let the app use `reading` and `writing`."""

    @event.listens_for(engine, "connect")
    def configure(driver: Any, _record: object) -> None:
        if engine.dialect.name == "sqlite":
            driver.isolation_level = None
            pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={SQLITE_BUSY_TIMEOUT}")
            for pragma in pragmas:
                driver.execute(f"PRAGMA {pragma}")
        else:
            driver.autocommit = True

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Migrations use Flask-SQLAlchemy's engine, which expects a transaction.
        connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr]

    app.extensions["database"] = _Database(engine)


def reading() -> AbstractContextManager[Connection]:
    """A connection for single SELECTs, in autocommit mode: neither BEGIN nor ROLLBACK is sent."""
    database: _Database = current_app.extensions["database"]
    return database.held().reading


@contextmanager
def writing() -> Iterator[Connection]:
    """A write transaction: committed at the end of the block, rolled back on any exception.

    On SQLite it is `BEGIN IMMEDIATE` and writers take turns, so they wait for each other instead of failing.
    """
    database: _Database = current_app.extensions["database"]
    connection = database.held().connection
    with database.turn:
        _begin(connection)
        try:
            yield connection
            connection.commit()
        except BaseException:
            connection.rollback()
            raise


def close_connection() -> None:
    """Close this thread's connection; the next statement opens another."""
    database: _Database = current_app.extensions["database"]
    database.close()


class _Database:
    """Each thread's connection, from an engine that shares Flask-SQLAlchemy's pool but not its events."""

    def __init__(self, engine: Engine) -> None:
        self._engine = create_engine(engine.url, pool=engine.pool)
        self._threads = threading.local()
        self._losses = 0
        self.turn: AbstractContextManager[object] = nullcontext()
        if _is_sqlite(engine):
            self.turn = _WriteTurn(Path(cast(str, engine.url.database)))
        event.listen(engine.pool, "invalidate", self._note_loss)

    def held(self) -> _Held:
        """This thread's connection, opened when first needed."""
        held: _Held | None = getattr(self._threads, "held", None)
        if held is None or held.losses != self._losses:
            self.close()
            held = self._threads.held = _Held(self._engine.connect(), self._losses)
        return held

    def close(self) -> None:
        held: _Held | None = self._threads.__dict__.pop("held", None)
        if held is not None:
            held.connection.close()

    def _note_loss(self, *_: object) -> None:
        """Make every thread open a new connection: when one is lost, the others most likely are too."""
        self._losses += 1


class _Held:
    """A thread's connection, and how many connections had been lost when it was opened."""

    def __init__(self, connection: Connection, losses: int) -> None:
        self.connection = connection
        self.losses = losses
        self.reading = nullcontext(connection)


class _WriteTurn:
    """Makes the writers of one SQLite file take turns.

    In SQLite itself a writer sleeps and polls, so some wait many times longer than others. Two locks, one within the
    process and one on a file beside the database for other processes, wake the next writer at once.
    """

    def __init__(self, database: Path) -> None:
        self._lock = threading.RLock()
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


def _begin(connection: Connection) -> None:
    if not connection.in_transaction():
        connection.begin()  # sends nothing, but lets SQLAlchemy know that there is something to commit
    statement = "BEGIN IMMEDIATE" if _is_sqlite(connection) else "BEGIN"
    try:
        connection.connection.driver_connection.execute(statement)  # type: ignore[union-attr]
    except connection.dialect.loaded_dbapi.OperationalError as error:  # raise what SQLAlchemy would
        raise OperationalError(statement, None, error) from error


def _is_sqlite(of: Connection | Engine) -> bool:
    return of.dialect.name == "sqlite"
