"""The worker, which sends deliveries. There may be several workers, on several machines.

One thread talks to the database: in one transaction it saves the outcomes of attempts and claims more deliveries. The
other threads send. A claimed message waits in memory only while all senders are busy.
"""

from __future__ import annotations

import logging
import time
from queue import Empty, SimpleQueue
from threading import Thread

from flask import Flask

from notifapp.access import held_secrets
from notifapp.delivery.heartbeat import BEAT_SECONDS, Heartbeat
from notifapp.delivery.service import Claim, Outcome, exchange, give_up_expired, is_any_due, send
from notifapp.delivery.wakeup import wakeups
from notifapp.notifiers.backends.console import erase_outbox

LOOK_SECONDS = 1  # between polls for due deliveries, unless woken
STOP_SECONDS = 5  # for sends in progress to end; later ones are retried when their leases expire

_log = logging.getLogger("notifapp.delivery")


class Worker:
    """A worker with a number of sender threads."""

    def __init__(self, app: Flask, senders: int) -> None:
        self._app = app
        self._room = 2 * senders  # for each sender, one being sent and one waiting
        self._claims: SimpleQueue[Claim] = SimpleQueue()
        self._events: SimpleQueue[Outcome | None] = SimpleQueue()  # an outcome, or None for a wake-up
        self._unwritten: list[Outcome] = []
        self._in_hand = 0
        self._is_stopping = False
        self._heartbeat = Heartbeat()
        for number in range(senders):
            Thread(target=self._send, name=f"sender-{number}", daemon=True).start()

    def stop(self) -> None:
        """Stop claiming deliveries, and make `run` return."""
        self._is_stopping = True
        self._events.put(None)

    def run(self) -> None:
        """Send due deliveries until `stop` is called."""
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
        except Exception:  # the database is down or too busy: keep the outcomes and try again
            _log.exception("could not exchange deliveries with the database")
            time.sleep(LOOK_SECONDS)
            return
        self._unwritten = []
        self._in_hand += len(claims)
        for claim in claims:
            self._claims.put(claim)

    def _await_events(self, seconds: float) -> None:
        """Wait up to `seconds` for an outcome or a wake-up, and take all that have arrived."""
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
        """Give a sign of life; give up what has outlived its code, and erase what was kept for too long."""
        try:
            self._heartbeat.beat()
            give_up_expired()
            held_secrets.forget_expired()
            erase_outbox()
        except Exception:
            _log.exception("the worker's sign of life could not be written")

    def _finish(self) -> None:
        """Give back the claims that aren't being sent yet, and wait a few seconds for the others."""
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
