"""The declarative base, column types, and how a transaction begins on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from cryptography.fernet import MultiFernet
from flask import current_app
from sqlalchemy import DateTime, MetaData, Row, Table, Text, event
from sqlalchemy.engine import Connection, Dialect, Engine
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


def prepare_engine(engine: Engine) -> None:
    """Make SQLite behave as a server would: WAL, foreign keys, waiting writers, explicit transactions."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver opens no transaction by itself: `begin` below does
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={SQLITE_BUSY_TIMEOUT}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "BEGIN")
        if mode:
            connection.connection.driver_connection.execute(mode)  # type: ignore[union-attr]


@contextmanager
def read_connection() -> Iterator[Connection]:
    """A connection for single SELECTs, each its own transaction: no BEGIN and no ROLLBACK are sent."""
    with current_app.extensions["read_engine"].connect() as connection:
        yield connection


def make_read_engine(engine: Engine) -> Engine:
    """The same pool as `engine`, without explicit transactions."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(sqlite_begin=None)
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def write_transaction() -> Iterator[Session]:
    """One transaction that writes: committed at the end of the block, rolled back by any exception.

    What was read before is let go first: under WAL a reader's snapshot can't become a writer. On SQLite it
    begins immediate, so that concurrent writers wait for each other instead of failing.
    """
    session: Session = current_app.extensions["sqlalchemy"].session()
    session.rollback()
    session.connection(execution_options={"sqlite_begin": "BEGIN IMMEDIATE"})
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
