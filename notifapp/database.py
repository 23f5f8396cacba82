"""The declarative base, column types, and how a transaction begins on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from threading import RLock
from typing import Any, cast

from cryptography.fernet import MultiFernet
from flask import Flask, current_app, g
from sqlalchemy import DateTime, MetaData, Row, Table, Text, create_engine, event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

MAX_ID = 2**31 - 1  # ids are PostgreSQL integers; no greater one can name anything
SQLITE_BUSY_TIMEOUT = 15_000  # milliseconds that a writer waits for its turn

AnyRow = Row[*tuple[Any, ...]]

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table's base."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


def table_of(model: type[Base]) -> Table:
    """A model's table, for statements that need no objects."""
    return cast(Table, model.__table__)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite keeps it without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time rather than guess its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give every time back as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class EncryptedJson(TypeDecorator[Any]):
    """A JSON value, encrypted at rest with the newest of the operator's keys and read with any of them."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Encrypt."""
        return None if value is None else vault().encrypt(json.dumps(value).encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Decrypt; raise `cryptography.fernet.InvalidToken` when no listed key fits."""
        return None if value is None else json.loads(vault().decrypt(value.encode()))


def vault() -> MultiFernet:
    """What encrypts secrets at rest in this app."""
    multi_fernet: MultiFernet = current_app.extensions["vault"]
    return multi_fernet


def init_engines(app: Flask, engine: Engine) -> None:
    """Prepare the ORM's engine, and one for Core statements on its pool: without events, they cost half."""
    _prepare(engine)
    app.extensions["core_engine"] = create_engine(engine.url, pool=engine.pool)
    app.extensions["write_turn"] = RLock() if engine.dialect.name == "sqlite" else nullcontext()
    app.teardown_appcontext(lambda _error: release_connection())


def _prepare(engine: Engine) -> None:
    """Let transactions be explicit on both databases, and make SQLite behave as a server would."""

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        # The driver opens no transaction by itself: `begin` below does, so that a single SELECT needs none.
        if engine.dialect.name == "sqlite":
            connection.isolation_level = None
            for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={SQLITE_BUSY_TIMEOUT}"):
                connection.execute(f"PRAGMA {pragma}")
        else:
            connection.autocommit = True

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        _begin(connection, writes=connection.get_execution_options().get("writes", False))


def read_connection() -> AbstractContextManager[Connection]:
    """A connection for single SELECTs, each its own transaction: no BEGIN and no ROLLBACK are sent.

    It is the same one throughout a request, taken from the pool once.
    """
    return nullcontext(_core_connection())


@contextmanager
def write_connection() -> Iterator[Connection]:
    """What `write_transaction` is, for Core statements alone: where each microsecond counts."""
    connection = _core_connection()
    with current_app.extensions["write_turn"]:
        _begin(connection, writes=True)
        try:
            yield connection
            connection.commit()
        except BaseException:
            connection.rollback()
            raise


@contextmanager
def write_transaction() -> Iterator[Session]:
    """One transaction that writes: committed at the end of the block, rolled back by any exception.

    What was read before is let go first: under WAL a reader's snapshot can't become a writer. On SQLite it
    begins immediate, so that concurrent writers wait for each other instead of failing; the threads of one
    process queue at its lock, for SQLite itself waits by sleeping and asking again.
    """
    session: Session = current_app.extensions["sqlalchemy"].session()
    session.rollback()
    release_connection()  # who waits for a connection while holding another lets the pool run dry
    with current_app.extensions["write_turn"]:
        session.connection(execution_options={"writes": True})
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise


def _begin(connection: Connection, *, writes: bool) -> None:
    statement = "BEGIN IMMEDIATE" if writes and connection.dialect.name == "sqlite" else "BEGIN"
    try:
        connection.connection.driver_connection.execute(statement)  # type: ignore[union-attr]
    except connection.dialect.loaded_dbapi.OperationalError as error:  # past SQLAlchemy, which would name it so itself
        raise OperationalError(statement, None, error) from error


def _core_connection() -> Connection:
    connection: Connection | None = g.get("core_connection")
    if connection is None:
        connection = g.core_connection = current_app.extensions["core_engine"].connect()
    return connection


def release_connection() -> None:
    """Give the request's connection back to the pool; the next statement takes another.

    Whoever is about to wait for somebody else, such as a gateway, does this first.
    """
    connection: Connection | None = g.pop("core_connection", None)
    if connection is not None:
        connection.close()
