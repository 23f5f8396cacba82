"""Tells a worker at once which delivery to carry out.

A job is a hint that may be lost, for the row is the truth: what no job brings, the worker's sweeper finds. So a
queue that can't be reached delays a message by a second or so, and fails nobody's request.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import Any

from flask import Flask, current_app
from huey import Huey, RedisHuey, SqliteHuey
from huey.registry import Message as Job
from huey.serializer import Serializer
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from notifapp.delivery.service import carry_out

NAME = "notifapp"
FILE = "queue.sqlite3"
REDIS_TIMEOUT = 5  # seconds; longer than the one second for which a worker's read blocks

_log = logging.getLogger("notifapp.delivery")


class Queue:
    """The queue of delivery ids: a file beside the embedded database, or Redis where the operator names one."""

    def __init__(self, app: Flask) -> None:
        config = app.config["NOTIFAPP"]
        self.huey = _in_redis(config.redis_url) if config.redis_url else _in_file(str(config.instance_dir / FILE))

        @self.huey.task(name="carry_out")  # type: ignore[untyped-decorator]
        def carry_out_in_app(delivery_id: int) -> None:
            with app.app_context():
                carry_out(delivery_id)

        self._carry_out = carry_out_in_app

    def push(self, delivery_id: int) -> None:
        """Add a job. Raise the queue's own errors."""
        self._carry_out(delivery_id)


def push(delivery_id: int) -> None:
    """Hand a committed delivery to a worker. A queue that can't be opened or reached is logged, no more."""
    try:
        queue().push(delivery_id)
    except (RedisError, sqlite3.Error, OSError):
        _log.exception("the queue can't be reached; the sweeper will find the delivery")


def queue() -> Queue:
    """This app's queue, opened when it is first needed."""
    opened: Queue | None = current_app.extensions.get("queue")
    if opened is None:
        opened = current_app.extensions["queue"] = Queue(current_app._get_current_object())  # type: ignore[attr-defined]
    return opened


class _Jobs(Serializer):  # type: ignore[misc]
    """Jobs as JSON. huey's own pickle would let whoever writes to the queue run code in the worker."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps({"id": data.id, "name": data.name, "args": data.args}).encode()

    def _deserialize(self, data: bytes) -> Any:
        job = json.loads(bytes(data))
        return Job(id=job["id"], name=job["name"], args=job["args"], kwargs={})


def _in_file(path: str) -> Huey:
    # No fsync and no results: a job is but a hint.
    return SqliteHuey(NAME, filename=path, fsync=False, results=False, serializer=_Jobs())


def _in_redis(url: str) -> Huey:
    pool = ConnectionPool.from_url(
        url, socket_connect_timeout=REDIS_TIMEOUT, socket_timeout=REDIS_TIMEOUT, retry=Retry(NoBackoff(), 0)
    )
    return RedisHuey(NAME, connection_pool=pool, results=False, serializer=_Jobs())
