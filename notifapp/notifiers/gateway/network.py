"""Outgoing calls: only to public addresses and to private ones that the operator lists, and bounded in time.

A host name is resolved once, all its addresses are checked, and only those are connected to. So neither a name that
resolves differently the second time (DNS rebinding) nor an unusual notation of an address gets past the check. TLS
still verifies the certificate for the host name.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import certifi
from flask import current_app

from notifapp import destinations
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.names import Resolver, look_up

PRIVATE_ADDRESS = (
    "The address belongs to a private network. To allow it, add it to NOTIFAPP_PRIVATE_DESTINATIONS on the server and "
    "restart it."
)
CLEAR_TEXT = (
    "Without TLS, passwords and codes may only go to private addresses that NOTIFAPP_PRIVATE_DESTINATIONS lists."
)
KEEP_SECONDS = 15  # that an idle connection is kept; middleboxes may drop one that is idle for longer
_LOOK_UP_SECONDS = 5.0  # that a page may wait for a name
_WATCH_SECONDS = 0.05  # between checks for calls that take too long


@cache
def tls_context() -> ssl.SSLContext:
    """A context that trusts the system's CAs, which `SSL_CERT_FILE` overrides, and certifi's.

    Created once: loading them takes longer than a handshake.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class DestinationNotAllowed(SendFailed):
    """The host is, or resolves to, an address that may not be connected to."""

    def __init__(self, reason: str = PRIVATE_ADDRESS) -> None:
        super().__init__(reason, code="destination", retryable=False)


class _Limit(threading.local):
    """When this thread's time limit ends."""

    ends_at = float("inf")


_limit = _Limit()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Within the block all calls of this thread together take no longer than this."""
    _limit.ends_at = time.monotonic() + seconds
    try:
        yield
    finally:
        _limit.ends_at = float("inf")


class Call:
    """A call, as a context manager: `connect` opens its connection, which is cut after `seconds`.

    A socket's timeouts bound each step; this bounds all of them together, even if the peer sends a byte now and then.
    `is_cut` says whether the connection was cut, `is_begun` whether a message may have got through before that.
    """

    def __init__(self, seconds: float, resolve: Resolver = socket.getaddrinfo) -> None:
        self.is_cut = False
        self.is_begun = False
        self.ends_at = min(time.monotonic() + seconds, _limit.ends_at)
        self._resolve = resolve
        self._socket: socket.socket | None = None

    def __enter__(self) -> Call:
        _WATCH.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _WATCH.remove(self)
        if self._socket is not None:
            self._socket.close()

    def connect(self, host: str, port: int, timeout: float, *, clear_text: bool = False) -> socket.socket:
        """A connected socket; `timeout` is for looking the host up and for all of its addresses together, in seconds.

        With `clear_text` nothing will be encrypted, and only listed private destinations are connected to.

        Raise `DestinationNotAllowed`, or `OSError` if no connection can be made.
        """
        ends_at = min(time.monotonic() + timeout, self.ends_at)
        try:
            candidates = look_up(self._resolve, host, port, timeout)
        except UnicodeError:
            raise OSError("not a host name") from None
        _check([candidate[4][0] for candidate in candidates], port, clear_text=clear_text)
        connected = _connect_to_first(candidates, ends_at)
        connected.settimeout(timeout)
        self.hold(connected)
        return connected

    def hold(self, connected: socket.socket) -> None:
        """Make this call use a connection, either a new one or one kept from an earlier call."""
        if self._socket is not None:
            self._socket.close()
        # A duplicate, because TLS detaches the original; shutting down either affects both.
        self._socket = socket.socket(fileno=os.dup(connected.fileno()))
        if self.is_cut:
            self.cut()

    def cut(self) -> None:
        """Shut the connection down."""
        self.is_cut = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Watch:
    """Cuts calls that have run out of time, in one thread, which sleeps while there are none."""

    def __init__(self) -> None:
        self._calls: set[Call] = set()
        self._lock = threading.Lock()
        self._any = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.add(call)
            self._any.set()
            if self._thread is None or not self._thread.is_alive():  # threads don't survive a fork
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()

    def remove(self, call: Call) -> None:
        with self._lock:
            self._calls.discard(call)
            if not self._calls:
                self._any.clear()

    def _run(self) -> None:
        while True:
            self._any.wait()
            now = time.monotonic()
            with self._lock:
                for call in self._calls:
                    if call.ends_at <= now and not call.is_cut:
                        call.cut()
            time.sleep(_WATCH_SECONDS)


_WATCH = _Watch()


def check_host(host: str, port: int) -> None:
    """Raise `ValueError`, in words, if the host is written as an address that `connect` would refuse."""
    address = destinations.literal_address(host)
    if address and not destinations.is_public(address) and not _is_listed(address, port):
        raise ValueError(PRIVATE_ADDRESS)


def may_get_clear_text(host: str, port: int, resolve: Resolver) -> bool:
    """Whether every address of the host is private and listed. Without a list, nothing is resolved."""
    if not _listed():
        return False
    try:
        candidates = look_up(resolve, host, port, _LOOK_UP_SECONDS)
        _check([candidate[4][0] for candidate in candidates], port, clear_text=True)
    except (DestinationNotAllowed, OSError, UnicodeError):
        return False
    return True


def _check(addresses: Iterable[str], port: int, *, clear_text: bool) -> None:
    """Raise `DestinationNotAllowed` unless every one of a host's addresses may be connected to."""
    for address in addresses:
        is_public = destinations.is_public(address)
        if not is_public and not _is_listed(address, port):
            raise DestinationNotAllowed
        if is_public and clear_text:
            raise DestinationNotAllowed(CLEAR_TEXT)


def _is_listed(address: str, port: int) -> bool:
    return destinations.is_listed(address, port, _listed())


def _listed() -> tuple[destinations.PrivateDestination, ...]:
    listed: tuple[destinations.PrivateDestination, ...] = ()
    return current_app.config["NOTIFAPP"].private_destinations if current_app else listed


def _connect_to_first(candidates: list[Any], ends_at: float) -> socket.socket:
    """Connect to the first address that accepts. Raise the last one's OSError, or TimeoutError."""
    failure: OSError = TimeoutError("timed out")
    for family, kind, protocol, _, address in candidates:
        left = ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        connecting = socket.socket(family, kind, protocol)
        try:
            connecting.settimeout(left)
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # send small messages at once
            connecting.connect(address)
            return connecting
        except OSError as error:
            connecting.close()
            failure = error
    raise failure
