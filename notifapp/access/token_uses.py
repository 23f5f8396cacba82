"""When tokens were last used: requests note it in memory, and a background thread writes it in batches.

So no request waits for the write. If the process is killed, the last few seconds of notes are lost.
"""

from __future__ import annotations

import logging
from threading import Lock, Thread
from time import sleep

from flask import Flask, current_app
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from notifapp import clock
from notifapp.access.models import ApiToken
from notifapp.database import table_of, writing

INTERVAL = 2  # seconds between two writes
BATCH = 500  # tokens in a transaction

_log = logging.getLogger("notifapp.access")
_table = table_of(ApiToken)


class TokenUses:
    """One process's notes of used tokens."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = Lock()
        self._noted: set[int] = set()
        self._thread: Thread | None = None

    def note(self, token_id: int) -> None:
        """Note that a token was used now."""
        with self._lock:
            self._noted.add(token_id)
            if self._thread is None:  # started late, because a server may fork after creating the app
                self._thread = Thread(target=self._write_regularly, name="token-uses", daemon=True)
                self._thread.start()

    def write(self) -> None:
        """Write the notes since the last call to the database."""
        with self._lock:
            noted, self._noted = sorted(self._noted), set()
        for start in range(0, len(noted), BATCH):
            is_among_them = _table.c.id.in_(noted[start : start + BATCH])
            with self._app.app_context(), writing() as connection:
                connection.execute(update(_table).where(is_among_them).values(last_used_at=clock.now()))

    def _write_regularly(self) -> None:
        while True:
            sleep(INTERVAL)
            try:
                self.write()
            except SQLAlchemyError:
                _log.exception("could not write when tokens were last used")


def init_app(app: Flask) -> None:
    """Give the app its notes of used tokens."""
    app.extensions["token_uses"] = TokenUses(app)


def note(token_id: int) -> None:
    """Note that a token was used now."""
    uses: TokenUses = current_app.extensions["token_uses"]
    uses.note(token_id)
