"""Clients that keep a server waiting: each says a little, and then hardly anything more."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum

import requests

PATIENCE = 8.0  # seconds for an answer; less than a server lets a slow client have
_PAUSE = 0.5  # seconds between two bytes
_FORM = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
_LARGE = b"GET /static/vendor/tabler/tabler.min.css HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Slow(Enum):
    """What the client is slow with: how it begins, and what it goes on with."""

    HEAD = (_FORM + b"X-Slow: ", b"x")
    BODY = (_FORM + b"Content-Length: 1000\r\n\r\nem", b"x")
    CHUNKS = (_FORM + b"Transfer-Encoding: chunked\r\n\r\n2\r\nem\r\n", b"1\r\nx\r\n")
    READING = (_LARGE * 8, b"")  # more than the buffers of a connection take


@contextmanager
def slow_clients(port: int, count: int, slow: Slow, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    """So many clients of a server on loopback, until the end of the block."""
    first, more = slow.value
    done = threading.Event()
    with ExitStack() as stack:
        connections = [stack.enter_context(_connect(port, tls)) for _ in range(count)]

        def trickle() -> None:
            while not done.wait(_PAUSE):
                for connection in connections:
                    with suppress(OSError):  # the server gave up on it
                        connection.send(more)

        for connection in connections:
            connection.sendall(first)
        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _connect(port: int, tls: ssl.SSLContext | None) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    connection.settimeout(PATIENCE)
    connection.connect(("127.0.0.1", port))
    return tls.wrap_socket(connection, server_hostname="localhost") if tls else connection


def sign_in(url: str, email: str, password: str, ca_file: str | None = None) -> None:
    """Sign in as a person does, each answer in time."""
    with requests.Session() as session:
        page = session.get(f"{url}/sign-in", timeout=PATIENCE, verify=ca_file)
        token = re.findall(r'name="csrf_token"[^>]* value="([^"]+)"', page.text)[0]
        fields = {"csrf_token": token, "email": email, "password": password}
        answer = session.post(
            f"{url}/sign-in",
            fields,
            headers={"Referer": "https://localhost/sign-in"},  # as if the port were the usual one
            allow_redirects=False,
            timeout=PATIENCE,
            verify=ca_file,
        )
        assert answer.status_code == 303, answer.text
