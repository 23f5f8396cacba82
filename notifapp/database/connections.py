"""The two doors to the database: `reading()` and `writing()`.

Both give the thread's own SQLAlchemy connection, for Core statements and for the compiled ones of statements.py. It
stays open between requests: there are as many as the server has threads, and none is waited for. The driver opens no
transaction by itself: a single SELECT needs none, and `writing` opens one.
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

SQLITE_BUSY_TIMEOUT = 15_000  # milliseconds that a writer waits for one that isn't ours, such as a backup


def init_engine(app: Flask, engine: Engine) -> None:
    """Prepare the engine's connections, and give the app its doors."""

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
        # Flask-SQLAlchemy's own engine, which migrations use, expects a transaction as it is usual.
        connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr]

    app.extensions["database"] = _Database(engine)


def reading() -> AbstractContextManager[Connection]:
    """A connection for single SELECTs, each its own transaction: no BEGIN and no ROLLBACK are sent."""
    database: _Database = current_app.extensions["database"]
    return database.held().reading


@contextmanager
def writing() -> Iterator[Connection]:
    """One transaction that writes: committed at the end of the block, rolled back by any exception.

    On SQLite it begins immediate and in turn, so that concurrent writers wait for each other instead of failing.
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
    """An engine without the events of Flask-SQLAlchemy's, on the same pool, and each thread's connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = create_engine(engine.url, pool=engine.pool)
        self._threads = threading.local()
        self._losses = 0
        self.turn: AbstractContextManager[object] = nullcontext()
        if _is_sqlite(engine):
            self.turn = _WriteTurn(Path(cast(str, engine.url.database)))
        event.listen(engine.pool, "invalidate", self._note_loss)

    def held(self) -> _Held:
        """This thread's connection, opened when it is first needed."""
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
        """A connection was lost, so the others are most likely lost too: let every thread open a new one."""
        self._losses += 1


class _Held:
    """What a thread holds: its connection, and how many had been lost when it was opened."""

    def __init__(self, connection: Connection, losses: int) -> None:
        self.connection = connection
        self.losses = losses
        self.reading = nullcontext(connection)


class _WriteTurn:
    """Lets the writers of one SQLite file take turns.

    SQLite itself makes a writer sleep and ask again, so some wait many times as long as others. A lock in the process
    and a lock on a file beside the database, for other processes, wake the next one at once.
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
        connection.begin()  # sends nothing; without it SQLAlchemy would not know that there is something to commit
    statement = "BEGIN IMMEDIATE" if _is_sqlite(connection) else "BEGIN"
    try:
        connection.connection.driver_connection.execute(statement)  # type: ignore[union-attr]
    except connection.dialect.loaded_dbapi.OperationalError as error:  # past SQLAlchemy, which would name it so itself
        raise OperationalError(statement, None, error) from error


def _is_sqlite(of: Connection | Engine) -> bool:
    return of.dialect.name == "sqlite"
