"""A gateway on loopback, over TLS with a certificate of its own, that answers as it is told."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import trustme

Trust = Callable[[], ssl.SSLContext]


@dataclass
class Received:
    """One request that the gateway got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body.decode()).items()}


class QuietServer(ThreadingHTTPServer):
    """Clients that hang up are what some tests are about."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@dataclass
class Gateway:
    """Set `status`, `answer`, `headers`, `delay` (seconds) or `drip` before the call; read `requests` after it.

    `host` is whom its certificate is for; with `drip` its answer never ends.
    """

    ca: trustme.CA
    host: str = "127.0.0.1"
    status: int = 200
    answer: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    drip: bool = False
    requests: list[Received] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Gateway:
        self._open: list[socket.socket] = []
        self._server = QuietServer(("127.0.0.1", 0), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(self.host).configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._hang_up()
        self._server.server_close()

    def hang_up(self) -> None:
        """Close every connection that clients keep, and leave them time to hear of it."""
        self._hang_up()
        time.sleep(0.05)

    def _hang_up(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections are kept
        disable_nagle_algorithm = True  # else a body waits until its head is acknowledged

        def setup(self) -> None:
            super().setup()
            gateway.connections += 1
            gateway._open.append(self.connection)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            gateway.requests.append(Received(self.path, dict(self.headers), body))
            time.sleep(gateway.delay)
            if gateway.drip:
                self.drip()
            answer = gateway.answer
            payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(gateway.status)
            for name, value in gateway.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST  # noqa: N815

        def drip(self) -> None:
            for _ in range(200):
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.05)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
