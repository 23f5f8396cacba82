"""The test stand: what every measurement is given, and the databases that it makes for itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from flask import Flask
from sqlalchemy import ColumnElement, Table, func, select, text

from bench.servers import Server, make_app, serve
from notifapp.extensions import db

PATIENCE = 10  # seconds for what is written down after an answer
KINDS = ("SQLite", "PostgreSQL")
# Nothing that was answered is lost, whichever process dies: the peers' connections are told the same.
_DURABLE: dict[str, dict[str, object]] = {
    "SQLite": {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": 2},
    "PostgreSQL": {"SHOW fsync": "on", "SHOW synchronous_commit": "on"},
}


@dataclass(frozen=True)
class Stand:
    """How much is measured, and where. Each number of `workers` is measured by itself, with `threads` in each."""

    folder: Path
    postgresql: str  # the server's URL, with {} where the database's name goes
    rounds: int
    seconds: float  # of each round
    workers: Sequence[int]
    threads: int
    connections: int
    projects: int  # in the larger database of the settings
    messages: int  # in a worker's backlog
    calls: int  # one at a time, until the message arrives
    challenges: int  # in the larger database of the codes
    receipts: int  # that pour in

    def place(self, kind: str, name: str) -> Place:
        """A migrated database of its own, with keys and a queue beside it."""
        folder = self.folder / f"{name}_{kind}"
        folder.mkdir()
        url = f"sqlite:///{folder}/notifapp.sqlite3"
        if kind == "PostgreSQL":
            with psycopg.connect(self.postgresql.format("postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            url = self.postgresql.format(name)
        app = make_app(url, folder)
        _check_durability(app, kind)
        return Place(kind, url, folder, app)


@dataclass(frozen=True)
class Place:
    """A database, and notifapp on it in this process, to look into it."""

    kind: str
    url: str
    folder: Path
    app: Flask

    @contextmanager
    def serve(
        self, targets: Mapping[str, str], *, workers: int, threads: int, **environment: str
    ) -> Iterator[dict[str, Server]]:
        """Run every target on it, all in the same way."""
        with ExitStack() as stack:
            yield {
                name: stack.enter_context(
                    serve(target, self.url, self.folder, workers=workers, threads=threads, **environment)
                )
                for name, target in targets.items()
            }

    def analyze(self) -> None:
        """Let the planner know what has been written, as PostgreSQL's autovacuum does once a minute."""
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(text("ANALYZE"))

    def count(self, table: Table, *conditions: ColumnElement[bool]) -> int:
        """How many rows there are."""
        statement = select(func.count()).select_from(table).where(*conditions)
        with self.app.app_context(), db.engine.connect() as connection:
            return connection.scalar(statement) or 0

    def count_at_last(self, expected: int, table: Table, *conditions: ColumnElement[bool]) -> int:
        """How many rows there are, once there are as many as expected or that has been waited for in vain."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.count(table, *conditions)) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def queues(self, redis: str) -> dict[str, str]:
        """Where notifapp and the peer queue: the peer in Redis, notifapp there beside PostgreSQL, else in its file."""
        own = {"NOTIFAPP_REDIS_URL": f"{redis}/0"} if self.kind == "PostgreSQL" else {}
        return {"BENCH_REDIS_URL": f"{redis}/1", **own}


def _check_durability(app: Flask, kind: str) -> None:
    with app.app_context(), db.engine.connect() as connection:
        for question, wanted in _DURABLE[kind].items():
            found = connection.exec_driver_sql(question).scalar()
            if found != wanted:
                raise SystemExit(f"{kind}: {question} is {found}, where all that is compared has {wanted}")
