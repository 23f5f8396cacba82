"""What the stand-ins share: a server, over TLS or plain, the requests it got, and the faults of any gateway."""

from __future__ import annotations

import json
import ssl
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import trustme

from tests.notifiers.gateway import QuietServer

PAGE = b"<html><body>Forbidden by the proxy</body></html>"
# What may happen in front of any gateway: the status and the body.
IN_FRONT: dict[str, tuple[int, bytes]] = {
    "garbage": (200, PAGE),
    "garbage 201": (201, PAGE),
    "nothing": (200, b""),
    "empty object": (200, b"{}"),
    "list": (200, b"[]"),
    "proxy 401": (401, PAGE),
    "proxy 403": (403, PAGE),
    "proxy 404": (404, PAGE),
    "proxy 407": (407, PAGE),
    "limited": (429, PAGE),
    "broken": (500, PAGE),
    "bad gateway": (502, PAGE),
    "maintenance": (503, b"{}"),
    "redirect": (307, b""),
}


@dataclass(frozen=True)
class Request:
    """One request that the stand-in got; `path` begins after the stand-in's base."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


class StandIn(ABC):
    """A provider on loopback. Set `fault` to one of `IN_FRONT` or one of these; read `requests` afterwards.

    "silent" does nothing for a second, "slow" takes the message and says so once the fault is over, "hang up" ends the
    connection.

    `base` is the beginning of the provider's paths. `messages` are the texts or patterns that it took.
    """

    base = ""

    def __init__(self, ca: trustme.CA | None = None) -> None:
        self._ca = ca
        self.fault = ""
        self.requests: list[Request] = []
        self.messages: list[Any] = []

    @abstractmethod
    def answer(self, request: Request) -> tuple[int, Any]:
        """The status, and the JSON or bytes."""

    def __enter__(self) -> Self:
        self._server = QuietServer(("127.0.0.1", 0), _handler(self))
        if self._ca is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._ca.issue_cert("127.0.0.1").configure_cert(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """What stands in the place of the provider's own address."""
        scheme = "http" if self._ca is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}{self.base}"


def _handler(provider: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = parts.path.removeprefix(provider.base)
            request = Request(self.command, path, query, dict(self.headers), body)
            provider.requests.append(request)
            if provider.fault == "hang up":
                self.close_connection = True
                return
            if provider.fault == "silent":
                time.sleep(1)
            status, answer = IN_FRONT.get(provider.fault) or provider.answer(request)
            while provider.fault == "slow":
                time.sleep(0.02)
            payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            if status == 307:
                self.send_header("Location", self.path)
            if status != 204:
                self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload if status != 204 else b"")

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
