"""Where the workers' messages go: a mail server and an https server on loopback that take everything, and cheaply.

Each is a process of its own (`python -m bench.sinks smtp PORT`, `… webhook PORT CERTIFICATE`) that prints a line for
each message: when it was there, on the clock that all processes share, the sink's own time, and whom it was for.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import certifi
import trustme

from bench.servers import Process, free_port, is_taken, run, wait_for

PATIENCE = 60  # seconds without a message, after which no more are waited for
_POLL = 0.01  # seconds
_ARRIVED = "arrived"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Arrival(NamedTuple):
    """One message: when it arrived (as `time.perf_counter` says), how long the sink had worked by then, for whom."""

    at: float
    cpu: float
    recipient: str


@dataclass
class Sink:
    """A running sink: what a notifier needs to send there, what a worker needs to trust it, and what has arrived."""

    process: Process
    settings: dict[str, Any]
    secrets: dict[str, str]
    environment: dict[str, str]
    arrivals: list[Arrival] = field(default_factory=list)
    _read: int = 0  # bytes of its log

    def wait(self, number: int) -> Arrival:
        """Wait until so many messages have arrived in all; give the one that made the number full."""
        deadline = time.monotonic() + PATIENCE
        while len(self.arrivals) < number:
            if self._look():
                deadline = time.monotonic() + PATIENCE
            elif time.monotonic() > deadline:
                raise SystemExit(f"{len(self.arrivals)} of {number} messages arrived, and then no more")
            else:
                time.sleep(_POLL)
        return self.arrivals[number - 1]

    def _look(self) -> bool:
        """Take in what has arrived since; false if nothing has."""
        with self.process.log.open("rb") as log:
            log.seek(self._read)
            lines, newline, _ = log.read().rpartition(b"\n")
        self._read += len(lines) + len(newline)
        arrived = [line.split() for line in lines.decode().splitlines() if line.startswith(_ARRIVED)]
        self.arrivals += [Arrival(float(at), float(cpu), recipient) for _, at, cpu, recipient in arrived]
        return bool(arrived)


@contextmanager
def open_sink(backend: str, folder: Path) -> Iterator[Sink]:
    """Run the sink for a backend of notifapp's, "smtp" or "webhook"."""
    port = free_port()
    certificate, bundle = _certificates(folder)
    command = [sys.executable, "-m", "bench.sinks", backend, str(port), str(certificate)]
    with run(command, folder / f"{backend}.log", PYTHONUNBUFFERED="1") as process:
        wait_for(process, lambda: is_taken(port))
        settings, secrets = _NOTIFIERS[backend](port)
        trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(bundle))
        yield Sink(process, settings, secrets, trust)


def _certificates(folder: Path) -> tuple[Path, Path]:
    """A certificate for the sink, and the usual authorities with the one that it is from: loading them all costs."""
    authority = trustme.CA()
    certificate, bundle = folder / "sink.pem", folder / "authorities.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    bundle.write_text(certifi.contents() + authority.cert_pem.bytes().decode())
    return certificate, bundle


def _mail_server(port: int) -> tuple[dict[str, Any], dict[str, str]]:
    settings = {"host": "127.0.0.1", "port": port, "username": "shop", "from_email": "shop@example.com"}
    return {**settings, "use_tls": False, "use_ssl": False, "fail_silently": False}, {"password": "a password"}


def _receiver(port: int) -> tuple[dict[str, Any], dict[str, str]]:
    return {"url": f"https://127.0.0.1:{port}/messages"}, {"secret": "a secret of enough characters"}


_NOTIFIERS = {"smtp": _mail_server, "webhook": _receiver}


class _Server(asyncio.Protocol):
    """Cuts what comes in into pieces, and answers each."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = b""
        self.greet()

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.end_of_piece()) >= 0:
            piece, self.received = self.received[:end], self.received[end:]
            self.transport.write(self.answer(piece))

    def greet(self) -> None:
        """Speak first, where that is the custom."""

    @abstractmethod
    def end_of_piece(self) -> int:
        """Where the first piece ends, or -1 when it isn't whole yet."""

    @abstractmethod
    def answer(self, piece: bytes) -> bytes:
        """What to say to it."""


class _Smtp(_Server):
    recipient = b""
    in_message = False

    def greet(self) -> None:
        self.transport.write(b"220 sink\r\n")

    def end_of_piece(self) -> int:
        mark = b"\r\n.\r\n" if self.in_message else b"\r\n"
        place = self.received.find(mark)
        return place + len(mark) if place >= 0 else -1

    def answer(self, piece: bytes) -> bytes:
        if self.in_message:
            self.in_message = False
            _arrived(self.recipient.decode())
            return b"250 OK\r\n"
        match piece[:4].upper():
            case b"EHLO":
                return b"250-sink\r\n250 AUTH PLAIN\r\n"
            case b"AUTH":
                return b"235 OK\r\n"
            case b"RCPT":
                self.recipient = piece.partition(b"<")[2].partition(b">")[0]
            case b"DATA":
                self.in_message = True
                return b"354 Go on\r\n"
            case b"QUIT":
                return b"221 Bye\r\n"
        return b"250 OK\r\n"


class _Http(_Server):
    def end_of_piece(self) -> int:
        head = self.received.find(b"\r\n\r\n") + 4
        length = _CONTENT_LENGTH.search(self.received)
        if head < 4 or length is None or len(self.received) < head + int(length[1]):
            return -1
        return head + int(length[1])

    def answer(self, piece: bytes) -> bytes:
        _arrived(json.loads(piece.partition(b"\r\n\r\n")[2])["recipient"])
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def _arrived(recipient: str) -> None:
    print(_ARRIVED, time.perf_counter(), time.process_time(), recipient)


async def _serve(backend: str, port: int, certificate: str) -> None:
    server, context = _Smtp, None
    if backend == "webhook":
        server, context = _Http, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", port, ssl=context)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
