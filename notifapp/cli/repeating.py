"""What the worker does now and then, beside the sending."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

from flask import Flask

from notifapp.database import close_connection

_log = logging.getLogger("notifapp.worker")


class Repeating:
    """A thread that does a job every so many seconds, at once again if it returns True, until its block ends.

    Each job has a thread of its own, because gateways and large tables take their time. A job that fails is logged and
    done again when it is due.
    """

    def __init__(self, app: Flask, name: str, job: Callable[[], object], *, seconds: float) -> None:
        self._app = app
        self._name = name
        self._job = job
        self._seconds = seconds
        self._is_over = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()

    def _run(self) -> None:
        with self._app.app_context():
            while not self._is_over.is_set():
                if not self._is_more():
                    self._is_over.wait(self._seconds)
            close_connection()

    def _is_more(self) -> bool:
        try:
            return self._job() is True
        except Exception:
            _log.exception("%s failed", self._name)
            return False
