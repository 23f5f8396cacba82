"""Looks host names up within a time, although `getaddrinfo` takes as long as it likes and can't be interrupted.

Each look-up has a thread of its own, which is left to itself once the time is over. So that a resolver that hangs can't
use up the threads, there is one for each name, which all who ask for it share, and `MOST` of them in all.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

Resolver = Callable[..., list[Any]]
MOST = 16  # look-ups at once: more than the messages that a server and a worker send at once with their defaults
_Key = tuple[Resolver, str, int]

_free = threading.BoundedSemaphore(MOST)
_under_way: dict[_Key, Future[list[Any]]] = {}
_lock = threading.Lock()


def look_up(resolver: Resolver, host: str, port: int, seconds: float) -> list[Any]:
    """What `resolver`, which is called like `getaddrinfo`, knows of a host for TCP.

    Raise what it raises, and `TimeoutError` after `seconds`.
    """
    ends_at = time.monotonic() + seconds
    key = (resolver, host, port)
    found = _under_way.get(key)
    if found is None:
        if not _free.acquire(timeout=max(seconds, 0)):
            raise TimeoutError("timed out")
        found = _start(key)
    return found.result(max(ends_at - time.monotonic(), 0))


def _start(key: _Key) -> Future[list[Any]]:
    """Look the name up, unless somebody else has begun to meanwhile; then give the place back."""
    with _lock:
        if key in _under_way:
            _free.release()
            return _under_way[key]
        found = _under_way[key] = Future[list[Any]]()
    threading.Thread(target=_run, args=(key, found), name="name look-up", daemon=True).start()
    return found


def _run(key: _Key, found: Future[list[Any]]) -> None:
    resolver, host, port = key
    try:
        addresses = resolver(host, port, type=socket.SOCK_STREAM)
    except Exception as error:
        _end(key)
        found.set_exception(error)
    else:
        _end(key)
        found.set_result(addresses)


def _end(key: _Key) -> None:
    with _lock:
        del _under_way[key]
    _free.release()
