"""`flask --app app worker`: carries out deliveries until it is stopped. There may be several, on several machines."""

from __future__ import annotations

import logging
import signal
import time
from threading import Event, Lock, Thread

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from huey.consumer import Consumer

from notifapp.delivery.queue import queue
from notifapp.delivery.service import carry_out, due, give_up_expired

SWEEP_SECONDS = 1  # between two looks for what is due
CLEAN_UP_SECONDS = 5  # between two looks for what has outlived its code
STOP_SECONDS = 5  # that a send in progress gets to end; after that its lease brings it back
POLL_SECONDS = 0.2  # between two looks into the embedded queue

_log = logging.getLogger("notifapp.delivery")


@click.command("worker")
@click.option("--threads", type=click.IntRange(1, 64), default=4, show_default=True, help="Messages sent at once.")
@with_appcontext
def worker(threads: int) -> None:
    """Send what is queued, until SIGINT or SIGTERM."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    stop = Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    _log_problems_of_the_queue()
    consumer = _Consumer(
        queue().huey, workers=threads, periodic=False, max_delay=POLL_SECONDS, shutdown_timeout=STOP_SECONDS
    )
    consumer.start()
    sweeper = Sweeper(app, threads, stop)
    _log.info("worker started")
    while not stop.wait(CLEAN_UP_SECONDS):
        sweeper.clean_up()
        consumer.check_worker_health()
    consumer.stop(graceful=True)
    sweeper.join(STOP_SECONDS)
    _log.info("worker stopped")


class _Consumer(Consumer):  # type: ignore[misc]
    """huey's consumer, which would take the signals for itself and keep one that comes early from the sweeper."""

    def _set_signal_handlers(self) -> None:
        pass


class Sweeper:
    """Finds what is due whatever became of its job: retries, lost jobs, and the deliveries of a dead worker."""

    def __init__(self, app: Flask, threads: int, stop: Event) -> None:
        self._app = app
        self._stop = stop
        self._lock = Lock()
        self._busy: set[int] = set()
        self._threads = [Thread(target=self._sweep, name=f"sweeper-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def join(self, seconds: float) -> None:
        """Wait for sends in progress, no longer than `seconds`."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def clean_up(self) -> None:
        """Fail what has outlived its code."""
        try:
            with self._app.app_context():
                give_up_expired()
        except Exception:
            _log.exception("expired deliveries could not be given up")

    def _sweep(self) -> None:
        while not self._stop.wait(SWEEP_SECONDS):
            try:
                for delivery_id in self._due():
                    if self._stop.is_set():
                        return
                    self._carry_out(delivery_id)
            except Exception:
                _log.exception("the sweep failed")

    def _due(self) -> list[int]:
        with self._app.app_context():
            return due()

    def _carry_out(self, delivery_id: int) -> None:
        with self._lock:
            if delivery_id in self._busy:
                return
            self._busy.add(delivery_id)
        try:
            with self._app.app_context():
                carry_out(delivery_id)
        finally:
            self._busy.discard(delivery_id)


def _log_problems_of_the_queue() -> None:
    """Send the queue's warnings where ours go; its jobs hold nothing but ids."""
    logger = logging.getLogger("huey")
    logger.handlers = logging.getLogger("notifapp").handlers
    logger.setLevel(logging.WARNING)
    logger.propagate = False
