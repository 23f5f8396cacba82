"""Gives a request a thread only once all of it has arrived; for granian's RSGI interface.

Under its WSGI interface a view waits in its thread for a body that trickles in, and for a client that reads its
response slowly, so four such clients stop a server of four threads. A proxy that buffers both keeps them off. For
servers without such a proxy, an event loop collects each body here, within a time limit, and takes each response
whole.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, Protocol
from wsgiref.types import WSGIApplication

from notifapp.config import MAX_BODY_BYTES

THREADS = 4
BODY_DEADLINE = 10.0  # seconds for all of a body
_TOO_SLOW = b"The request did not arrive in time.\n"
_NO_PREFIX = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})

Headers = list[tuple[str, str]]


class Scope(Protocol):
    """What granian says of a request (RSGI 1)."""

    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    headers: Any


class Exchange(Protocol):
    """A request's body, and where its response goes."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Send the whole response."""


class Front:
    """Serves a WSGI application by RSGI, with a pool of `THREADS` threads."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pool = ThreadPoolExecutor(THREADS, "request")

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        try:
            body = await _body(scope, exchange)
        except TimeoutError:
            exchange.response_bytes(408, [("Content-Type", "text/plain"), ("Connection", "close")], _TOO_SLOW)
            return
        response = await self._loop.run_in_executor(self._pool, self._respond, _environ(scope, body))
        exchange.response_bytes(*response)

    def _respond(self, environ: dict[str, Any]) -> tuple[int, Headers, bytes]:
        status, headers = 500, Headers()

        def start_response(line: str, fields: Headers, _error: object = None) -> Any:
            nonlocal status, headers
            status, headers = int(line.split(" ", 1)[0]), fields

        chunks: Iterable[bytes] = self._application(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            getattr(chunks, "close", lambda: None)()
        return status, headers, body


async def _body(scope: Scope, exchange: Exchange) -> bytes:
    """All of the body, or as much as shows that it is too large. Raise `TimeoutError` if it takes too long."""
    if "content-length" not in scope.headers and "transfer-encoding" not in scope.headers:
        return b""
    body = bytearray()
    async with asyncio.timeout(BODY_DEADLINE):
        async for part in exchange:
            body += part
            if len(body) > MAX_BODY_BYTES:
                break
    return bytes(body)


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """The request as WSGI (PEP 3333) has it."""
    name, _, port = scope.server.rpartition(":")
    environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": "content-length" not in scope.headers,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for field in set(scope.headers.keys()):
        name = field.upper().replace("-", "_")
        environ[name if name in _NO_PREFIX else f"HTTP_{name}"] = ",".join(scope.headers.get_all(field))
    return environ
