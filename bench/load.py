"""A load generator: one process, one thread, a few keep-alive connections, each with one request under way.

Run as `python -m bench.load` with the options below; it prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

PATH = "/api/settings/notifications"
LENGTHS = 7  # different values of otp_code_len, from 4
LIFETIMES = 3_571  # different values of otp_ttl, from 30


def token_of(project: int) -> str:
    """The token of the project's one member (see seed.py), in the form that the app itself gives out."""
    return f"ntf_{project:08x}{project:064x}"


@dataclass
class Client:
    """One keep-alive connection and what it measured; times in seconds."""

    requests: Iterator[bytes]
    socket: socket.socket
    sent_at: float = 0.0
    received: bytes = b""
    latencies: list[float] = field(default_factory=list)
    failures: dict[int, int] = field(default_factory=dict)

    def send(self) -> bool:
        """Put the next request on its way, if there is one."""
        request = next(self.requests, None)
        if request is not None:
            self.sent_at = time.perf_counter()
            self.socket.sendall(request)
        return request is not None

    def receive(self) -> bool:
        """Take in what has come; true once the answer is complete."""
        piece = self.socket.recv(65_536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.received += piece
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return False
        self.latencies.append(time.perf_counter() - self.sent_at)
        status = int(head[9:12])
        if not 200 <= status < 300:
            self.failures[status] = self.failures.get(status, 0) + 1
        self.received = b""
        return True


def _content_length(head: bytes) -> int:
    start = head.lower().index(b"content-length:") + 15
    return int(head[start:].partition(b"\r\n")[0])


def requests(method: str, projects: range, start: int, step: int, nth_run: int) -> Iterator[bytes]:
    """Endless requests, one project after the other; each PATCH sets values unlike those it finds there."""
    number = start + nth_run
    while True:
        for project in projects:
            body = b""
            if method == "PATCH":
                length, lifetime = 4 + number % LENGTHS, 30 + number % LIFETIMES
                body = b'{"notifications_otp_code_len": %d, "notifications_otp_ttl": %d}' % (length, lifetime)
            yield (
                f"{method} {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {token_of(project)}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode() + body
            number += step


def run(port: int, method: str, *, seconds: float, connections: int, projects: int, nth_run: int) -> dict[str, object]:
    """Load the settings for `seconds`."""
    streams = []
    for index in range(connections):
        # With many projects, no two connections share one; with one, they all meet there.
        own = range(1 + index, projects + 1, connections) if projects >= connections else range(1, projects + 1)
        streams.append(requests(method, own, index, connections, nth_run))
    return drive(port, streams, seconds)


def drive(port: int, streams: list[Iterator[bytes]], seconds: float) -> dict[str, object]:
    """Send each stream of requests over a connection of its own, for `seconds` or until one has no more.

    Return how many requests a second were answered, and how fast (ms).
    """
    selector = selectors.DefaultSelector()
    for stream in streams:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(stream, connection)
        selector.register(connection, selectors.EVENT_READ, client)
    clients: list[Client] = [key.data for key in selector.get_map().values()]
    started = time.perf_counter()
    for client in clients:
        client.send()
    under_way = len(clients)
    while under_way:
        for key, _ in selector.select():
            client = key.data
            if client.receive() and (time.perf_counter() - started >= seconds or not client.send()):
                under_way -= 1
    elapsed = time.perf_counter() - started
    return _result(clients, elapsed)


def _result(clients: list[Client], elapsed: float) -> dict[str, object]:
    latencies = sorted(latency for client in clients for latency in client.latencies)
    failures: dict[int, int] = {}
    for client in clients:
        for status, count in client.failures.items():
            failures[status] = failures.get(status, 0) + count
        client.socket.close()
    return {
        "requests": len(latencies),
        "failures": failures,
        "per_second": len(latencies) / elapsed,
        "p50": latencies[len(latencies) // 2] * 1000,
        "p99": latencies[int(len(latencies) * 0.99)] * 1000,
    }


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--method", choices=("GET", "PATCH"), default="GET")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--projects", type=int, default=1)
    parser.add_argument("--nth-run", type=int, default=0)
    options = parser.parse_args()
    print(
        json.dumps(
            run(
                options.port,
                options.method,
                seconds=options.seconds,
                connections=options.connections,
                projects=options.projects,
                nth_run=options.nth_run,
            )
        )
    )


if __name__ == "__main__":
    _main()
