"""Outgoing calls: only to public addresses unless the operator allows others, and bounded in time.

A host name is resolved once, all its addresses are checked, and only those are connected to. So neither a name that
resolves differently the second time (DNS rebinding) nor an unusual notation of an address gets past the check. TLS
still verifies the certificate for the host name.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import threading
import time
from functools import cache
from typing import Any

import certifi
from flask import current_app

from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.names import Resolver, look_up

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
KEEP_SECONDS = 15  # that an idle connection is kept; middleboxes may drop one that is idle for longer
_WATCH_SECONDS = 0.05  # between checks for calls that take too long


@cache
def tls_context() -> ssl.SSLContext:
    """A context that trusts the system's CAs, which `SSL_CERT_FILE` overrides, and certifi's.

    Created once: loading them takes longer than a handshake.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class DestinationRefused(SendFailed):
    """The host is, or resolves to, an address that may not be connected to."""

    def __init__(self) -> None:
        reason = (
            "The address belongs to a private network. To allow those, set NOTIFAPP_ALLOW_PRIVATE_DESTINATIONS=1 on "
            "the server and restart it."
        )
        super().__init__(reason, code="destination", retryable=False)


class Call:
    """A call, as a context manager: `connect` opens its connection, which is cut after `seconds`.

    A socket's timeouts bound each step; this bounds all of them together, even if the peer sends a byte now and then.
    `is_cut` says whether the connection was cut.
    """

    def __init__(self, seconds: float, resolve: Resolver = socket.getaddrinfo) -> None:
        self.is_cut = False
        self.ends_at = time.monotonic() + seconds
        self._resolve = resolve
        self._socket: socket.socket | None = None

    def __enter__(self) -> Call:
        _WATCH.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _WATCH.remove(self)
        if self._socket is not None:
            self._socket.close()

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connected socket; `timeout` is for looking the host up and for all of its addresses together, in seconds.

        Raise `DestinationRefused`, or `OSError` if no connection can be made.
        """
        ends_at = time.monotonic() + timeout
        try:
            candidates = look_up(self._resolve, host, port, timeout)
        except UnicodeError:
            raise OSError("not a host name") from None
        if not _private_is_allowed() and not all(is_public(candidate[4][0]) for candidate in candidates):
            raise DestinationRefused
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


def is_public(address: str) -> bool:
    """Whether an IP address is public. If it embeds an IPv4 address, that one decides."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        ip = _carried(ip) or ip
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or getattr(ip, "is_site_local", False))


def _carried(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def _private_is_allowed() -> bool:
    return bool(current_app) and bool(current_app.config["NOTIFAPP"].allow_private_destinations)


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
