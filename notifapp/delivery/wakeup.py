"""Wakes the workers as soon as a delivery is queued.

A wake-up is only a hint: if it is lost, workers find the delivery in the table within a second. So it carries no data,
and failing to send one fails no request.

On one machine it is a byte written to each worker's named pipe in the instance folder; with `NOTIFAPP_REDIS_URL` it is
a message on a Redis channel. A separate job queue would only duplicate the table's ids and cost two more writes.
"""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flask import Flask, current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

CHANNEL = "notifapp:deliveries"
REDIS_TIMEOUT = 5  # seconds
_FOLDER = "workers"

_log = logging.getLogger("notifapp.delivery")


def wake_workers() -> None:
    """Make every worker look for due deliveries."""
    redis = _redis(current_app)
    try:
        if redis is None:
            _write_to_pipes(_folder(current_app))
        else:
            redis.publish(CHANNEL, "")
    except (RedisError, OSError):
        _log.exception("can't wake the workers; they will find the delivery by polling")


@contextmanager
def wakeups(app: Flask) -> Iterator[Pipe | Subscription]:
    """A worker's source of wake-ups, closed at the end of the block."""
    redis = _redis(app)
    source = Pipe(_folder(app)) if redis is None else Subscription(redis)
    try:
        yield source
    finally:
        source.close()


class Pipe:
    """This process's named pipe; writers find it by listing the folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / str(os.getpid())
        unready = self._path.with_suffix(".unready")
        unready.unlink(missing_ok=True)
        os.mkfifo(unready, 0o600)
        # Opened for writing too: once its last writer has gone, a pipe always polls as readable.
        self._descriptor = os.open(unready, os.O_RDWR | os.O_NONBLOCK)
        unready.rename(self._path)

    def wait(self, seconds: float) -> None:
        """Return when woken, or after `seconds`."""
        if select.select([self._descriptor], [], [], seconds)[0]:
            os.read(self._descriptor, 65536)

    def close(self) -> None:
        """Remove and close the pipe."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


class Subscription:
    """A subscription to the Redis channel; if Redis can't be reached, it only waits."""

    def __init__(self, redis: Redis) -> None:
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]

    def wait(self, seconds: float) -> None:
        """Return when woken, or after `seconds`."""
        try:
            if not self._pubsub.subscribed:
                self._pubsub.subscribe(CHANNEL)
            self._pubsub.get_message(timeout=seconds)
            while self._pubsub.get_message() is not None:
                pass
        except (RedisError, OSError):
            _log.exception("can't reach Redis; polling for deliveries every second")
            select.select([], [], [], seconds)

    def close(self) -> None:
        """End the subscription."""
        self._pubsub.close()


def _write_to_pipes(folder: Path) -> None:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:  # no worker has ever run
        return
    for name in filter(str.isdecimal, names):
        path = os.path.join(folder, name)  # a hot path: pathlib would take twice as long as the rest
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it: left behind by a killed worker
            with suppress(FileNotFoundError):
                os.unlink(path)
            continue
        with suppress(BlockingIOError):  # full, so its worker wakes anyway
            os.write(descriptor, b"\0")
        os.close(descriptor)


def _folder(app: Flask) -> Path:
    folder: Path = app.config["NOTIFAPP"].instance_dir
    return folder / _FOLDER


def _redis(app: Flask) -> Redis | None:
    url = app.config["NOTIFAPP"].redis_url
    if url is None:
        return None
    client: Redis | None = app.extensions.get("redis")
    if client is None:
        client = app.extensions["redis"] = Redis.from_url(
            url, socket_connect_timeout=REDIS_TIMEOUT, socket_timeout=REDIS_TIMEOUT, retry=Retry(NoBackoff(), 0)
        )
    return client
