"""The worker, which sends deliveries and tells events. There may be several workers, on several machines.

One thread talks to the database: in one transaction for each of the two it saves the outcomes of attempts and claims
more. The other threads send: each of the two has its own, so that an endpoint that answers slowly keeps no code
waiting. A claimed message waits in memory only while all senders are busy.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol

from flask import Flask

from notifapp.access import held_secrets
from notifapp.delivery import service as deliveries
from notifapp.delivery.heartbeat import BEAT_SECONDS, Heartbeat
from notifapp.delivery.service import give_up_expired
from notifapp.delivery.wakeup import wakeups
from notifapp.events import outbox as events
from notifapp.notifiers.backends.console import erase_outbox

LOOK_SECONDS = 1  # between polls for what is due, unless woken
STOP_SECONDS = 5  # for sends in progress to end; later ones are retried when their leases expire
EVENT_SENDERS = 4

_log = logging.getLogger("notifapp.delivery")


class Outbox(Protocol):
    """A table of messages to send: delivery/service.py or events/outbox.py. Each has its own claims and outcomes."""

    def is_any_due(self) -> bool:
        """Whether any message is due."""

    def exchange(self, outcomes: Sequence[Any], room: int) -> list[Any]:
        """Save outcomes, and claim up to `room` messages."""

    def send(self, claim: Any) -> Any:
        """Send a claimed message. Return the outcome."""

    def unsent(self, claim: Any) -> Any:
        """The outcome of a claim that is given back."""


class Lane:
    """An outbox with its senders. What they are done with goes into `done`, with the lane."""

    def __init__(self, app: Flask, outbox: Outbox, senders: int, done: Done) -> None:
        self._app = app
        self._outbox = outbox
        self._done = done
        self._room = 2 * senders  # for each sender, one being sent and one waiting
        self._claims: SimpleQueue[Any] = SimpleQueue()
        self._unwritten: list[Any] = []
        self.in_hand = 0
        for number in range(senders):
            Thread(target=self._send, name=f"sender-{number}", daemon=True).start()

    def exchange(self, *, is_last: bool = False) -> None:
        """Save what the senders are done with, and claim more unless it is the last time."""
        room = 0 if is_last else self._room - self.in_hand
        try:
            if not self._unwritten and not (room and self._outbox.is_any_due()):
                return
            claims = self._outbox.exchange(self._unwritten, room)
        except Exception:  # the database is down or too busy: keep the outcomes and try again
            _log.exception("could not exchange messages with the database")
            time.sleep(LOOK_SECONDS)
            return
        self._unwritten = []
        self.in_hand += len(claims)
        for claim in claims:
            self._claims.put(claim)

    def take(self, outcome: Any) -> None:
        """Keep an outcome until it is saved."""
        self.in_hand -= 1
        self._unwritten.append(outcome)

    def give_back(self) -> None:
        """Give back the claims that aren't being sent yet."""
        while (waiting := _next(self._claims)) is not None:
            self._done.put((self, self._outbox.unsent(waiting)))

    def _send(self) -> None:
        while True:
            claim = self._claims.get()
            with self._app.app_context():
                self._done.put((self, self._outbox.send(claim)))


Done = SimpleQueue[tuple[Lane, Any] | None]  # an outcome with its lane, or None for a wake-up


class Worker:
    """A worker with a number of threads that send deliveries, and some that tell events."""

    def __init__(self, app: Flask, senders: int) -> None:
        self._app = app
        self._done: Done = SimpleQueue()
        self._lanes = [Lane(app, deliveries, senders, self._done), Lane(app, events, EVENT_SENDERS, self._done)]
        self._is_stopping = False
        self._heartbeat = Heartbeat()

    def stop(self) -> None:
        """Stop claiming messages, and make `run` return."""
        self._is_stopping = True
        self._done.put(None)

    def run(self) -> None:
        """Send due messages until `stop` is called."""
        Thread(target=self._listen, name="wake-ups", daemon=True).start()
        _log.info("worker started")
        beaten_at = float("-inf")
        with self._app.app_context():
            while not self._is_stopping:
                for lane in self._lanes:
                    lane.exchange()
                if time.monotonic() - beaten_at > BEAT_SECONDS:
                    self._beat()
                    beaten_at = time.monotonic()
                self._await_events(LOOK_SECONDS)
            self._finish()
        _log.info("worker stopped")

    def _await_events(self, seconds: float) -> None:
        """Wait up to `seconds` for an outcome or a wake-up, and take all that have arrived."""
        try:
            self._take(self._done.get(timeout=seconds))
            while True:
                self._take(self._done.get_nowait())
        except Empty:
            pass

    def _take(self, done: tuple[Lane, Any] | None) -> None:
        if done is not None:
            lane, outcome = done
            lane.take(outcome)

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
        for lane in self._lanes:
            lane.give_back()
        while any(lane.in_hand for lane in self._lanes) and (left := deadline - time.monotonic()) > 0:
            self._await_events(left)
        for lane in self._lanes:
            lane.exchange(is_last=True)
        try:
            self._heartbeat.end()
        except Exception:
            _log.exception("the worker could not sign off; it will be forgotten by itself")

    def _listen(self) -> None:
        with self._app.app_context(), wakeups(self._app) as source:
            while not self._is_stopping:
                source.wait(LOOK_SECONDS)
                self._done.put(None)


def _next(claims: SimpleQueue[Any]) -> Any:
    try:
        return claims.get_nowait()
    except Empty:
        return None
