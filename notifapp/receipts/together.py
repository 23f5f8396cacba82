"""Writes what several threads bring in one transaction.

Gateways push thousands of receipts at once. Each with a commit of its own would have codes wait behind all of them; so
a process writes one batch at a time, and what comes meanwhile is the next batch.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Calls `write` with all that was added since the last call, by one of the threads that added it."""

    def __init__(self, write: Callable[[list[T]], None]) -> None:
        self._write = write
        self._turn = Lock()
        self._adding = Lock()
        self._waiting: list[tuple[T, Future[None]]] = []

    def add(self, item: T) -> None:
        """Return once the item is written. Raise what `write` raises for its batch."""
        written = Future[None]()
        with self._adding:
            self._waiting.append((item, written))
        with self._turn:
            if not written.done():
                self._write_waiting()
        written.result()

    def _write_waiting(self) -> None:
        with self._adding:
            batch, self._waiting = self._waiting, []
        try:
            self._write([item for item, _written in batch])
        except Exception as error:
            for _item, written in batch:
                written.set_exception(error)
        else:
            for _item, written in batch:
                written.set_result(None)
