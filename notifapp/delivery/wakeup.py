"""Tells the workers at once that a delivery waits.

A wake-up is a hint that may be lost, for the row is the truth: without one a worker finds the delivery when it looks
by itself, within a second. So it carries nothing, and one that can't be sent fails nobody's request.

On one machine it is a byte in each worker's named pipe in the instance folder; with `NOTIFAPP_REDIS_URL` a message on a
Redis channel. There is no queue of jobs beside the table: it would hold the same ids once more, and cost two writes.
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
    """Let every worker look for what is due."""
    redis = _redis(current_app)
    try:
        if redis is None:
            _write_to_pipes(_folder(current_app))
        else:
            redis.publish(CHANNEL, "")
    except (RedisError, OSError):
        _log.exception("the workers can't be woken; they will find the delivery by themselves")


@contextmanager
def wakeups(app: Flask) -> Iterator[Pipe | Subscription]:
    """What a worker waits on. Closed at the end of the block."""
    redis = _redis(app)
    source = Pipe(_folder(app)) if redis is None else Subscription(redis)
    try:
        yield source
    finally:
        source.close()


class Pipe:
    """A named pipe of this process's own; writers find it by looking into the folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / str(os.getpid())
        unready = self._path.with_suffix(".unready")
        unready.unlink(missing_ok=True)
        os.mkfifo(unready, 0o600)
        # Open for writing too: a pipe whose last writer has gone would be readable for ever.
        self._descriptor = os.open(unready, os.O_RDWR | os.O_NONBLOCK)
        unready.rename(self._path)

    def wait(self, seconds: float) -> None:
        """Return when woken, or after so many seconds."""
        if select.select([self._descriptor], [], [], seconds)[0]:
            os.read(self._descriptor, 65536)

    def close(self) -> None:
        """Let nobody write here any more."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


class Subscription:
    """A subscription to the Redis channel; without Redis it merely waits."""

    def __init__(self, redis: Redis) -> None:
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]

    def wait(self, seconds: float) -> None:
        """Return when woken, or after so many seconds."""
        try:
            if not self._pubsub.subscribed:
                self._pubsub.subscribe(CHANNEL)
            self._pubsub.get_message(timeout=seconds)
            while self._pubsub.get_message() is not None:
                pass
        except (RedisError, OSError):
            _log.exception("Redis can't be reached; deliveries are looked for every second")
            select.select([], [], [], seconds)

    def close(self) -> None:
        """End it."""
        self._pubsub.close()


def _write_to_pipes(folder: Path) -> None:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:  # there never was a worker
        return
    for name in filter(str.isdecimal, names):
        path = os.path.join(folder, name)  # for each code that is sent: pathlib would cost twice as much as the rest
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it: a killed worker left it
            with suppress(FileNotFoundError):
                os.unlink(path)
            continue
        with suppress(BlockingIOError):  # full, so its worker will be woken anyway
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
