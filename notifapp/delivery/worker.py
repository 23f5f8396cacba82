"""Carries out deliveries until it is stopped. There may be several workers, on several machines.

One thread exchanges with the database: it writes down how the last attempts ended and claims the next ones in one
transaction. The others send. A message waits in memory only while each of them has one in hand.
"""

from __future__ import annotations

import logging
import time
from queue import Empty, SimpleQueue
from threading import Thread

from flask import Flask

from notifapp.delivery.heartbeat import BEAT_SECONDS, Heartbeat
from notifapp.delivery.service import Claim, Outcome, exchange, give_up_expired, is_any_due, send
from notifapp.delivery.wakeup import wakeups

LOOK_SECONDS = 1  # between two looks for what is due, when nobody wakes the worker
STOP_SECONDS = 5  # that a send in progress gets to end; after that its lease brings it back

_log = logging.getLogger("notifapp.delivery")


class Worker:
    """A worker with so many senders; `run` returns once it has been told to stop."""

    def __init__(self, app: Flask, senders: int) -> None:
        self._app = app
        self._room = 2 * senders  # each has one in hand and one that waits
        self._claims: SimpleQueue[Claim] = SimpleQueue()
        self._events: SimpleQueue[Outcome | None] = SimpleQueue()  # an outcome, or None for a wake-up
        self._unwritten: list[Outcome] = []
        self._in_hand = 0
        self._is_stopping = False
        self._heartbeat = Heartbeat()
        for number in range(senders):
            Thread(target=self._send, name=f"sender-{number}", daemon=True).start()

    def stop(self) -> None:
        """Claim nothing more, and let `run` return."""
        self._is_stopping = True
        self._events.put(None)

    def run(self) -> None:
        """Send what is due until `stop`."""
        Thread(target=self._listen, name="wake-ups", daemon=True).start()
        _log.info("worker started")
        beaten_at = float("-inf")
        with self._app.app_context():
            while not self._is_stopping:
                self._exchange(self._room - self._in_hand)
                if time.monotonic() - beaten_at > BEAT_SECONDS:
                    self._beat()
                    beaten_at = time.monotonic()
                self._await_events(LOOK_SECONDS)
            self._finish()
        _log.info("worker stopped")

    def _exchange(self, room: int) -> None:
        try:
            if not self._unwritten and not (room and is_any_due()):
                return
            claims = exchange(self._unwritten, room)
        except Exception:  # the database is away or too busy: the outcomes are kept for the next time
            _log.exception("deliveries could not be exchanged with the database")
            time.sleep(LOOK_SECONDS)
            return
        self._unwritten = []
        self._in_hand += len(claims)
        for claim in claims:
            self._claims.put(claim)

    def _await_events(self, seconds: float) -> None:
        """Wait for an outcome or a wake-up, and take all that have come."""
        try:
            self._take(self._events.get(timeout=seconds))
            while True:
                self._take(self._events.get_nowait())
        except Empty:
            pass

    def _take(self, event: Outcome | None) -> None:
        if event is not None:
            self._in_hand -= 1
            self._unwritten.append(event)

    def _beat(self) -> None:
        """Give a sign of life, and give up what has outlived its code."""
        try:
            self._heartbeat.beat()
            give_up_expired()
        except Exception:
            _log.exception("the worker's sign of life could not be written")

    def _finish(self) -> None:
        """Give back what nobody has begun to send, and wait for the rest, but not for long."""
        deadline = time.monotonic() + STOP_SECONDS
        while (waiting := _next(self._claims)) is not None:
            self._events.put(Outcome(waiting, None))
        while self._in_hand and (left := deadline - time.monotonic()) > 0:
            self._await_events(left)
        self._exchange(room=0)
        try:
            self._heartbeat.end()
        except Exception:
            _log.exception("the worker could not sign off; it will be forgotten by itself")

    def _send(self) -> None:
        while True:
            claim = self._claims.get()
            with self._app.app_context():
                self._events.put(send(claim))

    def _listen(self) -> None:
        with self._app.app_context(), wakeups(self._app) as source:
            while not self._is_stopping:
                source.wait(LOOK_SECONDS)
                self._events.put(None)


def _next(claims: SimpleQueue[Claim]) -> Claim | None:
    try:
        return claims.get_nowait()
    except Empty:
        return None
