"""When tokens and sessions were last used: requests note it in memory, and a background thread writes it in batches.

So no request waits for the write, and no token or session is written more often than once a minute. If the process is
killed, the last few seconds of notes are lost.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from threading import Lock, Thread
from time import sleep
from typing import TypeVar

from flask import Flask, current_app
from sqlalchemy import bindparam, update
from sqlalchemy.exc import SQLAlchemyError

from notifapp import clock
from notifapp.access.models import ApiToken, UserSession
from notifapp.database import table_of, writing

INTERVAL = 2  # seconds between two writes
BATCH = 500  # tokens or sessions in a transaction
DUE_AFTER = timedelta(minutes=1)
T = TypeVar("T")

_log = logging.getLogger("notifapp.access")
_token, _session = table_of(ApiToken), table_of(UserSession)
_SESSION_USED = (
    update(_session)
    .where(_session.c.id == bindparam("session_id"))
    .values(used_at=bindparam("now"), address=bindparam("seen_at"))
)


class LastUses:
    """One process's notes of used tokens and sessions."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = Lock()
        self._tokens: set[int] = set()
        self._sessions: dict[int, str | None] = {}
        self._thread: Thread | None = None

    def note_token(self, token_id: int) -> None:
        """Note that a token was used now."""
        with self._lock:
            self._tokens.add(token_id)
            self._start()

    def note_session(self, session_id: int, address: str | None) -> None:
        """Note that a session was used now, from this IP address."""
        with self._lock:
            self._sessions[session_id] = address
            self._start()

    def write(self) -> None:
        """Write the notes since the last call to the database."""
        with self._lock:
            tokens, self._tokens = sorted(self._tokens), set()
            sessions, self._sessions = sorted(self._sessions.items()), {}
        for ids in _batches(tokens):
            with self._app.app_context(), writing() as connection:
                are_among_them = _token.c.id.in_(ids)
                connection.execute(update(_token).where(are_among_them).values(last_used_at=clock.now()))
        for used in _batches(sessions):
            now = clock.now()
            with self._app.app_context(), writing() as connection:
                connection.execute(_SESSION_USED, [{"session_id": id_, "seen_at": at, "now": now} for id_, at in used])

    def _start(self) -> None:
        """Start the thread at the first note, because a server may fork after creating the app."""
        if self._thread is None:
            self._thread = Thread(target=self._write_regularly, name="last-uses", daemon=True)
            self._thread.start()

    def _write_regularly(self) -> None:
        while True:
            sleep(INTERVAL)
            try:
                self.write()
            except SQLAlchemyError:
                _log.exception("could not write when tokens and sessions were last used")


def init_app(app: Flask) -> None:
    """Give the app its notes of what was used."""
    app.extensions["last_uses"] = LastUses(app)


def is_due(last_used_at: datetime | None) -> bool:
    """Whether a use now is to be noted: there was none in the last minute."""
    return last_used_at is None or last_used_at < clock.now() - DUE_AFTER


def notes() -> LastUses:
    """The current app's notes."""
    uses: LastUses = current_app.extensions["last_uses"]
    return uses


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
