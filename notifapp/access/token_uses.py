"""When tokens were last used: noted in memory by the requests, written down together by a thread of the process.

So no request waits for that write. What was noted in the last seconds is lost when the process is killed.
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
    """The notes of one process."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = Lock()
        self._noted: set[int] = set()
        self._thread: Thread | None = None

    def note(self, token_id: int) -> None:
        """Note that a token is used now."""
        with self._lock:
            self._noted.add(token_id)
            if self._thread is None:  # not before: a server may fork after the app is made
                self._thread = Thread(target=self._write_regularly, name="token-uses", daemon=True)
                self._thread.start()

    def write(self) -> None:
        """Write down what was noted since the last time."""
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
                _log.exception("the last use of tokens could not be written down")


def init_app(app: Flask) -> None:
    """Give the app a place for its notes."""
    app.extensions["token_uses"] = TokenUses(app)


def note(token_id: int) -> None:
    """Note that a token is used now."""
    uses: TokenUses = current_app.extensions["token_uses"]
    uses.note(token_id)
