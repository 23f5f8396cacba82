"""A load generator: one thread, a few keep-alive connections, each with one request under way."""

from __future__ import annotations

import http.client
import json
import math
import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def token_of(project: int) -> str:
    """The token of the project's one member (see seed.py), in the form that the app itself gives out."""
    return f"ntf_{project:08x}{project:064x}"


def by_token_of(project: int) -> str:
    """The header that says that the project's one member is calling."""
    return f"Authorization: Token {token_of(project)}"


def request(method: str, path: str, caller: str, body: bytes = b"") -> bytes:
    """A request as it is sent; `caller` is the header that says who is calling."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{caller}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


class Answer(NamedTuple):
    """What was answered to a single call."""

    status: int
    headers: http.client.HTTPMessage
    text: str


def call(port: int, method: str, path: str, caller: str, fields: Any = None, **headers: str) -> Answer:
    """A single call, over a connection of its own, to look at what is answered."""
    name, _, value = caller.partition(": ")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = None if fields is None else json.dumps(fields)
    given = {header.replace("_", "-"): text for header, text in headers.items()}
    connection.request(method, path, body, {"Content-Type": "application/json", name: value, **given})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return Answer(answer.status, answer.headers, text)


@dataclass(frozen=True)
class Measured:
    """What came of a load. Times are in milliseconds; `busy` is the generator's own share of a core."""

    requests: int
    failures: dict[int, int]  # how often each status came that was not the expected one
    per_second: float
    p50: float
    p99: float
    busy: float


@dataclass
class Client:
    """One keep-alive connection and what it measured; times in seconds."""

    requests: Iterator[bytes]
    socket: socket.socket
    expected: bytes
    sent_at: float = 0.0
    received: bytes = b""
    latencies: list[float] = field(default_factory=list)
    failures: Counter[int] = field(default_factory=Counter)

    def send(self) -> bool:
        """Put the next request on its way, if there is one."""
        request = next(self.requests, None)
        if request is not None:
            self.sent_at = time.perf_counter()
            self.socket.sendall(request)
        return request is not None

    def receive(self) -> bool:
        """Take in what has come; true once the answer is complete."""
        piece = self.socket.recv(262_144)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.received += piece
        end = self.received.find(b"\r\n\r\n")
        if end < 0 or len(self.received) < end + 4 + _content_length(self.received):
            return False
        self.latencies.append(time.perf_counter() - self.sent_at)
        if self.received[9:12] != self.expected:
            self.failures[int(self.received[9:12])] += 1
        self.received = b""
        return True


def _content_length(answer: bytes) -> int:
    found = _CONTENT_LENGTH.search(answer)
    return int(found[1]) if found else 0


def drive(port: int, streams: Sequence[Iterator[bytes]], *, seconds: float = math.inf, expected: int = 200) -> Measured:
    """Send each stream of requests over a connection of its own, for `seconds` or until it has no more.

    `expected` is the status of every answer.
    """
    clients = [_connect(port, stream, expected) for stream in streams]
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        started, cpu_started = time.perf_counter(), time.thread_time()
        under_way = sum(client.send() for client in clients)
        while under_way:
            for key, _ in selector.select():
                client = key.data
                if client.receive() and (time.perf_counter() - started >= seconds or not client.send()):
                    selector.unregister(client.socket)  # The server may close it while the others go on.
                    under_way -= 1
        elapsed, cpu = time.perf_counter() - started, time.thread_time() - cpu_started
    for client in clients:
        client.socket.close()
    return _measured(clients, elapsed, cpu)


def _connect(port: int, stream: Iterator[bytes], expected: int) -> Client:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Client(stream, connection, b"%d" % expected)


def _measured(clients: list[Client], elapsed: float, cpu: float) -> Measured:
    latencies = sorted(latency for client in clients for latency in client.latencies)
    return Measured(
        requests=len(latencies),
        failures=dict(sum((client.failures for client in clients), Counter())),
        per_second=len(latencies) / elapsed,
        p50=latencies[len(latencies) // 2] * 1000,
        p99=latencies[int(len(latencies) * 0.99)] * 1000,
        busy=cpu / elapsed,
    )
