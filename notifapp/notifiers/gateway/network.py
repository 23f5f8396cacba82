"""Calls to the outside: only to public addresses unless the operator allows others, and never without end.

A name is resolved once, every address that it stands for is checked, and what is connected to is what was
checked. So a name that answers differently the second time (DNS rebinding) gains nothing, and neither does an
address in an odd notation. TLS still asks for a certificate of the host's name.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import certifi
from flask import current_app

from notifapp.notifiers.gateway.base import SendFailed

Resolver = Callable[..., list[Any]]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
KEEP_SECONDS = 15  # that an idle connection is kept; what lies between may forget one that is silent for longer
_WATCH_SECONDS = 0.05  # between two looks for calls that take too long


@cache
def tls_context() -> ssl.SSLContext:
    """Trusts the system's authorities, for which `SSL_CERT_FILE` may name others, and certifi's.

    Made once: reading them all takes longer than a handshake.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class DestinationRefused(SendFailed):
    """The host is, or stands for, an address that may not be connected to."""

    def __init__(self) -> None:
        reason = "The address belongs to a private network, which this installation doesn't send to."
        super().__init__(reason, code="destination", retryable=False)


class Call:
    """One call: a context within which `connect` works; after `seconds` its connection is cut off.

    Timeouts of a socket bound each step; this bounds all of them together, also against a peer that sends a byte
    now and then. `is_cut` says that it came to that.
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
        """A connected socket; `timeout` is for all of the host's addresses together, in seconds.

        Raise `DestinationRefused`, or OSError where there is no connection.
        """
        try:
            candidates = self._resolve(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise OSError("not a host name") from None
        if not _private_is_allowed() and not all(is_public(candidate[4][0]) for candidate in candidates):
            raise DestinationRefused
        connected = _connect_to_first(candidates, timeout)
        self.hold(connected)
        return connected

    def hold(self, connected: socket.socket) -> None:
        """Be the call of a connection, a new one or one that was kept from an earlier call."""
        if self._socket is not None:
            self._socket.close()
        # A duplicate, because TLS takes the original apart; hanging up works on either.
        self._socket = socket.socket(fileno=os.dup(connected.fileno()))
        if self.is_cut:
            self.cut()

    def cut(self) -> None:
        """Hang up."""
        self.is_cut = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Watch:
    """Cuts the calls whose time is over. One thread for all of them, which sleeps while nobody calls."""

    def __init__(self) -> None:
        self._calls: set[Call] = set()
        self._lock = threading.Lock()
        self._any = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.add(call)
            self._any.set()
            if self._thread is None or not self._thread.is_alive():  # also in a child after a fork
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
    """Whether an IP address is one of the public internet's; of one that carries an IPv4 address, that decides."""
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


def _connect_to_first(candidates: list[Any], timeout: float) -> socket.socket:
    """Connect to the first address that answers. Raise the last one's OSError, or TimeoutError."""
    ends_at = time.monotonic() + timeout
    failure: OSError = TimeoutError("timed out")
    for family, kind, protocol, _, address in candidates:
        left = ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        connecting = socket.socket(family, kind, protocol)
        try:
            connecting.settimeout(left)
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a small message waits for no other
            connecting.connect(address)
            connecting.settimeout(timeout)
            return connecting
        except OSError as error:
            connecting.close()
            failure = error
    raise failure
